//! A host made of namespaces, the one of the tests: see `tests/support/host.sh`.

use crate::{Outcome, tree};
use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A host that exists as long as its standard input is open.
pub(crate) struct Host {
    script: PathBuf,
    outside: Child,
    init: u32,
}

impl Host {
    /// Makes a host with the cgroup hierarchies of `layout`, `hosts` or `unified`.
    pub(crate) fn start(layout: &str) -> Outcome<Self> {
        let script = tree::root().join("tests/support/host.sh");
        let mut outside = Command::new("bash");
        // In its own process group: an interrupt leaves it time to end.
        outside
            .arg(&script)
            .arg("outside")
            .arg(layout)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut outside = outside.spawn()?;
        let mut line = String::new();
        if let Some(output) = outside.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let mut host = Self {
            script,
            outside,
            init: 0,
        };
        if line != "ready\n" {
            return Err("the host of the containers could not be made".into());
        }
        // The script is bash; its child became unshare, whose child is PID 1.
        host.init = only_child(only_child(host.outside.id())?)?;
        Ok(host)
    }

    /// Returns a command that runs this program on the host.
    pub(crate) fn xtask(&self) -> Outcome<Command> {
        let mut command = Command::new("bash");
        command
            .arg(&self.script)
            .arg("enter")
            .arg(format!("/nsx-tests.{}", self.outside.id()));
        command
            .arg(self.init.to_string())
            .arg(env::current_exe()?)
            .stdin(Stdio::null());
        Ok(command)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.outside.stdin.take());
        let _ = self.outside.wait();
    }
}

fn only_child(pid: u32) -> Outcome<u32> {
    Ok(
        fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?
            .trim()
            .parse()?,
    )
}

/// Finds a program in PATH.
pub(crate) fn which(tool: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|directory| directory.join(tool))
        .find(|path| path.is_file())
}
