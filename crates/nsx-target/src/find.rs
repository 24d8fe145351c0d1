//! From a target to one pinned process or one open namespace.
//! All stores that may know the name are read, and each record that matches is checked against the
//! kernel. Exactly one container must remain. A running container takes precedence over one that is
//! only created. Two running containers are an error that names both in full.
//!
//! A name without an owner means the system's containers and the caller's own. Such a name never
//! leads into the store of another user, who could give any name to a container. If only another
//! user has the name, the error says how to address that container.

use crate::{
    absent::absent,
    addresses::addresses,
    check::{Checked, Checker},
    engine::Engine,
    error::TargetError,
    found::{Found, Subject},
    grammar::{Target, with_owner},
    host::Host,
    merge::merged,
    namespace,
    person::Owners,
    scan,
    stores::{self, Findings, Query},
};
use nsx_core::{
    census::Wanted,
    hash::HashSet,
    ns::Namespace,
    ns::NsKind,
    pid::{Pid, PinError, Process},
    proc::NsLink,
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// The fewest hexadecimal digits that count as the start of an id.
const START_OF_ID: usize = 4;

impl Host {
    /// Finds the process or namespace that a target names. A PID is looked up in no store.
    ///
    /// # Errors
    /// [`TargetError`]: nothing has the name, several have it, or what has it is not running.
    pub fn find(&self, target: &Target) -> Result<Found, TargetError> {
        let search = Search { host: self, target };
        match target {
            Target::Process { pid, inode } => search.process(*pid, *inode),
            Target::Container {
                engine,
                owner,
                name,
            } => search.container(*engine, owner.as_deref(), name),
            Target::Pod(pod) => {
                { search.containers(Owners::Own, None, &Query::Pod(pod)) }.map(Found::Process)
            }
            Target::Name(name) => search.name(name),
            Target::Netns(name) => search.netns(name).map(Found::Namespace),
            Target::File(path) => namespace::by_file(target, path).map(Found::Namespace),
            Target::Namespace(ns) => search.namespace(Wanted::Full(*ns)),
            Target::Inode(inode) => search.namespace(Wanted::Inode(*inode)),
            Target::Id(id) => search.namespace(Wanted::Id64(*id)),
        }
    }

    /// Finds the process that a target names.
    ///
    /// # Errors
    /// [`TargetError`], as for [`Self::find`]; [`TargetError::Unfit`] if the target is a namespace.
    pub fn find_process(&self, target: &Target) -> Result<Subject, TargetError> {
        self.find(target)?.process(target)
    }
}

/// The search for one target on one host.
#[derive(Clone, Copy)]
struct Search<'a> {
    host: &'a Host,
    target: &'a Target,
}

impl<'a> Search<'a> {
    /// Pins the process with a PID and, if one is given, this pidfd inode.
    fn process(self, pid: Pid, inode: Option<u64>) -> Result<Found, TargetError> {
        match pin(pid, inode) {
            Ok(process) => Ok(Found::Process(Subject {
                process,
                container: None,
            })),
            Err(source) => Err(TargetError::NotFound {
                target: self.target.clone(),
                source,
            }),
        }
    }

    /// Searches for a namespace among all that the caller can see.
    fn namespace(self, wanted: Wanted) -> Result<Found, TargetError> {
        namespace::search(self.target, wanted, self.host).map(Found::Namespace)
    }

    /// Finds a container of an engine by name or id, in the store of its owner if one is named.
    fn container(
        self,
        engine: Engine,
        owner: Option<&OsStr>,
        name: &OsStr,
    ) -> Result<Found, TargetError> {
        let owners = owner.map_or(Ok(Owners::Own), |owner| self.owner(owner))?;
        let find =
            |owners, name| self.containers(owners, Some(engine), &Query::Word(name, START_OF_ID));
        let found = find(owners, name.as_bytes());
        match self.other_reading(&found, name) {
            Some((owners, name)) => find(owners, name),
            None => found,
        }
        .map(Found::Process)
    }

    /// Opens the namespace that `ip netns` or an engine gave a name.
    fn netns(self, name: &OsStr) -> Result<Namespace, TargetError> {
        let found = namespace::by_name(self.target, name, self.host, Owners::Own);
        match self.other_reading(&found, name) {
            Some((owners, name)) => {
                namespace::by_name(self.target, OsStr::from_bytes(name), self.host, owners)
            }
            None => found.map_err(|error| {
                error
                    .with_namespaces(name, self.host)
                    .with_near_names(name, self.host)
            }),
        }
    }

    /// Returns the user in whose store a name is searched for.
    fn owner(self, word: &OsStr) -> Result<Owners, TargetError> {
        match self.host.user(word) {
            Some(uid) => Ok(Owners::User(uid)),
            None => Err(TargetError::NoUser {
                target: self.target.clone(),
                user: word.to_owned(),
            }),
        }
    }

    /// Returns the owner and the name that a word means if nothing has the whole word for a name,
    /// and a name may contain an `@`.
    fn other_reading<T>(
        self,
        found: &Result<T, TargetError>,
        word: &'a OsStr,
    ) -> Option<(Owners, &'a [u8])> {
        if !matches!(found, Err(TargetError::Nothing { .. })) {
            return None;
        }
        let (owner, name) = with_owner(word.as_bytes())?;
        Some((
            Owners::User(self.host.user(OsStr::from_bytes(owner))?),
            name,
        ))
    }

    /// Finds the container or network namespace of the system or the caller that has a name.
    fn name(self, name: &OsStr) -> Result<Found, TargetError> {
        let by_name = || namespace::by_name(self.target, name, self.host, Owners::Own);
        let query = Query::Word(name.as_bytes(), START_OF_ID);
        let container = self.containers(Owners::Own, None, &query);
        if !namespace::is_named(name, self.host) {
            return match container {
                Err(error @ TargetError::Nothing { .. }) => match by_name() {
                    Err(TargetError::NoNamespace { target, why }) if why.is_link() => {
                        Err(TargetError::NoNamespace { target, why })
                    }
                    _ => Err(error.with_namespaces(name, self.host)),
                },
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
            // A name takes precedence over the start of an id.
            Ok(subject) if !is_named(&subject) => by_name().map(Found::Namespace),
            // The network of a set has the name of the set.
            Ok(subject) if self.is_own_network(&subject, by_name().ok()) => {
                Ok(Found::Process(subject))
            }
            Ok(Subject { container, .. }) => {
                let container = container.iter().map(|container| container.address());
                let addresses = container.chain([netns.to_string()]).collect();
                Err(TargetError::Ambiguous {
                    target: self.target.clone(),
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
            Err(_) => by_name().map(Found::Namespace),
        }
    }

    /// Returns whether a process is the keeper of a set that is in this network namespace.
    fn is_own_network(self, subject: &Subject, network: Option<Namespace>) -> bool {
        let is_lab = subject
            .container
            .as_ref()
            .is_some_and(|it| it.engine == Engine::Lab);
        let own = self
            .host
            .proc()
            .ns(subject.process.pid(), NsLink::Own(NsKind::Net));
        is_lab && network.is_some_and(|network| own == Ok(network.id()))
    }

    /// Finds the one container that fits a query.
    fn containers(
        self,
        owners: Owners,
        engine: Option<Engine>,
        query: &Query<'_>,
    ) -> Result<Subject, TargetError> {
        let Findings {
            records, unread, ..
        } = stores::look(self.host, owners, engine, query);
        let mut checker = Checker::new(self.host);
        let mut found: Vec<_> = records
            .into_iter()
            .map(|record| checker.check(record))
            .collect();
        if !found.iter().any(Checked::runs) {
            let beyond = scan::beyond(self.host, owners, engine, query, &found);
            found.extend(beyond.into_iter().map(|record| checker.check(record)));
        }
        let found = exact(merged(found), query);
        let (running, others): (Vec<_>, Vec<_>) = found.into_iter().partition(Checked::runs);
        let candidates = if running.is_empty() {
            let (waiting, stopped): (Vec<_>, Vec<_>) =
                others.into_iter().partition(|it| it.process.is_some());
            if waiting.is_empty() {
                return Err(absent(
                    self.host,
                    self.target,
                    (owners, engine, query),
                    stopped,
                    unread,
                ));
            }
            waiting
        } else {
            running
        };
        self.one(candidates, query)
    }

    /// Returns the only candidate. Of the containers of a pod that is named, the first one counts.
    fn one(self, mut candidates: Vec<Checked>, query: &Query<'_>) -> Result<Subject, TargetError> {
        let by_pod = |it: &Checked| match query {
            Query::Pod(_) => true,
            Query::Word(word, _) => it
                .container
                .pod
                .as_ref()
                .is_some_and(|pod| pod.name.as_bytes() == *word),
            Query::All => false,
        };
        // The pod's program that started first; the sandbox only if the pod has no program.
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
                target: self.target.clone(),
                containers: vec![checked.container],
            }),
            Err(several) => {
                let containers: Vec<_> = several.into_iter().map(|it| it.container).collect();
                Err(TargetError::Ambiguous {
                    target: self.target.clone(),
                    addresses: addresses(&containers),
                })
            }
        }
    }
}

/// Pins the process with a PID, if its pidfd has the inode that is wanted.
fn pin(pid: Pid, inode: Option<u64>) -> Result<Process, PinError> {
    let process = Process::pin(pid)?;
    match inode {
        Some(wanted) => match process.inode().map_err(PinError::Os)? {
            inode if inode == wanted => Ok(process),
            inode => Err(PinError::Reused(inode)),
        },
        None => Ok(process),
    }
}

/// Returns the containers with exactly this name or id; if there are none, those whose id begins
/// with the word.
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
        Host::system().unwrap().find_process(&target)
    }

    fn refusal(word: &[u8]) -> String {
        let error = resolve(OsStr::from_bytes(word)).unwrap_err();
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    }

    #[test]
    fn words_that_are_not_targets_are_refused_with_the_reason() {
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
        // Before Linux 6.9 pidfds have no inodes of their own, and a target with an inode is refused.
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
