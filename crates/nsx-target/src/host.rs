//! [`Host`]: whose records are read, and where they are.
//!
//! The root directory is a value, so that a recorded tree stands in for a live host in tests.

use crate::files::{Dir, ReadError};
use nsx_core::{
    accounts,
    proc::{ProcRoot, decimal},
};
use rustix::io::Errno;
use std::{
    cell::OnceCell,
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// A host with its containers' records.
#[derive(Debug)]
pub struct Host {
    /// The root directory of a recorded host; none for the live one.
    root: Option<Dir>,
    proc: ProcRoot,
    caller: Person,
    is_root: bool,
    people: OnceCell<Vec<Person>>,
}

/// A user who may have a rootless engine, and where it keeps its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `XDG_DATA_HOME`, or `~/.local/share`.
    pub data: PathBuf,
    /// `XDG_CONFIG_HOME`, or `~/.config`.
    pub config: PathBuf,
    /// `XDG_RUNTIME_DIR`, or `/run/user/UID`.
    pub runtime: PathBuf,
    /// The user's id, which engines put into the names of directories in /tmp where there is no runtime directory.
    pub uid: u32,
}

impl Person {
    /// Someone with a home directory and nothing set otherwise.
    pub fn at_home(uid: u32, home: &Path) -> Self {
        Self {
            data: home.join(".local/share"),
            config: home.join(".config"),
            runtime: PathBuf::from(format!("/run/user/{uid}")),
            uid,
        }
    }

    /// Whoever calls, as the environment says.
    fn caller() -> Self {
        let uid = rustix::process::geteuid().as_raw();
        let set = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let person = Self::at_home(uid, &set("HOME").unwrap_or_else(|| "/".into()));
        Self {
            data: set("XDG_DATA_HOME").unwrap_or(person.data),
            config: set("XDG_CONFIG_HOME").unwrap_or(person.config),
            runtime: set("XDG_RUNTIME_DIR").unwrap_or(person.runtime),
            uid,
        }
    }
}

impl Host {
    /// The host that nsx runs on, as the caller sees it.
    ///
    /// # Errors
    /// The errno with which /proc could not be opened.
    pub fn system() -> Result<Self, Errno> {
        Ok(Self {
            root: None,
            proc: ProcRoot::system()?,
            caller: Person::caller(),
            is_root: rustix::process::geteuid().is_root(),
            people: OnceCell::new(),
        })
    }

    /// A recorded host: the tree below `root`, with `proc` for its processes, as `caller` sees it.
    ///
    /// # Errors
    /// [`ReadError`] where the tree cannot be opened.
    pub fn recorded(root: &Path, proc: ProcRoot, caller: Person) -> Result<Self, ReadError> {
        let is_root = caller.uid == 0;
        Ok(Self { root: Some(Dir::open(root)?), proc, caller, is_root, people: OnceCell::new() })
    }

    /// Its processes.
    pub fn proc(&self) -> &ProcRoot {
        &self.proc
    }

    /// Whether the caller is root, who may read what engines keep for themselves.
    pub fn is_root(&self) -> bool {
        self.is_root
    }

    /// Whether sockets of this host can be talked to.
    pub(crate) fn is_live(&self) -> bool {
        self.root.is_none()
    }

    /// An absolute path's directory.
    pub(crate) fn dir(&self, path: impl AsRef<Path>) -> Result<Dir, ReadError> {
        match &self.root {
            None => Dir::open(path.as_ref()),
            Some(root) => root.open_as_root(path.as_ref()),
        }
    }

    /// A file of the administrator's, such as one in /etc.
    pub(crate) fn read(&self, directory: impl AsRef<Path>, name: &str) -> Result<Vec<u8>, ReadError> {
        self.dir(directory)?.read(name)
    }

    /// Those whose rootless engines are looked at: the caller; and for root everybody who has a runtime directory or is in
    /// /etc/passwd.
    pub(crate) fn people(&self) -> &[Person] {
        self.people.get_or_init(|| {
            let others = if self.is_root { self.others() } else { Vec::new() };
            let mut known: Vec<Person> = Vec::new();
            // The caller comes last, for under sudo HOME may be another's, and many accounts share a directory such as /.
            for person in others.into_iter().chain([self.caller.clone()]) {
                if !known.iter().any(|other| other.data == person.data) {
                    known.push(person);
                }
            }
            known
        })
    }

    fn others(&self) -> Vec<Person> {
        let passwd = self.read("/etc", "passwd").unwrap_or_default();
        let mut people: Vec<Person> = accounts::users(&passwd)
            .filter(|user| user.uid != 0 && user.home.len() > 1 && user.home.starts_with(b"/"))
            .map(|user| Person::at_home(user.uid, Path::new(&OsString::from_vec(user.home))))
            .collect();
        // Whoever logs in from a directory service is in no file.
        let logged_in = self.dir("/run/user").and_then(|dir| dir.names()).unwrap_or_default();
        for uid in logged_in.iter().filter_map(|name| u32::try_from(decimal(name)?).ok()) {
            if uid != 0 && !people.iter().any(|person| person.uid == uid) {
                let user = if self.is_live() { accounts::user_by_id(uid).ok().flatten() } else { None };
                let home = user.map_or_else(|| "/nonexistent".into(), |user| OsString::from_vec(user.home));
                people.push(Person::at_home(uid, Path::new(&home)));
            }
        }
        people
    }
}
