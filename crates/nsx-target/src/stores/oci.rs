//! runc and crun by themselves: `<root>/<id>/state.json` and `<root>/<id>/status`.
//! Other engines run their containers through these runtimes, so their records are also the second
//! witness for those engines.

use super::{Findings, Query, Record};
use crate::{
    claim::{Claim, Location},
    container::{Container, State},
    engine::Engine,
    files::{Dir, part, path},
    host::Host,
    person::Person,
    unread::ReadError,
};
use nsx_core::pid::Pid;
use serde::Deserialize;
use std::path::PathBuf;

/// The facts that a runtime remembers of a container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OciState {
    /// The container's first process.
    pub pid: Option<i32>,
    /// The start of that process in clock ticks since the boot.
    pub start: Option<u64>,
    /// The directory with config.json.
    pub bundle: Option<PathBuf>,
    /// `true` if the container waits for `start`.
    pub is_created: bool,
}

/// The parts of runc's state.json.
#[derive(Deserialize)]
struct Runc {
    init_process_pid: i32,
    #[serde(default)]
    init_process_start: u64,
    #[serde(default)]
    config: RuncConfig,
}

#[derive(Default, Deserialize)]
struct RuncConfig {
    #[serde(default)]
    labels: Option<Vec<String>>,
}

/// The parts of crun's status.
#[derive(Deserialize)]
struct Crun {
    pid: i32,
    #[serde(default, rename = "process-start-time")]
    start: u64,
    #[serde(default)]
    bundle: Option<String>,
}

impl OciState {
    /// Reads runc's `state.json`.
    ///
    /// # Errors
    /// [`ReadError`] if `text` is not a `state.json`.
    pub fn parse_runc(text: &[u8]) -> Result<Self, ReadError> {
        let Runc {
            init_process_pid,
            init_process_start,
            config,
        } = serde_json::from_slice(text)?;
        let labels = config.labels.unwrap_or_default();
        let bundle = labels
            .iter()
            .find_map(|label| label.strip_prefix("bundle="))
            .map(PathBuf::from);
        Ok(Self::of(init_process_pid, init_process_start, bundle))
    }

    /// Reads crun's `status`.
    ///
    /// # Errors
    /// [`ReadError`] if `text` is not a `status`.
    pub fn parse_crun(text: &[u8]) -> Result<Self, ReadError> {
        let Crun { pid, start, bundle } = serde_json::from_slice(text)?;
        Ok(Self::of(pid, start, bundle.map(PathBuf::from)))
    }

    fn of(pid: i32, start: u64, bundle: Option<PathBuf>) -> Self {
        Self {
            pid: Some(pid).filter(|pid| *pid > 0),
            start: Some(start).filter(|start| *start > 0),
            bundle: bundle.filter(|path| path.is_absolute()),
            is_created: false,
        }
    }

    /// Reads the record of the container `id` that either runtime keeps in `directory`, and the
    /// claim on it.
    pub(crate) fn read(directory: &Dir, id: &[u8]) -> Result<(Self, Claim), ReadError> {
        let (state, claim) = match directory.content(path(&[id, b"state.json"])) {
            Ok(content) => (Self::parse_runc(&content.bytes)?, content.claim),
            Err(ReadError::Absent) => {
                let content = directory.content(path(&[id, b"status"]))?;
                (Self::parse_crun(&content.bytes)?, content.claim)
            }
            Err(error) => return Err(error),
        };
        // A write into this file starts the process that waits.
        Ok((
            Self {
                is_created: directory.has(path(&[id, b"exec.fifo"])),
                ..state
            },
            claim,
        ))
    }

    /// Returns the state of the container `id` from the first of these directories that has it.
    pub(crate) fn find(roots: &[Dir], id: &[u8]) -> Option<(Self, Claim)> {
        roots.iter().find_map(|root| Self::read(root, id).ok())
    }

    /// Adds this state, which has this claim, to a record.
    pub(crate) fn witness(self, claim: Claim, record: &mut Record) {
        if !record.trusts(claim) {
            return;
        }
        record.pid = self.pid.and_then(Pid::from_raw);
        record.start = self.start;
        record.written = None;
        if let Some(bundle) = self.bundle {
            record.container.bundle = Some(Location::new(bundle, record.claim));
        }
        if self.is_created {
            record.container.state = State::Created;
        } else if matches!(
            record.container.state,
            State::Stopped(_) | State::Unrecorded(_)
        ) {
            record.container.state = State::Running;
        }
    }
}

/// Returns the directories of the runtimes' states for containers of Podman, and for those without
/// an engine.
pub(crate) fn system_roots() -> Vec<Location> {
    ["/run/crun", "/run/runc"].map(Location::system).into()
}

/// Returns the directories of the runtimes in one user's runtime directory.
pub(crate) fn roots_of(runtime: &Location) -> [Location; 2] {
    ["crun", "runc"].map(|name| runtime.join(name))
}

/// Opens those of the directories that exist.
pub(crate) fn opened(host: &Host, roots: &[Location]) -> Vec<Dir> {
    roots
        .iter()
        .filter_map(|root| host.dir(root).ok())
        .collect()
}

pub(crate) fn look(host: &Host, people: &[Person], query: &Query<'_>, findings: &mut Findings) {
    let own = people
        .iter()
        .flat_map(|person| roots_of(&person.location(&person.runtime)));
    for root in system_roots().into_iter().chain(own) {
        if let Err(error) = look_in(host, &root, query, findings) {
            findings.note(Engine::Oci, root.path, error);
        }
    }
}

fn look_in(
    host: &Host,
    root: &Location,
    query: &Query<'_>,
    findings: &mut Findings,
) -> Result<(), ReadError> {
    let directory = host.dir(root)?;
    for id in directory.names()? {
        if !matches!(query, Query::All) && !query.wants_id(&id) {
            continue;
        }
        match OciState::read(&directory, &id) {
            Ok((state, claim)) => {
                let mut record = Record::new(Container::new(Engine::Oci, id), claim);
                state.witness(claim, &mut record);
                record.once_ended = Some(State::Stopped("stopped"));
                findings.records.push(record);
            }
            Err(error) => findings.note(Engine::Oci, root.path.join(part(&id)), error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_formats_are_read() {
        let runc = br#"{"id":"rweb","init_process_pid":18715,"init_process_start":1153757,"created":"2026-11-22T04:42:02.7Z",
            "config":{"rootfs":"/srv/rootfs","labels":["x=y","bundle=/srv"]},"cgroup_paths":{"":"/sys/fs/cgroup/rweb"}}"#;
        let expected = OciState {
            pid: Some(18715),
            start: Some(1_153_757),
            bundle: Some("/srv".into()),
            is_created: false,
        };
        assert_eq!(OciState::parse_runc(runc), Ok(expected.clone()));
        let crun = br#"{"pid":18715,"process-start-time":1153757,"cgroup-path":"/kweb","scope":"","rootfs":"rootfs",
            "systemd-cgroup":false,"bundle":"/srv","created":"2026-11-22T04:42:02.907607Z","owner":"root","detached":true}"#;
        assert_eq!(OciState::parse_crun(crun), Ok(expected));
    }

    #[test]
    fn a_number_that_is_not_a_process_is_left_out() {
        let none =
            OciState::parse_crun(br#"{"pid":0,"process-start-time":0,"bundle":"srv"}"#).unwrap();
        assert_eq!(none, OciState::default());
        assert_eq!(
            OciState::parse_runc(br#"{"init_process_pid":-1}"#).unwrap(),
            OciState::default()
        );
        for text in [
            &b""[..],
            b"{",
            b"[]",
            b"{\"pid\":\"7\"}",
            b"{\"pid\":99999999999}",
            b"null",
        ] {
            assert!(OciState::parse_crun(text).is_err());
            assert!(OciState::parse_runc(text).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (OciState::parse_runc(&bytes), OciState::parse_crun(&bytes));
        }
    }
}
