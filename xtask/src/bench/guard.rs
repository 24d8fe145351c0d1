//! A guard that restores the host after the bench: a shell that waits until the bench is gone.

use crate::Outcome;
use std::{
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
};

/// Runs a script when it is dropped, or when this process ends in any other way.
pub(super) struct Guard {
    shell: Child,
    /// The pipe whose end of file starts the script.
    sign: Option<ChildStdin>,
}

impl Guard {
    pub(super) fn new(script: &str) -> Outcome<Self> {
        let mut shell = Command::new("sh");
        // In its own process group and ignoring signals, so that an interrupt of the bench does not
        // stop it.
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
