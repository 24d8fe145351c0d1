//! A process that a test started: watched, signalled, ended.

use super::procfs::{self, Pinned};
use rustix::process::Signal;
use std::{
    fmt,
    fs::File,
    io,
    os::unix::{fs::FileExt, process::ExitStatusExt},
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

/// The time limit for anything that must happen. It is long because a loaded host must not fail a
/// test.
const LIMIT: Duration = Duration::from_secs(20);

/// Calls `probe` until it returns true. Fails the test if that takes too long.
#[track_caller]
pub(crate) fn until(what: &str, mut probe: impl FnMut() -> bool) {
    let deadline = Instant::now() + LIMIT;
    while !probe() {
        assert!(
            Instant::now() < deadline,
            "waited {LIMIT:?} in vain: {what}"
        );
        thread::sleep(Duration::from_millis(5));
    }
}

/// A running command. If the test ends first, the command is killed with its descendants.
pub(crate) struct Process {
    /// The command line, for messages.
    command: String,
    child: Child,
    pinned: Pinned,
    /// Standard output and standard error, unless a terminal has them.
    output: Option<[File; 2]>,
}

impl Process {
    pub(crate) fn new(command: String, child: Child, output: Option<[File; 2]>) -> Self {
        // Not waited for yet, so the number is its own.
        let pinned = Pinned::new(child.id()).unwrap();
        Self {
            command,
            child,
            pinned,
            output,
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.pinned.id()
    }

    pub(crate) fn pinned(&self) -> &Pinned {
        &self.pinned
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.pinned.signal(signal);
    }

    /// The process called `name`, this one or a descendant, as soon as it exists.
    #[track_caller]
    pub(crate) fn program(&self, name: &str) -> Pinned {
        let mut found = None;
        until(&format!("{name} runs under {self}"), || {
            let family = std::iter::once(self.id()).chain(procfs::descendants(self.id()));
            found = family
                .filter(|&id| procfs::comm(id) == name)
                .find_map(Pinned::new);
            found.is_some()
        });
        found.unwrap()
    }

    /// Returns what the process has written to standard output up to now.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.output
            .as_ref()
            .map(|[stdout, _]| contents(stdout))
            .unwrap_or_default()
    }

    /// Waits for a line of standard output and returns it.
    #[track_caller]
    pub(crate) fn line(&self) -> String {
        until(&format!("a line from {self}"), || {
            self.stdout().contains(&b'\n')
        });
        String::from_utf8(self.stdout())
            .unwrap()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    /// Waits for its end, which must come in time.
    #[track_caller]
    pub(crate) fn wait(self) -> Outcome {
        self.wait_for(LIMIT)
    }

    /// As [`Self::wait`], with a limit of its own.
    #[track_caller]
    pub(crate) fn wait_for(mut self, limit: Duration) -> Outcome {
        assert!(
            self.pinned.ended(limit),
            "{self} had not ended after {limit:?}"
        );
        let status = self.child.wait().unwrap();
        let [stdout, stderr] = self
            .output
            .as_ref()
            .map(|files| files.each_ref().map(contents))
            .unwrap_or_default();
        Outcome {
            command: self.command.clone(),
            status,
            stdout,
            stderr,
        }
    }
}

impl fmt::Display for Process {
    /// The command and its output.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (process {})", self.command, self.id())?;
        self.output
            .iter()
            .try_for_each(|[stdout, stderr]| show(f, &contents(stdout), &contents(stderr)))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        // Each is pinned and then looked up again: none of them is another process by now.
        let below: Vec<Pinned> = procfs::descendants(self.id())
            .into_iter()
            .filter_map(Pinned::new)
            .collect();
        let still = procfs::descendants(self.id());
        self.signal(Signal::KILL);
        below
            .iter()
            .filter(|process| still.contains(&process.id()))
            .for_each(|process| process.signal(Signal::KILL));
        let _ = self.child.wait();
    }
}

/// The end of a command: its status and its output.
pub(crate) struct Outcome {
    command: String,
    status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Outcome {
    /// Checks that it exited with this status.
    #[track_caller]
    pub(crate) fn exited(self, code: i32) -> Self {
        assert_eq!(self.status.code(), Some(code), "exit status of {self}");
        self
    }

    /// Checks that it was ended by this signal, without a core dump.
    #[track_caller]
    pub(crate) fn killed_by(self, signal: Signal) -> Self {
        assert_eq!(
            self.status.signal(),
            Some(signal.as_raw()),
            "signal that ended {self}"
        );
        assert!(!self.status.core_dumped(), "core dump of {self}");
        self
    }

    /// Checks that each of `words` is in its standard error, in any case.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        let stderr = String::from_utf8_lossy(&self.stderr).to_lowercase();
        for word in words {
            assert!(
                stderr.contains(&word.to_lowercase()),
                "`{word}` is not on standard error of {self}"
            );
        }
        self
    }

    /// Returns how the command ended, in words.
    pub(crate) fn status(&self) -> String {
        self.status.to_string()
    }

    /// Returns its standard output, which must be text, without the last newline.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        let text = str::from_utf8(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: standard output of {self}"));
        text.strip_suffix('\n').unwrap_or(text)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, {}", self.command, self.status)?;
        show(f, &self.stdout, &self.stderr)
    }
}

fn show(f: &mut fmt::Formatter<'_>, stdout: &[u8], stderr: &[u8]) -> fmt::Result {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    write!(
        f,
        "\n--- standard output\n{}\n--- standard error\n{}\n---",
        text(stdout),
        text(stderr)
    )
}

/// Reads a whole file, wherever its writers are in it.
fn contents(file: &File) -> Vec<u8> {
    let length = file
        .metadata()
        .and_then(|metadata| usize::try_from(metadata.len()).map_err(io::Error::other))
        .unwrap();
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}
