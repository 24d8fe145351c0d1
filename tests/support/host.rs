//! A host of its own for a test of container engines.
//!
//! The engines keep their records in fixed directories, in which nsx looks for them. A test must
//! not see another test's containers, nor those of the user who runs the tests. So each has a host
//! made of namespaces: `host.sh` lists its own parts. Its processes, mounts, links and cgroups end
//! with it, even if the test program is killed.

use super::{
    command::Command,
    procfs::{self, Pinned},
    session::{ORDINARY, Session},
};
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Stdio},
};

const SCRIPT: &str = include_str!("host.sh");

/// The cgroup hierarchies of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cgroups {
    /// The hierarchies of the machine.
    AsOutside,
    /// cgroup2 alone, as on a modern host.
    Unified,
}

/// A host, as long as it is held.
pub(crate) struct Host<'a> {
    session: &'a Session<'a>,
    outside: Child,
    init: Pinned,
}

impl<'a> Host<'a> {
    #[track_caller]
    pub(crate) fn new(session: &'a Session<'_>, cgroups: Cgroups) -> Self {
        let layout = match cgroups {
            Cgroups::AsOutside => "hosts",
            Cgroups::Unified => "unified",
        };
        fs::write(session.path("host.sh"), SCRIPT).unwrap();
        let mut outside = session
            .command(&format!("bash host.sh outside {layout}"))
            .prepare();
        // In its own process group: an interrupt from the terminal leaves it time to end.
        outside
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0);
        let mut outside = outside.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(outside.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(
            line, "ready\n",
            "the host of container engines does not start: see standard error"
        );
        // bash, bash that became unshare, bash as PID 1
        let init = procfs::descendants(outside.id())
            .into_iter()
            .nth(1)
            .and_then(Pinned::new)
            .unwrap();
        Self {
            session,
            outside,
            init,
        }
    }

    /// A command of root in the host, in its root directory.
    pub(crate) fn command(&self, words: &str) -> Command {
        let enter = format!(
            "bash host.sh enter /nsx-tests.{} {}",
            self.outside.id(),
            self.init.id()
        );
        self.session.command(&enter).args(words)
    }

    /// A shell of root in the host.
    pub(crate) fn shell(&self, script: &str) -> Command {
        self.command("sh -ec").arg(script)
    }

    /// A command of the host's ordinary user, `mapper`, who has sub-ids and a runtime directory.
    pub(crate) fn mapper(&self, words: &str) -> Command {
        self.command("setpriv --reuid=4242 --regid=4242 --clear-groups --")
            .args(words)
            .env("HOME", "/var/lib/mapper")
            .env("XDG_RUNTIME_DIR", format!("/run/user/{ORDINARY}"))
    }

    /// Returns whether the host has a process `id`.
    pub(crate) fn exists(&self, id: u32) -> bool {
        fs::exists(format!("/proc/{}", self.process(id))).unwrap()
    }

    /// The host's process `id` for readers of the test program's /proc: `procfs::status`,
    /// `procfs::ns`.
    pub(crate) fn process(&self, id: u32) -> String {
        format!("{}/root/proc/{id}", self.init.id())
    }
}

impl Drop for Host<'_> {
    /// The end of standard input is the end of the host.
    fn drop(&mut self) {
        drop(self.outside.stdin.take());
        let _ = self.outside.wait();
    }
}
