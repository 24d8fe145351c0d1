//! A guard that restores the host whatever happens to the bench: a shell that waits until the bench
//! is gone.

use crate::Outcome;
use std::{
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
};

/// Runs a script when it is dropped, or when this process ends in any other way.
pub(super) struct Guard {
    shell: Child,
    /// Its end of file is the sign.
    sign: Option<ChildStdin>,
}

impl Guard {
    pub(super) fn new(script: &str) -> Outcome<Self> {
        let mut shell = Command::new("sh");
        // In a group of its own and deaf, so that what interrupts the bench does not interrupt it.
        shell
            .arg("-c")
            .arg(format!("trap '' INT TERM HUP QUIT; read -r sign; {script}"))
            .process_group(0);
        let mut shell = shell.stdin(Stdio::piped()).spawn()?;
        let sign = shell.stdin.take();
        Ok(Self { shell, sign })
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        drop(self.sign.take());
        let _ = self.shell.wait();
    }
}
