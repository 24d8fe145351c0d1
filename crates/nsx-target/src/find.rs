//! From a target to one pinned process or one open namespace.
//!
//! All stores that may know the name are read, each record that matches is held against the kernel,
//! and what is left must be one: running beats created, and two that run are an error that names
//! both in full.
//!
//! A name without an owner is looked for among the system's containers and the caller's own, and
//! never leads into the store of another user: he could give any name to a container. If only
//! another user has it, the error says how that one is addressed.

use crate::{
    check::{Checked, Checker},
    container::Container,
    engine::Engine,
    error::TargetError,
    grammar::{Target, with_owner},
    host::{Host, Whose},
    merge::merged,
    namespace, scan,
    stores::{self, Findings, Query},
    words::addresses,
};
use nsx_core::{
    census::Wanted,
    hash::HashSet,
    ns::Namespace,
    pid::{PinError, Process},
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// This many hexadecimal digits are the start of an id.
const START_OF_ID: usize = 4;

/// The process or namespace that a word led to.
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
                let pinned = self.pin().map_err(|source| TargetError::NotFound {
                    target: self.clone(),
                    source,
                })?;
                process(Subject {
                    process: pinned,
                    container: None,
                })
            }
            Self::Container {
                engine,
                owner,
                name,
            } => {
                let whose = owner.as_deref().map_or(Ok(Whose::Own), |owner| {
                    self.owner(owner, host).map(Whose::Of)
                })?;
                let query = |name| Query::Word(name, START_OF_ID);
                let found =
                    self.find_container(host, whose, Some(*engine), &query(name.as_bytes()));
                match self.other_reading(&found, name, host) {
                    Some((whose, name)) => {
                        process(self.find_container(host, whose, Some(*engine), &query(name))?)
                    }
                    None => process(found?),
                }
            }
            Self::Pod(pod) => {
                process(self.find_container(host, Whose::Own, None, &Query::Pod(pod))?)
            }
            Self::Name(name) => self.find_name(name, host),
            Self::Netns(name) => {
                let found = namespace::by_name(self, name, host, Whose::Own);
                match self.other_reading(&found, name, host) {
                    Some((whose, name)) => {
                        namespace::by_name(self, OsStr::from_bytes(name), host, whose)
                    }
                    None => found.map_err(|error| {
                        error
                            .with_namespaces(name, host)
                            .with_near_names(name, host)
                    }),
                }
                .map(Found::Namespace)
            }
            Self::File(path) => namespace::by_file(self, path).map(Found::Namespace),
            Self::Namespace(ns) => {
                namespace::search(self, Wanted::Full(*ns), host).map(Found::Namespace)
            }
            Self::Inode(inode) => {
                namespace::search(self, Wanted::Inode(*inode), host).map(Found::Namespace)
            }
            Self::Id(id) => namespace::search(self, Wanted::Id64(*id), host).map(Found::Namespace),
        }
    }

    /// The user in whose store a name is to be looked for.
    fn owner(&self, word: &OsStr, host: &Host) -> Result<u32, TargetError> {
        host.user(word).ok_or_else(|| TargetError::NoUser {
            target: self.clone(),
            user: word.to_owned(),
        })
    }

    /// The owner and the name that a word means which nothing has for a name, where a name may
    /// contain an `@`.
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

    /// Finds whatever carries the name, of the system's or the caller's own: a container, or a
    /// network namespace.
    fn find_name(&self, name: &OsStr, host: &Host) -> Result<Found, TargetError> {
        let query = Query::Word(name.as_bytes(), START_OF_ID);
        let container = self.find_container(host, Whose::Own, None, &query);
        if !namespace::is_named(name, host) {
            return match container {
                Err(error @ TargetError::Nothing { .. }) => {
                    match namespace::by_name(self, name, host, Whose::Own) {
                        Err(TargetError::NoNamespace { target, why }) if why.is_link() => {
                            Err(TargetError::NoNamespace { target, why })
                        }
                        _ => Err(error.with_namespaces(name, host)),
                    }
                }
                found => found.map(Found::Process),
            };
        }
        let netns = Target::Netns(name.to_owned());
        let whole = Query::Word(name.as_bytes(), usize::MAX);
        let is_named = |subject: &Subject| {
            subject
                .container
                .as_ref()
                .is_some_and(|it| whole.wants_container(it))
        };
        match container {
            // A name goes before the start of an id.
            Ok(subject) if !is_named(&subject) => {
                namespace::by_name(self, name, host, Whose::Own).map(Found::Namespace)
            }
            Ok(Subject { container, .. }) => {
                let container = container.iter().map(|container| container.address());
                let addresses = container.chain([netns.to_string()]).collect();
                Err(TargetError::Ambiguous {
                    target: self.clone(),
                    addresses,
                })
            }
            Err(TargetError::Ambiguous {
                target,
                mut addresses,
            }) => {
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
            Found::Namespace(_) => Err(TargetError::Unfit {
                target: self.clone(),
                is: "a namespace",
                wanted: "a process",
            }),
        }
    }

    /// The process that is named by its number, for which no host is needed; none where it is named
    /// otherwise.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn numbered(&self) -> Option<Result<Subject, TargetError>> {
        let Self::Process { .. } = self else {
            return None;
        };
        let failed = |source| TargetError::NotFound {
            target: self.clone(),
            source,
        };
        Some(self.pin().map_err(failed).map(|process| Subject {
            process,
            container: None,
        }))
    }

    /// Pins the process that is named by its number.
    fn pin(&self) -> Result<Process, PinError> {
        let Self::Process { pid, inode } = *self else {
            return Err(PinError::NoProcess);
        };
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
        let Findings {
            records, unread, ..
        } = stores::look(host, whose, engine, query);
        let mut checker = Checker::new(host);
        let mut found: Vec<_> = records
            .into_iter()
            .map(|record| checker.check(record))
            .collect();
        if !found.iter().any(Checked::runs) {
            let beyond = scan::beyond(host, whose, engine, query, &found);
            found.extend(beyond.into_iter().map(|record| checker.check(record)));
        }
        let found = exact(merged(found), query);
        let (running, others): (Vec<_>, Vec<_>) = found.into_iter().partition(Checked::runs);
        let candidates = if running.is_empty() {
            let (waiting, stopped): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|it| it.process.is_some());
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
            Query::Word(word, _) => it
                .container
                .pod
                .as_ref()
                .is_some_and(|pod| pod.name.as_bytes() == *word),
            Query::All => false,
        };
        // A pod's programs, the one that started first; the sandbox only does for them if there is
        // none.
        let is_sandbox = |it: &Checked| it.container.pod.as_ref().is_some_and(|pod| pod.is_sandbox);
        candidates.sort_by_key(|it| (is_sandbox(it), it.start));
        let mut pods = HashSet::default();
        candidates.retain(|it| {
            let pod = it.container.pod.as_ref().filter(|_| by_pod(it));
            pod.is_none_or(|pod| pods.insert((pod.namespace.clone(), pod.name.clone())))
        });
        match <[Checked; 1]>::try_from(candidates) {
            Ok(
                [
                    Checked {
                        container,
                        process: Some(process),
                        ..
                    },
                ],
            ) => Ok(Subject {
                process,
                container: Some(Box::new(container)),
            }),
            Ok([checked]) => Err(TargetError::NotRunning {
                target: self.clone(),
                containers: vec![checked.container],
            }),
            Err(several) => {
                let containers: Vec<_> = several.into_iter().map(|it| it.container).collect();
                Err(TargetError::Ambiguous {
                    target: self.clone(),
                    addresses: addresses(&containers),
                })
            }
        }
    }
}

/// Those that are called so, if there are any; else those whose id begins so.
fn exact(found: Vec<Checked>, query: &Query<'_>) -> Vec<Checked> {
    let Query::Word(word, _) = query else {
        return found;
    };
    let whole = Query::Word(stores::containerd::without_namespace(word), usize::MAX);
    let (exact, others): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|it| whole.wants_container(&it.container));
    if exact.is_empty() { others } else { exact }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(word: &OsStr) -> Result<Subject, TargetError> {
        let target = Target::parse(word.as_bytes());
        let target = target.map_err(|source| TargetError::NotATarget {
            word: word.to_owned(),
            source,
        })?;
        target.process(&Host::system().unwrap())
    }

    fn refusal(word: &[u8]) -> String {
        let error = resolve(OsStr::from_bytes(word)).unwrap_err();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    }

    #[test]
    fn words_that_are_no_target_are_refused_with_the_reason() {
        assert_eq!(refusal(b"0"), "\"0\" is not a target: a PID is never 0");
        assert_eq!(
            refusal(b"-1"),
            "\"-1\" is not a target: a PID is never negative"
        );
        assert_eq!(
            refusal(b"4194304:1"),
            "\"4194304:1\" is not a target: a PID is less than 4194304"
        );
        assert!(
            refusal(b"a\x1b:\xff")
                .starts_with("\"a\\u{1b}:\\xFF\" is not a target: the prefix is none of docker")
        );
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
                        "failed to find process {caller}:{other}: the id now belongs to another \
                        process (its pidfd \
                         inode is {inode})"
                    )
                );
            }
            Err(_) => assert!(resolve(OsStr::new(&format!("{caller}:1"))).is_err()),
        }
        assert_eq!(
            refusal(b"4194303"),
            "failed to find process 4194303: no such process"
        );
    }
}
