//! From a target to one pinned process or one open namespace.
//!
//! All stores that may know the name are read, each record that matches is held against the kernel, and what is left must be
//! one: running beats created, and two that run are an error that names both in full.
//!
//! A name without an owner is looked for among the system's containers and the caller's own, and never leads into the store of
//! another user: he could give any name to a container. If only another user has it, the error says how that one is addressed.

use crate::{
    cgroup::{Named, Place},
    check::{Checked, Checker},
    claim::Claim,
    container::{Container, Owner},
    engine::Engine,
    error::TargetError,
    grammar::{ID_BY_ITSELF, ParseTargetError, Target, is_start_of_id, with_owner},
    host::{Host, Whose},
    namespace, near, scan,
    stores::{self, Findings, Query, Record},
};
use nsx_core::{
    census::Wanted,
    hash::{HashMap, HashSet},
    ns::Namespace,
    pid::{Pid, PinError, Process},
};
use std::{
    collections::hash_map::Entry,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// After a prefix, this many hexadecimal digits are the start of an id.
const ID_AFTER_PREFIX: usize = 4;

/// As many of other users' containers are told of.
const MOST_ELSEWHERE: usize = 10;
/// The most names that are proposed.
const MOST_NEAR: usize = 5;

/// What a word led to.
#[derive(Debug)]
pub enum Found {
    /// A process.
    Process(Subject),
    /// A namespace, open.
    Namespace(Namespace),
}

/// A process that was named.
#[derive(Debug)]
pub struct Subject {
    /// It, pinned: of a container the first one.
    pub process: Process,
    /// The container, where it was named as one.
    pub container: Option<Box<Container>>,
}

impl Target {
    /// Finds what is named.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn find(&self, host: &Host) -> Result<Found, TargetError> {
        let process = |subject| Ok(Found::Process(subject));
        match self {
            Self::Process { .. } => {
                let pinned = self.pin().map_err(|source| TargetError::NotFound { target: self.clone(), source })?;
                process(Subject { process: pinned, container: None })
            }
            Self::Container { engine, owner, name } => {
                let whose = owner.as_deref().map_or(Ok(Whose::Own), |owner| self.owner(owner, host).map(Whose::Of))?;
                let query = |name| Query::Word(name, ID_AFTER_PREFIX);
                let found = self.find_container(host, whose, Some(*engine), &query(name.as_bytes()));
                match self.other_reading(&found, name, host) {
                    Some((whose, name)) => process(self.find_container(host, whose, Some(*engine), &query(name))?),
                    None => process(found?),
                }
            }
            Self::Pod(pod) => process(self.find_container(host, Whose::Own, None, &Query::Pod(pod))?),
            Self::Name(name) => self.find_name(name, host),
            Self::Netns(name) => {
                let found = namespace::by_name(self, name, host, Whose::Own);
                match self.other_reading(&found, name, host) {
                    Some((whose, name)) => namespace::by_name(self, OsStr::from_bytes(name), host, whose),
                    None => found.map_err(|error| error.with_namespaces(name, host).with_near_names(name, host)),
                }
                .map(Found::Namespace)
            }
            Self::File(path) => namespace::by_file(self, path).map(Found::Namespace),
            Self::Namespace(ns) => namespace::search(self, Wanted::Full(*ns), host).map(Found::Namespace),
            Self::Inode(inode) => namespace::search(self, Wanted::Inode(*inode), host).map(Found::Namespace),
            Self::Id(id) => namespace::search(self, Wanted::Id64(*id), host).map(Found::Namespace),
        }
    }

    /// The user in whose store a name is to be looked for.
    fn owner(&self, word: &OsStr, host: &Host) -> Result<u32, TargetError> {
        host.user(word).ok_or_else(|| TargetError::NoUser { target: self.clone(), user: word.to_owned() })
    }

    /// The owner and the name that a word means which nothing has for a name, where a name may contain an `@`.
    fn other_reading<'a, T>(
        &self,
        found: &Result<T, TargetError>,
        word: &'a OsStr,
        host: &Host,
    ) -> Option<(Whose, &'a [u8])> {
        if !matches!(found, Err(TargetError::Nothing { .. })) {
            return None;
        }
        let (owner, name) = with_owner(word.as_bytes())?;
        Some((Whose::Of(host.user(OsStr::from_bytes(owner))?), name))
    }

    /// Whatever of the system's or the caller's own carries the name: a container, or a network namespace.
    fn find_name(&self, name: &OsStr, host: &Host) -> Result<Found, TargetError> {
        let query = Query::Word(name.as_bytes(), ID_BY_ITSELF);
        let container = self.find_container(host, Whose::Own, None, &query);
        if !namespace::is_named(name, host) {
            return match container {
                Err(error @ TargetError::Nothing { .. }) => match namespace::by_name(self, name, host, Whose::Own) {
                    Err(TargetError::NoNamespace { target, why }) if why.is_link() => {
                        Err(TargetError::NoNamespace { target, why })
                    }
                    _ => Err(error.with_namespaces(name, host)),
                },
                found => found.map(Found::Process),
            };
        }
        let netns = Target::Netns(name.to_owned());
        match container {
            Ok(Subject { container, .. }) => {
                let container = container.iter().map(|container| container.address());
                let addresses = container.chain([netns.to_string()]).collect();
                Err(TargetError::Ambiguous { target: self.clone(), addresses })
            }
            Err(TargetError::Ambiguous { target, mut addresses }) => {
                addresses.push(netns.to_string());
                Err(TargetError::Ambiguous { target, addresses })
            }
            Err(_) => namespace::by_name(self, name, host, Whose::Own).map(Found::Namespace),
        }
    }

    /// Finds the process that is named.
    ///
    /// # Errors
    /// [`TargetError`]; `Unfit` where a namespace is named.
    pub fn process(&self, host: &Host) -> Result<Subject, TargetError> {
        match self.find(host)? {
            Found::Process(subject) => Ok(subject),
            Found::Namespace(_) => {
                Err(TargetError::Unfit { target: self.clone(), is: "a namespace", wanted: "a process" })
            }
        }
    }

    /// The process that is named by its number, for which no host is needed; none where it is named otherwise.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn numbered(&self) -> Option<Result<Subject, TargetError>> {
        let Self::Process { .. } = self else { return None };
        let failed = |source| TargetError::NotFound { target: self.clone(), source };
        Some(self.pin().map_err(failed).map(|process| Subject { process, container: None }))
    }

    /// Pins the process that is named by its number.
    fn pin(&self) -> Result<Process, PinError> {
        let Self::Process { pid, inode } = *self else { return Err(PinError::NoProcess) };
        let process = Process::pin(pid)?;
        match inode {
            Some(wanted) => match process.inode().map_err(PinError::Os)? {
                inode if inode == wanted => Ok(process),
                inode => Err(PinError::Reused(inode)),
            },
            None => Ok(process),
        }
    }

    fn find_container(
        &self,
        host: &Host,
        whose: Whose,
        engine: Option<Engine>,
        query: &Query<'_>,
    ) -> Result<Subject, TargetError> {
        let Findings { mut records, unread, .. } = stores::look(host, whose, engine, query);
        let is_id =
            |word: &[u8], least| is_start_of_id(word, least) || matches!(engine, Some(Engine::Lxc | Engine::Machine));
        // Cgroups tell ids where records may not be read, or are in a container that has an engine of its own.
        if let (Query::Word(word, least), true) = (query, records.is_empty())
            && is_id(word, *least)
        {
            records = scan::look(host, whose, engine, query);
        }
        let mut checker = Checker::new(host);
        let found = merged(records.into_iter().map(|record| checker.check(record)).collect());
        let found = exact(found, query);
        let (running, others): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|it| it.process.is_some() && it.container.state.is_running());
        let waiting: Vec<_> = others;
        let candidates = if running.is_empty() {
            let (waiting, stopped): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|it| it.process.is_some());
            if waiting.is_empty() {
                return Err(self.absent(host, (whose, engine, query), stopped, unread));
            }
            waiting
        } else {
            running
        };
        self.one(candidates, query)
    }

    /// The one of several that are there.
    fn one(&self, mut candidates: Vec<Checked>, query: &Query<'_>) -> Result<Subject, TargetError> {
        let by_pod = |it: &Checked| match query {
            Query::Pod(_) => true,
            Query::Word(word, _) => it.container.pod.as_ref().is_some_and(|pod| pod.name.as_bytes() == *word),
            Query::All => false,
        };
        // A pod's programs, the one that started first; the sandbox only does for them if there is none.
        let is_sandbox = |it: &Checked| it.container.pod.as_ref().is_some_and(|pod| pod.is_sandbox);
        candidates.sort_by_key(|it| (is_sandbox(it), it.start));
        let mut pods = HashSet::default();
        candidates.retain(|it| {
            let pod = it.container.pod.as_ref().filter(|_| by_pod(it));
            pod.is_none_or(|pod| pods.insert((pod.namespace.clone(), pod.name.clone())))
        });
        match <[Checked; 1]>::try_from(candidates) {
            Ok([Checked { container, process: Some(process), .. }]) => {
                Ok(Subject { process, container: Some(Box::new(container)) })
            }
            Ok([checked]) => Err(TargetError::NotRunning { target: self.clone(), containers: vec![checked.container] }),
            Err(several) => {
                let containers: Vec<_> = several.into_iter().map(|it| it.container).collect();
                Err(TargetError::Ambiguous { target: self.clone(), addresses: addresses(&containers) })
            }
        }
    }

    /// Why there is none that runs.
    fn absent(
        &self,
        host: &Host,
        (whose, engine, query): (Whose, Option<Engine>, &Query<'_>),
        stopped: Vec<Checked>,
        unread: Vec<stores::Unread>,
    ) -> TargetError {
        let target = self.clone();
        if !stopped.is_empty() {
            let containers = stopped.into_iter().map(|it| it.container).collect();
            return TargetError::NotRunning { target, containers };
        }
        let word = match self {
            Self::Container { name, .. } | Self::Name(name) => name.as_os_str(),
            Self::Pod(pod) => pod.pod.as_os_str(),
            _ => OsStr::new(""),
        };
        let mut meant = Vec::new();
        // Only root may look into others' stores.
        if whose == Whose::Own && host.is_root() {
            let others = stores::look(host, Whose::Everybodys, engine, query).records;
            let others =
                others.into_iter().filter(|record| host.is_anothers(record.claim)).map(|record| record.container);
            let told = |it: Container| Some(format!("user {} has {}", it.owner.as_ref()?.word, it.address()));
            meant.extend(others.filter_map(told).take(MOST_ELSEWHERE));
            meant.dedup();
        }
        meant.extend(near_names(host, whose, word));
        TargetError::Nothing { target, meant, unread }
    }
}

/// The names of containers and network namespaces that are near to a word, whatever their engine, as one line.
pub(crate) fn near_names(host: &Host, whose: Whose, word: &OsStr) -> Option<String> {
    let nearness = |name: &OsStr| near::nearness(word.as_bytes(), name.as_bytes());
    let records = stores::look(host, whose, None, &Query::All).records;
    let of_container = |record: Record| {
        let nearest = record.container.names().into_iter().filter_map(nearness).min();
        Some((nearest?, record.container))
    };
    let (ranks, containers): (Vec<_>, Vec<_>) = records.into_iter().filter_map(of_container).unzip();
    let namespaces = namespace::names(host, whose).into_iter();
    let namespaces = namespaces.filter_map(|name| Some((nearness(&name.name)?, name.to_string())));
    let mut near: Vec<_> = ranks.into_iter().zip(addresses(&containers)).chain(namespaces).collect();
    near.sort();
    near.dedup();
    let words: Vec<_> = near.into_iter().take(MOST_NEAR).map(|(_, word)| word).collect();
    (!words.is_empty()).then(|| format!("near names: {}", words.join(", ")))
}

impl TargetError {
    /// Tells of the names that are near, if nothing has the name.
    fn with_near_names(mut self, name: &OsStr, host: &Host) -> Self {
        if let Self::Nothing { meant, .. } = &mut self {
            meant.extend(near_names(host, Whose::Own, name));
        }
        self
    }

    /// Tells of the namespaces that other users call so, if nothing has the name.
    fn with_namespaces(mut self, name: &OsStr, host: &Host) -> Self {
        if let Self::Nothing { meant, .. } = &mut self {
            let owners = namespace::elsewhere(name, host);
            let told = |owner: Owner| format!("user {0} has netns:{0}@{1}", owner.word, name.display());
            meant.splice(0..0, owners.into_iter().map(told));
        }
        self
    }
}

/// Each process once: where two engines know it, as the container of the one that is nearer to its user. What one user says
/// adds nothing to what another one or the system does.
pub(crate) fn merged(mut found: Vec<Checked>) -> Vec<Checked> {
    found.sort_by_key(|it| it.container.engine);
    let mut merged: Vec<Checked> = Vec::new();
    let mut by_pid = HashMap::default();
    let mut by_id = HashMap::default();
    for checked in found {
        let owner = checked.container.owner.as_ref().map(|owner| owner.uid);
        let pid = checked.process.as_ref().map(|process| (owner, process.pid()));
        let id = (owner, checked.container.id.clone());
        let same = match &pid {
            Some(pid) => by_pid.get(pid),
            None => by_id.get(&id),
        };
        if let Some(known) = same.and_then(|index: &usize| merged.get_mut(*index)) {
            let Container { name, bundle, pod, namespace, sandbox, .. } = checked.container;
            let own = &mut known.container;
            own.name = own.name.take().or(name);
            own.bundle = own.bundle.take().or(bundle);
            own.pod = own.pod.take().or(pod);
            own.namespace = own.namespace.take().or(namespace);
            own.sandbox = own.sandbox.or(sandbox);
            continue;
        }
        if let Some(Entry::Vacant(entry)) = pid.map(|pid| by_pid.entry(pid)) {
            entry.insert(merged.len());
        }
        by_id.entry(id).or_insert(merged.len());
        merged.push(checked);
    }
    merged
}

/// Those that are called so, if there are any; else those whose id begins so.
fn exact(found: Vec<Checked>, query: &Query<'_>) -> Vec<Checked> {
    let Query::Word(word, _) = query else { return found };
    let whole = Query::Word(stores::containerd::without_namespace(word), usize::MAX);
    let (exact, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| whole.wants_container(&it.container));
    if exact.is_empty() { others } else { exact }
}

/// Words that name these containers, each of them one only.
pub fn addresses(containers: &[Container]) -> Vec<String> {
    let addresses: Vec<String> = containers.iter().map(Container::address).collect();
    let single = singles(addresses.iter());
    let one = |(container, address): (&Container, &String)| match &container.name {
        Some(_) if !single.contains(address) => container.address_by_id(),
        _ => address.clone(),
    };
    containers.iter().zip(&addresses).map(one).collect()
}

/// Those that are there once.
fn singles<T: std::hash::Hash + Eq>(all: impl Iterator<Item = T>) -> HashSet<T> {
    let mut counts: HashMap<T, usize> = HashMap::default();
    all.for_each(|one| *counts.entry(one).or_default() += 1);
    counts.into_iter().filter(|(_, count)| *count == 1).map(|(one, _)| one).collect()
}

/// The container that a process is in by its cgroup. If the process is the container's first one, and the records may be read
/// and are believed, with its name; else what the cgroup says. `shown` is the process's number in the host's procfs, `process`
/// that for the caller.
pub fn container_of(host: &Host, shown: Pid, process: Pid) -> Option<Container> {
    let mut buffer = Vec::new();
    host.proc().read(shown, "cgroup", &mut buffer).ok()?;
    let mut place = Place::parse(&buffer);
    let Named { engine, id } = place.container.take()?;
    let claim = scan::claim(host, shown, &place);
    if claim == Claim::Several {
        return None;
    }
    let owner = host.owner(claim);
    let name = OsString::from_vec(id.clone());
    let word = owner.as_ref().map(|owner| OsString::from(&owner.word));
    let target = match engine {
        Some(engine) => Target::Container { engine, owner: word, name },
        None => Target::Name(name),
    };
    let found = target.process(host).ok().filter(|found| found.process.pid() == process);
    let unnamed = || Some(Container { owner, ..Container::new(engine?, id) });
    found.and_then(|found| found.container).map(|container| *container).or_else(unnamed)
}

/// All containers that run and that a pattern fits: `docker:*`, `web-?`, `podman:ada@*`. Before a colon stands an engine; `*` is
/// any text, `?` any character. Without an owner only the system's and the caller's own are meant. Sandboxes of pods are left
/// out.
///
/// # Errors
/// An error if the pattern's prefix is not an engine, or its owner not a user.
pub fn find_all(host: &Host, pattern: &OsStr) -> Result<Vec<Subject>, TargetError> {
    let bytes = pattern.as_bytes();
    let not_a_target = |source| TargetError::NotATarget { word: pattern.to_owned(), source };
    let (engine, glob) = match bytes.iter().position(|&byte| byte == b':') {
        None => (None, bytes),
        Some(colon) => match Engine::from_name(&bytes[..colon]) {
            Some(engine) => (Some(engine), &bytes[colon + 1..]),
            None => return Err(not_a_target(ParseTargetError::Prefix)),
        },
    };
    let owned = engine.and_then(|engine| Some((engine, with_owner(glob)?)));
    let owned = owned.map(|(engine, (owner, glob))| (engine, OsStr::from_bytes(owner), glob));
    match owned {
        Some((engine, owner, glob)) if !engine.has_at_signs() => {
            let user = host.user(owner).ok_or_else(|| TargetError::NoUser {
                target: Target::Container {
                    engine,
                    owner: Some(owner.to_owned()),
                    name: OsStr::from_bytes(glob).to_owned(),
                },
                user: owner.to_owned(),
            })?;
            Ok(fitting(host, Whose::Of(user), Some(engine), glob))
        }
        owned => {
            let found = fitting(host, Whose::Own, engine, glob);
            match owned.filter(|_| found.is_empty()).and_then(|(_, owner, glob)| Some((host.user(owner)?, glob))) {
                Some((user, glob)) => Ok(fitting(host, Whose::Of(user), engine, glob)),
                None => Ok(found),
            }
        }
    }
}

/// The containers that run and that a pattern without prefix and owner fits.
fn fitting(host: &Host, whose: Whose, engine: Option<Engine>, glob: &[u8]) -> Vec<Subject> {
    let fits = |container: &Container| fits(glob, container.label().as_bytes()) || fits(glob, container.id.as_bytes());
    running(host, whose, engine)
        .into_iter()
        .filter(|it| fits(&it.container))
        .filter_map(|it| Some(Subject { process: it.process?, container: Some(Box::new(it.container)) }))
        .collect()
}

/// The words for everything that runs, for completion: each in full, and by its name alone where no other has that. What is
/// another user's is never meant by its name alone.
pub fn words(host: &Host) -> Vec<String> {
    let containers: Vec<_> = running(host, Whose::Everybodys, None).into_iter().map(|it| it.container).collect();
    let mut words = addresses(&containers);
    let is_own = |owner: &Option<Owner>| owner.as_ref().is_none_or(|owner| owner.is_caller);
    let netns = namespace::names(host, Whose::Everybodys);
    let own = containers.iter().filter(|it| is_own(&it.owner)).map(Container::label);
    let own = own.chain(netns.iter().filter(|it| is_own(&it.owner)).map(|it| it.name.clone()));
    // A number by itself is a process.
    let single =
        singles(own).into_iter().filter(|label| matches!(Target::parse(label.as_bytes()), Ok(Target::Name(_))));
    words.extend(single.map(|label| label.to_string_lossy().into_owned()));
    words.extend(netns.iter().map(namespace::Named::to_string));
    // Shells read this, some of which expand what they read: no name that could be more than a word.
    words.retain(|word| word.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-:/@+".contains(letter)));
    words.sort_unstable();
    words.dedup();
    words
}

/// Every container that runs, checked.
fn running(host: &Host, whose: Whose, engine: Option<Engine>) -> Vec<Checked> {
    let findings = stores::look(host, whose, engine, &Query::All);
    let mut checker = Checker::new(host);
    let mut found = merged(findings.records.into_iter().map(|record| checker.check(record)).collect());
    let is_sandbox = |it: &Checked| it.container.pod.as_ref().is_some_and(|pod| pod.is_sandbox);
    found.retain(|it| it.process.is_some() && it.container.state.is_running() && !is_sandbox(it));
    found
}

/// Whether a pattern of `*` and `?` fits a name. Takes no more steps than the product of their lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // The last star, and how much of the name it stands for.
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[place] => {
                at += 1;
                place += 1;
            }
            _ => match &mut star {
                Some((of_star, taken)) => {
                    *taken += 1;
                    (at, place) = (*of_star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(word: &OsStr) -> Result<Subject, TargetError> {
        let target = Target::parse(word.as_bytes());
        let target = target.map_err(|source| TargetError::NotATarget { word: word.to_owned(), source })?;
        target.process(&Host::system().unwrap())
    }

    fn refusal(word: &[u8]) -> String {
        let error = resolve(OsStr::from_bytes(word)).unwrap_err();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    }

    #[test]
    fn words_that_are_no_target_are_refused_with_the_reason() {
        assert_eq!(refusal(b"0"), "\"0\" is not a target: a PID is never 0");
        assert_eq!(refusal(b"-1"), "\"-1\" is not a target: a PID is never negative");
        assert_eq!(refusal(b"4194304:1"), "\"4194304:1\" is not a target: a PID is less than 4194304");
        assert!(refusal(b"a\x1b:\xff").starts_with("\"a\\u{1b}:\\xFF\" is not a target: the prefix is none of docker"));
    }

    #[test]
    fn patterns_fit() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "web"),
            ("w?b*", "web"),
            ("w*b-?", "web-b-1"),
            ("web", "web"),
            ("*a*b", "aabab"),
            ("**", "x"),
        ] {
            assert!(fits(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in
            [("", "a"), ("?", ""), ("w*c", "web"), ("web", "webs"), ("web?", "web"), ("*a*b", "aaba"), ("a*", "")]
        {
            assert!(!fits(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_the_lengths_multiplied() {
        // One step for each way to share the letters out would not end.
        assert!(!fits(&b"*a".repeat(50), &[b"a".repeat(200), b"b".to_vec()].concat()));
    }

    #[test]
    fn a_process_is_found_by_its_number_and_inode() {
        let caller = std::process::id();
        let process = resolve(OsStr::new(&caller.to_string())).unwrap().process;
        assert_eq!(process.pid().as_raw_pid(), caller as i32);
        // Before 6.9 there are no inodes, and to name one is refused.
        match process.inode() {
            Ok(inode) => {
                assert!(resolve(OsStr::new(&format!("{caller}:{inode}"))).is_ok());
                let other = inode.wrapping_add(1);
                assert_eq!(
                    refusal(format!("{caller}:{other}").as_bytes()),
                    format!(
                        "failed to find process {caller}:{other}: the id now belongs to another process (its pidfd \
                         inode is {inode})"
                    )
                );
            }
            Err(_) => assert!(resolve(OsStr::new(&format!("{caller}:1"))).is_err()),
        }
        assert_eq!(refusal(b"4194303"), "failed to find process 4194303: no such process");
    }
}
