//! A command line, and the ways to run it.
//!
//! Standard output and standard error go to files in memory, not to pipes: a process that is left
//! behind blocks nobody, and the output can be read at any time.

use super::{
    filter::Filter,
    process::{Outcome, Process},
};
use rustix::fs::{MemfdFlags, memfd_create};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::File,
    io::{Seek, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Stdio},
};

/// A command that has not started.
#[derive(Clone)]
pub(crate) struct Command {
    /// The words in front that change the command's user.
    prefix: &'static [&'static str],
    words: Vec<OsString>,
    directory: PathBuf,
    environment: BTreeMap<OsString, OsString>,
    input: Vec<u8>,
    filter: Option<Filter>,
    /// The program that applies a filter.
    filterer: PathBuf,
}

impl Command {
    /// `words` are separated by single spaces.
    pub(crate) fn new(prefix: &'static [&'static str], words: &str, filterer: PathBuf) -> Self {
        Self {
            prefix,
            words: words.split(' ').map(OsString::from).collect(),
            directory: PathBuf::from("/"),
            environment: BTreeMap::new(),
            input: Vec::new(),
            filter: None,
            filterer,
        }
    }

    /// Adds one word, whatever the word contains.
    pub(crate) fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(word.as_ref().to_owned());
        self
    }

    /// More words, separated by single spaces.
    pub(crate) fn args(mut self, words: &str) -> Self {
        self.words.extend(words.split(' ').map(OsString::from));
        self
    }

    /// Like [`Self::args`], and `words` may be empty.
    pub(crate) fn options(self, words: &str) -> Self {
        if words.is_empty() {
            self
        } else {
            self.args(words)
        }
    }

    /// Sets the directory where the command starts.
    pub(crate) fn directory(mut self, directory: &Path) -> Self {
        directory.clone_into(&mut self.directory);
        self
    }

    /// Adds a variable to its environment, which is otherwise fixed.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// Sets what the command reads from standard input, which is /dev/null otherwise.
    pub(crate) fn input(mut self, bytes: &[u8]) -> Self {
        bytes.clone_into(&mut self.input);
        self
    }

    /// Removes kernel features for it.
    pub(crate) fn under(mut self, filter: Filter) -> Self {
        self.filter = Some(filter);
        self
    }

    /// Runs it until it ends, within the time limit.
    #[track_caller]
    pub(crate) fn run(self) -> Outcome {
        self.start().wait()
    }

    /// Runs it successfully. Returns its standard output without the last newline.
    #[track_caller]
    pub(crate) fn output(self) -> String {
        self.run().exited(0).text().to_owned()
    }

    /// Starts it in a process group of its own.
    #[track_caller]
    pub(crate) fn start(self) -> Process {
        let output = ["stdout", "stderr"].map(memory);
        let [stdout, stderr] = output
            .each_ref()
            .map(|file| Stdio::from(file.try_clone().unwrap()));
        let mut command = self.prepare();
        command
            .stdin(self.stdin())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        Process::new(self.to_string(), self.spawn(command), Some(output))
    }

    /// Starts it with a terminal for standard input, output and error, in the process group of the
    /// tests.
    #[track_caller]
    pub(crate) fn start_on(self, terminal: &File) -> Process {
        let mut command = self.prepare();
        let [stdin, stdout, stderr] =
            std::array::from_fn(|_| Stdio::from(terminal.try_clone().unwrap()));
        command.stdin(stdin).stdout(stdout).stderr(stderr);
        Process::new(self.to_string(), self.spawn(command), None)
    }

    fn spawn(&self, mut command: process::Command) -> process::Child {
        command
            .spawn()
            .unwrap_or_else(|error| panic!("failed to start `{self}`: {error}"))
    }

    fn stdin(&self) -> Stdio {
        if self.input.is_empty() {
            return Stdio::null();
        }
        let mut file = memory("stdin");
        file.write_all(&self.input)
            .and_then(|()| file.rewind())
            .unwrap();
        file.into()
    }

    /// The command with the words in front that change its user and take features away.
    pub(crate) fn prepare(&self) -> process::Command {
        let mut words: Vec<&OsStr> = self.prefix.iter().map(OsStr::new).collect();
        if let Some(filter) = self.filter {
            words.extend([
                self.filterer.as_os_str(),
                OsStr::new(Filter::OPTION),
                OsStr::new(filter.name()),
            ]);
        }
        words.extend(self.words.iter().map(OsString::as_os_str));
        let mut command = process::Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir(&self.directory)
            .env_clear()
            .envs(&self.environment);
        command
    }
}

impl std::fmt::Display for Command {
    /// The words, as they may be typed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<_> = self
            .words
            .iter()
            .map(|word| word.to_string_lossy())
            .collect();
        f.write_str(&words.join(" "))
    }
}

/// A file that has no name and exists only in memory.
fn memory(name: &str) -> File {
    memfd_create(name, MemfdFlags::CLOEXEC).unwrap().into()
}
