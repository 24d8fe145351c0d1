//! [`Host`]: the host whose records are read.
//!
//! The root directory is a value, so that tests can use a recorded tree instead of a live host.

use crate::{
    claim::{Claim, Location},
    container::Owner,
    error::TargetError,
    files::{Content, Dir, Files, part},
    person::{Owners, Person},
    unread::{ReadError, Unread},
};
use nsx_core::{
    accounts,
    hash::{HashMap, HashSet},
    proc::{ProcRoot, decimal},
};
use std::{
    cell::{OnceCell, RefCell},
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
    rc::Rc,
};

/// The seconds by which a process may seem to have started after its record was written, because
/// both times are rounded.
const ROUNDING: u64 = 2;

/// A host with its containers' records.
#[derive(Debug)]
pub struct Host {
    /// The files; on the live host unset until a store is read.
    files: OnceCell<Rc<Files>>,
    is_live: bool,
    proc: ProcRoot,
    caller: Person,
    users: OnceCell<Users>,
    people: OnceCell<Vec<Person>>,
    boot: OnceCell<Option<u64>>,
    cut_off: RefCell<Vec<Unread>>,
}

/// The accounts in /etc/passwd. The first account with a name or id counts.
#[derive(Debug, Default)]
struct Users {
    by_uid: HashMap<u32, accounts::User>,
    by_name: HashMap<Vec<u8>, u32>,
}

impl Host {
    /// Returns the host that the caller runs on, as the caller sees it. This only opens /proc.
    ///
    /// # Errors
    /// [`TargetError::Host`] if /proc cannot be opened.
    pub fn system() -> Result<Self, TargetError> {
        let proc = ProcRoot::system().map_err(|errno| TargetError::Host {
            act: "open /proc",
            source: errno.into(),
        })?;
        Ok(Self::new(OnceCell::new(), true, proc, Person::caller()))
    }

    /// Returns a recorded host: the tree below `root`, with `proc` for its processes, as `caller`
    /// sees it.
    ///
    /// # Errors
    /// [`ReadError`] if the tree cannot be opened.
    pub fn recorded(root: &Path, proc: ProcRoot, caller: Person) -> Result<Self, ReadError> {
        let files = Rc::new(Files::recorded(root, caller.uid)?);
        Ok(Self::new(files.into(), false, proc, caller))
    }

    fn new(files: OnceCell<Rc<Files>>, is_live: bool, proc: ProcRoot, caller: Person) -> Self {
        Self {
            files,
            is_live,
            proc,
            caller,
            users: OnceCell::new(),
            people: OnceCell::new(),
            boot: OnceCell::new(),
            cut_off: RefCell::default(),
        }
    }

    /// Returns the host's files.
    fn files(&self) -> Result<&Rc<Files>, ReadError> {
        if let Some(files) = self.files.get() {
            return Ok(files);
        }
        let files = Rc::new(Files::system(self.caller.uid)?);
        Ok(self.files.get_or_init(|| files))
    }

    /// Returns the host's processes.
    pub fn proc(&self) -> &ProcRoot {
        &self.proc
    }

    /// Returns whether the caller is root, who may read what engines keep for themselves.
    pub fn is_root(&self) -> bool {
        self.caller.uid == 0
    }

    /// Returns the stores that were cut off because of their cost, each once per engine.
    pub fn cut_off(&self) -> Vec<Unread> {
        self.cut_off.borrow().clone()
    }

    pub(crate) fn remember_cut_off(&self, unread: &Unread) {
        let mut known = self.cut_off.borrow_mut();
        if !known
            .iter()
            .any(|other| (other.engine, &other.why) == (unread.engine, &unread.why))
        {
            known.push(unread.clone());
        }
    }

    /// Returns whether sockets of this host can be talked to.
    pub(crate) fn is_live(&self) -> bool {
        self.is_live
    }

    /// Forgets what was read and what it cost.
    pub(crate) fn renew(&self) {
        if let Some(files) = self.files.get() {
            files.renew();
        }
    }

    /// Opens the directory at a location.
    pub(crate) fn dir(&self, location: &Location) -> Result<Dir, ReadError> {
        Dir::walk(self.files()?, location)
    }

    /// Opens a directory of the system.
    pub(crate) fn system_dir(&self, path: &str) -> Result<Dir, ReadError> {
        self.dir(&Location::system(path))
    }

    /// Reads a file of the administrator, such as one in /etc.
    pub(crate) fn content(&self, directory: &str, name: &str) -> Result<Content, ReadError> {
        self.system_dir(directory)?.content(name)
    }

    /// Returns the claim of a process of the user `uid`.
    pub(crate) fn process_claim(&self, uid: u32) -> Claim {
        self.files()
            .map_or(Claim::Several, |files| files.process_claim(uid))
    }

    /// Returns whether records with this claim are wanted.
    pub(crate) fn wants(&self, owners: Owners, claim: Claim) -> bool {
        match (owners, claim) {
            (_, Claim::Several) => false,
            (Owners::All, _) => true,
            (Owners::Own, Claim::System) => true,
            (Owners::Own, Claim::User(uid)) => uid == self.caller.uid,
            (Owners::User(wanted), claim) => claim == Claim::of(wanted),
        }
    }

    /// Returns whether a claim is neither the system's nor the caller's.
    pub(crate) fn is_anothers(&self, claim: Claim) -> bool {
        !self.wants(Owners::Own, claim)
    }

    /// Returns the users whose rootless engines are searched. For root, all users are those with a
    /// runtime directory or an entry in /etc/passwd; for others, only the caller.
    pub(crate) fn people(&self, owners: Owners) -> Vec<Person> {
        match owners {
            Owners::All => self.everybody().to_vec(),
            Owners::Own => vec![self.caller.clone()],
            Owners::User(uid) if uid == self.caller.uid => vec![self.caller.clone()],
            Owners::User(0) => Vec::new(),
            Owners::User(uid) => vec![self.person(uid)],
        }
    }

    fn everybody(&self) -> &[Person] {
        self.people.get_or_init(|| {
            let mut people = if self.is_root() {
                self.others()
            } else {
                Vec::new()
            };
            let is_callers = |person: &Person| {
                (&person.data, &person.runtime) == (&self.caller.data, &self.caller.runtime)
            };
            if !people.iter().any(is_callers) {
                people.push(self.caller.clone());
            }
            people
        })
    }

    fn others(&self) -> Vec<Person> {
        let has_home = |user: &&accounts::User| {
            user.uid != 0 && user.home.len() > 1 && user.home.starts_with(b"/")
        };
        let users = self.users().by_uid.values().filter(has_home);
        let mut people: Vec<Person> = users
            .map(|user| Person::at_home(user.uid, Path::new(part(&user.home))))
            .collect();
        people.sort_by_key(|person| person.uid);
        let known: HashSet<u32> = people.iter().map(|person| person.uid).collect();
        // A user of a directory service has no entry in the file.
        let logged_in = self
            .system_dir("/run/user")
            .and_then(|dir| dir.names())
            .unwrap_or_default();
        let logged_in = logged_in
            .iter()
            .filter_map(|name| u32::try_from(decimal(name)?).ok());
        people.extend(
            logged_in
                .filter(|uid| *uid != 0 && !known.contains(uid))
                .map(|uid| self.person(uid)),
        );
        people
    }

    /// Returns a user, who may be missing in /etc/passwd.
    fn person(&self, uid: u32) -> Person {
        let known = self.users().by_uid.get(&uid).cloned();
        let looked_up = || {
            if self.is_live {
                accounts::user_by_id(uid).ok().flatten()
            } else {
                None
            }
        };
        let home = known
            .or_else(looked_up)
            .map(|user| user.home)
            .filter(|home| home.starts_with(b"/"));
        Person::at_home(
            uid,
            Path::new(&home.map_or_else(|| "/nonexistent".into(), OsString::from_vec)),
        )
    }

    fn users(&self) -> &Users {
        self.users.get_or_init(|| {
            let content = self
                .content("/etc", "passwd")
                .ok()
                .filter(|content| content.claim == Claim::System);
            let mut users = Users::default();
            for user in content
                .iter()
                .flat_map(|content| accounts::users(&content.bytes))
            {
                users.by_name.entry(user.name.clone()).or_insert(user.uid);
                users.by_uid.entry(user.uid).or_insert(user);
            }
            users
        })
    }

    /// Returns the owner of a record with this claim; none for the system.
    pub(crate) fn owner(&self, claim: Claim) -> Option<Owner> {
        claim.user().map(|uid| Owner {
            uid,
            word: self.word(uid),
            is_caller: uid == self.caller.uid,
        })
    }

    /// Returns the name or number to type for a user: the name, if it leads back to the user.
    fn word(&self, uid: u32) -> String {
        let is_plain = |name: &&Vec<u8>| {
            name.iter()
                .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(byte))
                && !name.iter().all(u8::is_ascii_digit)
                && self.users().by_name.get(*name) == Some(&uid)
        };
        let name = self
            .users()
            .by_uid
            .get(&uid)
            .map(|user| &user.name)
            .filter(is_plain);
        name.map_or_else(
            || uid.to_string(),
            |name| String::from_utf8_lossy(name).into_owned(),
        )
    }

    /// Returns the user with this name or number.
    pub(crate) fn user(&self, word: &OsStr) -> Option<u32> {
        let bytes = word.as_bytes();
        if bytes.iter().all(u8::is_ascii_digit) {
            return u32::try_from(decimal(bytes)?)
                .ok()
                .filter(|uid| *uid != u32::MAX);
        }
        let known = self.users().by_name.get(bytes).copied();
        let looked_up = || {
            if self.is_live {
                accounts::user_by_name(bytes).ok().flatten()
            } else {
                None
            }
        };
        known.or_else(|| looked_up().map(|user| user.uid))
    }

    /// Returns whether a start, in clock ticks after the boot, is later than `seconds` since 1970.
    pub(crate) fn started_after(&self, start: u64, seconds: u64) -> bool {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        self.boot()
            .is_some_and(|boot| boot + start / ticks > seconds + ROUNDING)
    }

    /// Returns when the host was started, in seconds since 1970.
    pub(crate) fn boot(&self) -> Option<u64> {
        *self.boot.get_or_init(|| {
            let text = self
                .system_dir("/proc")
                .and_then(|proc| proc.read("stat"))
                .ok()?;
            let line = text
                .split(|&byte| byte == b'\n')
                .find_map(|line| line.strip_prefix(b"btime "))?;
            decimal(line)
        })
    }
}
