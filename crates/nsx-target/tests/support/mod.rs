//! Recorded hosts: a tree of files in the engines' formats, and processes that the records name.
//! A host is one text, `recorded/NAME.txt`: a few words about it, then a line `-- PATH` for each
//! file, with its content below, or `-- PATH -> TARGET` for a symbolic link. `@PID:name@` and
//! `@START:name@` belong to a process, `@NAME@` is an id of 64 digits. The processes exist, because
//! a record is only believed if its process can be pinned. The files of their procfs are recorded,
//! except for their namespaces, which are real.
//!
//! The owner of the tree, who is the user who runs the tests, stands for root there.

#![allow(dead_code, reason = "not every test program needs all of it")]

use nsx_core::{pid::Pid, proc::ProcRoot};
use nsx_target::{Host, Pattern, Person, Subject, Target, TargetError};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::atomic::{AtomicU32, Ordering},
};

/// The start of a host's first process, in clock ticks. Each process after it starts later.
const FIRST_START: u64 = 1_153_757;

/// Returns the number of things that a pattern fits.
pub(crate) fn fitting(host: &Recorded, pattern: &str) -> usize {
    let pattern = Pattern::parse(pattern.as_bytes()).unwrap();
    host.host().find_all(&pattern).unwrap().len()
}

pub(crate) struct Recorded {
    root: PathBuf,
    caller: Person,
    processes: BTreeMap<String, (Child, u64)>,
}

/// Returns the id that stands for a name in capital letters.
pub(crate) fn id(name: &str) -> String {
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    digits.chars().cycle().take(64).collect()
}

impl Recorded {
    /// Returns a host without records, with these processes, each with the text of its cgroups.
    pub(crate) fn new(processes: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let root =
            std::env::temp_dir().join(format!("nsx-recorded-{}-{number}", std::process::id()));
        fs::create_dir_all(root.join("proc")).unwrap();
        let mut host = Self {
            root,
            caller: Person::at_home(0, Path::new("/root")),
            processes: BTreeMap::new(),
        };
        host.link("proc/self/ns", "/proc/self/ns");
        for (name, cgroup) in processes {
            let child = Command::new("sleep").arg("1000").spawn().unwrap();
            let start = FIRST_START + host.processes.len() as u64;
            let pid = child.id();
            host.processes.insert((*name).to_owned(), (child, start));
            host.describe(pid, 1, start, &host.filled(cgroup));
        }
        host
    }

    /// Returns the host of a text.
    pub(crate) fn load(text: &str, processes: &[(&str, &str)]) -> Self {
        let host = Self::new(processes);
        let (_about, files) = text.split_once("\n-- ").unwrap();
        for file in files.split("\n-- ") {
            let (path, content) = file.split_once('\n').unwrap_or((file, ""));
            match host.filled(path).split_once(" -> ") {
                Some((path, target)) => host.link(path, target),
                None => host.file(&host.filled(path), content),
            }
        }
        host
    }

    /// Writes a file, and fills in its placeholders.
    pub(crate) fn file(&self, path: &str, content: &str) {
        let path = self.path(&self.filled(path));
        fs::write(path, self.filled(content)).unwrap();
    }

    pub(crate) fn link(&self, path: &str, target: &str) {
        symlink(target, self.path(path)).unwrap();
    }

    /// Returns a path in the tree, and creates its directory.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Writes the files of a process in the recorded procfs.
    pub(crate) fn describe(&self, pid: u32, parent: u32, start: u64, cgroup: &str) {
        let uid = rustix::process::getuid().as_raw();
        self.file(
            &format!("proc/{pid}/stat"),
            &format!(
                "{pid} (a) b) S {parent} 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 {start} 20\n"
            ),
        );
        self.file(&format!("proc/{pid}/cgroup"), &format!("{cgroup}\n"));
        let _ = fs::remove_file(self.path(&format!("proc/{pid}/ns")));
        self.link(&format!("proc/{pid}/ns"), &format!("/proc/{pid}/ns"));
        self.file(
            &format!("proc/{pid}/status"),
            &format!(
                "Name:\tx\nTgid:\t{pid}\nPPid:\t{parent}\nUid:\t{uid}\t{uid}\t{uid}\t{uid}\nGid:\t0\t0\t0\t0\nNSpid:\t{pid}\t1\n\
                 SigPnd:\t0\nShdPnd:\t0\nSigBlk:\t0\nSigIgn:\t0\nSigCgt:\t0\n"
            ),
        );
    }

    /// Returns a text with the placeholders for processes and ids filled in.
    fn filled(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('@') {
            filled.push_str(before);
            let Some((name, after)) = after.split_once('@') else {
                filled.push('@');
                rest = after;
                continue;
            };
            if let Some(process) = name.strip_prefix("PID:") {
                filled.push_str(&self.pid(process).to_string());
            } else if let Some(process) = name.strip_prefix("START:") {
                filled.push_str(&self.processes[process].1.to_string());
            } else if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase()) {
                filled.push_str(&id(name));
            } else {
                filled.push('@');
                rest = &rest[before.len() + 1..];
                continue;
            }
            rest = after;
        }
        filled + rest
    }

    pub(crate) fn pid(&self, name: &str) -> u32 {
        self.processes[name].0.id()
    }

    /// Ends a process.
    pub(crate) fn end(&mut self, name: &str) {
        let (child, _) = self.processes.get_mut(name).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Lets another user than root look at the host from now on.
    pub(crate) fn called_by(&mut self, uid: u32, home: &str) {
        self.caller = Person::at_home(uid, Path::new(home));
    }

    /// Returns the host as its caller sees it; the caller is root unless another user was set.
    pub(crate) fn host(&self) -> Host {
        let proc = ProcRoot::open(&self.root.join("proc")).unwrap();
        Host::recorded(&self.root, proc, self.caller.clone()).unwrap()
    }

    pub(crate) fn find(&self, word: &str) -> Result<Subject, TargetError> {
        let target = Target::parse(word.as_bytes()).unwrap();
        self.host().find_process(&target)
    }

    /// Checks that each word leads to the process, as the container of this address.
    #[track_caller]
    pub(crate) fn leads(&self, words: &[&str], process: &str, address: &str) {
        for word in words {
            let word = self.filled(word);
            let subject = self
                .find(&word)
                .unwrap_or_else(|error| panic!("{word}: {error}"));
            assert_eq!(
                subject.process.pid(),
                Pid::from_raw(self.pid(process).cast_signed()).unwrap(),
                "{word}"
            );
            assert_eq!(
                subject.container.unwrap().address(),
                self.filled(address),
                "{word}"
            );
        }
    }

    /// Checks that a word leads nowhere, and that the message has these parts.
    #[track_caller]
    pub(crate) fn refuses(&self, word: &str, why: &[&str]) -> TargetError {
        let word = self.filled(word);
        let error = self
            .find(&word)
            .map(|subject| subject.container)
            .unwrap_err();
        let text = [vec![error.to_string()], error.hints()].concat().join("\n");
        for part in why {
            assert!(
                text.contains(&self.filled(part)),
                "{word}: {part:?} is not in: {text}"
            );
        }
        error
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        for (child, _) in self.processes.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// Returns the bytes of a path, for messages.
pub(crate) fn shown(path: &Path) -> String {
    String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()
}
