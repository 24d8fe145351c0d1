//! A run of one test: its user, its own directory, and the commands that it starts.

use super::{
    command::Command,
    place::Place,
    process::{Process, until},
    procfs::{self, Pinned},
    terminal::Terminal,
};
use rustix::process::{Signal, geteuid};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// The directories where the tests look for programs, after nsx's own directory.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// User and group id of the ordinary user that root becomes, without an account.
pub(crate) const ORDINARY: u32 = 4242;

/// The user that a test runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    Root,
    /// The user who runs the tests, or [`ORDINARY`] if that user is root.
    Ordinary,
}

impl User {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Ordinary => "user",
        }
    }

    /// Words in front of a command that make it this user's.
    pub(crate) fn prefix(self) -> &'static [&'static str] {
        const DROP: [&str; 5] = [
            "setpriv",
            "--reuid=4242",
            "--regid=4242",
            "--clear-groups",
            "--",
        ];
        if self.drops() { &DROP } else { &[] }
    }

    /// Returns whether the tests run as root and this user is not root.
    fn drops(self) -> bool {
        self == Self::Ordinary && geteuid().is_root()
    }
}

/// The context that a test works with.
pub(crate) struct Session<'a> {
    place: &'a Place,
    user: User,
    directory: PathBuf,
}

impl<'a> Session<'a> {
    pub(crate) fn new(place: &'a Place, user: User) -> Self {
        let directory = place.directory(user.drops().then_some((ORDINARY, ORDINARY)));
        Self {
            place,
            user,
            directory,
        }
    }

    pub(crate) fn is_root(&self) -> bool {
        self.user == User::Root
    }

    /// The test's own directory, in which its commands start.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A path in the test's directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The effective user and group id of the test's commands.
    pub(crate) fn ids(&self) -> (u32, u32) {
        if self.user.drops() {
            (ORDINARY, ORDINARY)
        } else {
            (geteuid().as_raw(), rustix::process::getegid().as_raw())
        }
    }

    /// A command of these words, separated by single spaces; [`Command::arg`] takes words with a
    /// space.
    ///
    /// Its environment is small and always the same: PATH, HOME, SHELL, LC_ALL, TERM, and the mark
    /// that shows [`Self::assert_nothing_left`] which processes the test started.
    pub(crate) fn command(&self, words: &str) -> Command {
        self.command_after(self.user.prefix(), words)
    }

    /// Like [`Self::command`], with a /dev/net/tun that the user may open: a device file of its own,
    /// if root runs the tests.
    pub(crate) fn command_with_tun(&self, words: &str) -> Command {
        if !geteuid().is_root() {
            return self.command(words);
        }
        let script = "mount -t tmpfs tmpfs /mnt
            mknod /mnt/tun c 10 200
            chmod 666 /mnt/tun
            mount --bind /mnt/tun /dev/net/tun
            exec \"$@\"";
        let mut command = self
            .command_after(&[], "unshare --mount sh -ec")
            .arg(script);
        command = command.arg("sh");
        for word in self.user.prefix() {
            command = command.arg(word);
        }
        command.args(words)
    }

    fn command_after(&self, prefix: &'static [&'static str], words: &str) -> Command {
        let path = format!("{}:{PATH}", self.place.bin().display());
        Command::new(prefix, words, self.place.tests())
            .directory(&self.directory)
            .env("PATH", path)
            .env("HOME", &self.directory)
            .env("SHELL", "/bin/sh")
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "dumb")
            .env(MARK, &self.directory)
    }

    /// `nsx` with these words.
    pub(crate) fn nsx(&self, words: &str) -> Command {
        self.command(&format!("nsx {words}"))
    }

    /// `nsx unshare` with these words, and with `-r` if the user needs it.
    pub(crate) fn unshare(&self, words: &str) -> Command {
        self.nsx(&format!("unshare {}{words}", self.map_root()))
    }

    /// util-linux's `unshare`, otherwise like [`Self::unshare`].
    pub(crate) fn original_unshare(&self, words: &str) -> Command {
        self.command(&format!("unshare {}{words}", self.map_root()))
    }

    /// Runs nsx instead of util-linux's programs in a command and its descendants.
    pub(crate) fn strict(&self, command: Command) -> Command {
        command.env(
            "PATH",
            format!(
                "{}:{}:{PATH}",
                self.place.strict().display(),
                self.place.bin().display()
            ),
        )
    }

    /// Removes from an output the directory that [`Self::strict`] puts first in PATH.
    pub(crate) fn without_strict_path(&self, text: &str) -> String {
        text.replace(&format!("{}:", self.place.strict().display()), "")
    }

    /// `-r ` for the ordinary user, nothing for root.
    pub(crate) fn map_root(&self) -> &'static str {
        if self.is_root() { "" } else { "-r " }
    }

    /// The options of nsenter(1) to enter a user namespace of [`Self::map_root`]: for the ordinary
    /// user alone.
    pub(crate) fn enter_user(&self) -> &'static str {
        if self.is_root() {
            ""
        } else {
            "--user --preserve-credentials "
        }
    }

    /// Runs a script in new namespaces, which `options` of unshare name. It ends as `sleep`.
    pub(crate) fn namespaces(&self, options: &str, script: &str) -> Process {
        let (map, done) = (self.map_root(), self.path("done"));
        let process = self
            .command(&format!("unshare {map}{options} sh -ec"))
            .arg(format!(
                "{script}\ntouch {}; exec sleep 100",
                done.display()
            ))
            .start();
        until("the script is done", || fs::remove_file(&done).is_ok());
        process
    }

    /// A POSIX shell that runs `script`.
    pub(crate) fn shell(&self, script: &str) -> Command {
        self.command("sh -c").arg(script)
    }

    /// A terminal with an interactive shell at its prompt.
    pub(crate) fn terminal(&self) -> Terminal {
        Terminal::new(self)
    }

    /// Fails the test if a process that it started still exists, after a moment for those that are
    /// about to end.
    pub(crate) fn assert_nothing_left(&self) {
        until("the test leaves no process behind", || {
            self.marked().is_empty()
        });
    }

    /// The processes that have the mark in their environment.
    pub(crate) fn marked(&self) -> Vec<Pinned> {
        let mark = format!("{MARK}={}", self.directory.display());
        let has_mark = |process: &Pinned| {
            let environment =
                fs::read(format!("/proc/{}/environ", process.id())).unwrap_or_default();
            environment
                .split(|&byte| byte == 0)
                .any(|variable| variable == mark.as_bytes())
        };
        procfs::processes()
            .filter_map(Pinned::new)
            .filter(has_mark)
            .collect()
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        for process in self.marked() {
            process.signal(Signal::KILL);
        }
    }
}

/// The variable that marks a test's processes.
const MARK: &str = "NSX_TEST_SESSION";
