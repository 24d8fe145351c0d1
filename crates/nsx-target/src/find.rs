//! From a target to one pinned process or one open namespace.
//!
//! All stores that may know the name are read, each record that matches is held against the kernel, and what is left must be
//! one: running beats created, and two that run are an error that names both in full.

use crate::{
    check::{Checked, Checker},
    container::Container,
    engine::Engine,
    error::TargetError,
    grammar::{ID_BY_ITSELF, ParseTargetError, Target, is_start_of_id},
    host::Host,
    namespace::{self, By},
    near, scan,
    stores::{self, Findings, Query},
};
use nsx_core::{
    ns::Namespace,
    pid::{PinError, Process},
};
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

/// After a prefix, this many hexadecimal digits are the start of an id.
const ID_AFTER_PREFIX: usize = 4;

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
            Self::Container { engine, name } => {
                let query = Query::Word(name.as_bytes(), ID_AFTER_PREFIX);
                process(self.find_container(host, Some(*engine), &query)?)
            }
            Self::Pod(pod) => process(self.find_container(host, None, &Query::Pod(pod))?),
            Self::Name(name) => self.find_name(name, host),
            Self::Netns(name) => namespace::by_name(self, name, host).map(Found::Namespace),
            Self::File(path) => namespace::by_file(self, path).map(Found::Namespace),
            Self::Namespace(ns) => namespace::search(self, By::Id(*ns), host).map(Found::Namespace),
            Self::Inode(inode) => namespace::search(self, By::Inode(*inode), host).map(Found::Namespace),
            Self::Id(id) => namespace::search(self, By::Id64(*id), host).map(Found::Namespace),
        }
    }

    /// Whatever carries the name: a container, or a network namespace.
    fn find_name(&self, name: &OsStr, host: &Host) -> Result<Found, TargetError> {
        let query = Query::Word(name.as_bytes(), ID_BY_ITSELF);
        let container = self.find_container(host, None, &query);
        if !namespace::is_named(name, host) {
            return container.map(Found::Process);
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
            Err(_) => namespace::by_name(self, name, host).map(Found::Namespace),
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

    fn find_container(&self, host: &Host, engine: Option<Engine>, query: &Query<'_>) -> Result<Subject, TargetError> {
        let Findings { mut records, unread } = stores::look(host, engine, query);
        let is_id =
            |word: &[u8], least| is_start_of_id(word, least) || matches!(engine, Some(Engine::Lxc | Engine::Machine));
        // Cgroups tell ids where records may not be read, or are in a container that has an engine of its own.
        if let (Query::Word(word, least), true) = (query, records.is_empty())
            && is_id(word, *least)
        {
            records = scan::look(host, engine, query);
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
                return Err(self.absent(host, engine, stopped, unread));
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
        let mut pods = Vec::new();
        candidates.retain(|it| {
            let pod = it.container.pod.as_ref().filter(|_| by_pod(it));
            let pod = pod.map(|pod| (pod.namespace.clone(), pod.name.clone()));
            let is_first = pod.is_none() || !pods.contains(&pod);
            pods.push(pod);
            is_first
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
        engine: Option<Engine>,
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
        let all = stores::look(host, engine, &Query::All);
        let is_near = |container: &&Container| near::is_near(word.as_bytes(), container.label().as_bytes());
        let near: Vec<_> = all.records.iter().map(|record| &record.container).filter(is_near).cloned().collect();
        let mut near = addresses(&near);
        near.dedup();
        near.truncate(5);
        TargetError::Nothing { target, near, unread }
    }
}

/// Each process once: where two engines know it, as the container of the one that is nearer to its user.
pub(crate) fn merged(mut found: Vec<Checked>) -> Vec<Checked> {
    found.sort_by_key(|it| it.container.engine);
    let mut merged: Vec<Checked> = Vec::new();
    for checked in found {
        let pid = |it: &Checked| it.process.as_ref().map(Process::pid);
        let id = |it: &Checked| (it.container.id.clone(), it.container.owner);
        let same = merged.iter_mut().find(|it| {
            pid(it).is_some() && pid(it) == pid(&checked) || id(it) == id(&checked) && checked.process.is_none()
        });
        match same {
            Some(known) => {
                let Container { name, bundle, pod, namespace, sandbox, .. } = checked.container;
                let own = &mut known.container;
                own.name = own.name.take().or(name);
                own.bundle = own.bundle.take().or(bundle);
                own.pod = own.pod.take().or(pod);
                own.namespace = own.namespace.take().or(namespace);
                own.sandbox = own.sandbox.or(sandbox);
            }
            None => merged.push(checked),
        }
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
fn addresses(containers: &[Container]) -> Vec<String> {
    let addresses: Vec<String> = containers.iter().map(Container::address).collect();
    let is_single = |address: &String| addresses.iter().filter(|other| *other == address).count() == 1;
    let one = |(container, address): (&Container, &String)| match &container.name {
        Some(_) if !is_single(address) => container.address_by_id(),
        _ => address.clone(),
    };
    containers.iter().zip(&addresses).map(one).collect()
}

/// The process that `word` names on the host that nsx runs on, pinned, with its container if it was named as one.
///
/// # Errors
/// [`TargetError`].
pub fn resolve(word: &OsStr) -> Result<Subject, TargetError> {
    find(&parse(word)?)
}

fn parse(word: &OsStr) -> Result<Target, TargetError> {
    Target::parse(word.as_bytes()).map_err(|source| TargetError::NotATarget { word: word.to_owned(), source })
}

fn system() -> Result<Host, TargetError> {
    Host::system().map_err(|errno| TargetError::Host { act: "open /proc", source: errno.into() })
}

/// The process or namespace that `word` names on the host that nsx runs on. A number asks no store.
///
/// # Errors
/// [`TargetError`].
pub fn look_up(word: &OsStr) -> Result<Found, TargetError> {
    match parse(word)? {
        target @ Target::Process { .. } => find(&target).map(Found::Process),
        target => target.find(&system()?),
    }
}

/// The process that is named on the host that nsx runs on. A number asks no store.
///
/// # Errors
/// [`TargetError`].
pub fn find(target: &Target) -> Result<Subject, TargetError> {
    if let Target::Process { .. } = target {
        let process = target.pin().map_err(|source| TargetError::NotFound { target: target.clone(), source })?;
        return Ok(Subject { process, container: None });
    }
    target.process(&system()?)
}

/// All containers that run and that a pattern fits: `docker:*`, `web-?`. Before a colon stands an engine; `*` is any text, `?`
/// any character. Sandboxes of pods are left out.
///
/// # Errors
/// Where the pattern's prefix is no engine.
pub fn find_all(host: &Host, pattern: &OsStr) -> Result<Vec<Subject>, TargetError> {
    let bytes = pattern.as_bytes();
    let (engine, glob) = match bytes.iter().position(|&byte| byte == b':') {
        None => (None, bytes),
        Some(colon) => match Engine::from_name(&bytes[..colon]) {
            Some(engine) => (Some(engine), &bytes[colon + 1..]),
            None => {
                let source = ParseTargetError::Prefix;
                return Err(TargetError::NotATarget { word: pattern.to_owned(), source });
            }
        },
    };
    let fits = |container: &Container| fits(glob, container.label().as_bytes()) || fits(glob, container.id.as_bytes());
    let subjects = running(host, engine)
        .into_iter()
        .filter(|it| fits(&it.container))
        .filter_map(|it| Some(Subject { process: it.process?, container: Some(Box::new(it.container)) }));
    Ok(subjects.collect())
}

/// The words for everything that runs, for completion: each in full, and by its name alone where no other has that.
pub fn words(host: &Host) -> Vec<String> {
    let containers: Vec<_> = running(host, None).into_iter().map(|it| it.container).collect();
    let mut words = addresses(&containers);
    let netns = namespace::names(host);
    let labels: Vec<OsString> = containers.iter().map(Container::label).chain(netns.iter().cloned()).collect();
    let single = labels.iter().filter(|label| labels.iter().filter(|other| other == label).count() == 1);
    // A number by itself is a process.
    let single = single.filter(|label| matches!(Target::parse(label.as_bytes()), Ok(Target::Name(_))));
    words.extend(single.map(|label| label.to_string_lossy().into_owned()));
    words.extend(netns.iter().map(|name| Target::Netns(name.clone()).to_string()));
    // Shells read this, some of which expand what they read: no name that could be more than a word.
    words.retain(|word| word.chars().all(|letter| letter.is_ascii_alphanumeric() || "_.-:/@+".contains(letter)));
    words.sort_unstable();
    words.dedup();
    words
}

/// Every container that runs, checked.
fn running(host: &Host, engine: Option<Engine>) -> Vec<Checked> {
    let findings = stores::look(host, engine, &Query::All);
    let mut checker = Checker::new(host);
    let mut found = merged(findings.records.into_iter().map(|record| checker.check(record)).collect());
    let is_sandbox = |it: &Checked| it.container.pod.as_ref().is_some_and(|pod| pod.is_sandbox);
    found.retain(|it| it.process.is_some() && it.container.state.is_running() && !is_sandbox(it));
    found
}

/// Whether a pattern of `*` and `?` fits a name.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], []) => true,
        ([b'*', rest @ ..], _) => (0..=name.len()).any(|skip| fits(rest, &name[skip..])),
        ([b'?', pattern @ ..], [_, name @ ..]) => fits(pattern, name),
        ([letter, pattern @ ..], [first, name @ ..]) => letter == first && fits(pattern, name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for (pattern, name) in [("*", ""), ("*", "web"), ("w?b*", "web"), ("w*b-?", "web-b-1"), ("web", "web")] {
            assert!(fits(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in [("", "a"), ("?", ""), ("w*c", "web"), ("web", "webs"), ("web?", "web")] {
            assert!(!fits(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
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
