//! Docker: `<data-root>/containers/<id>/config.v2.json`, and the runtime's record as the second
//! witness.
//!
//! The configuration may lag behind after the daemon crashed, so the runtime's record of the
//! process is preferred.

use super::{Findings, Query, Record, dockerd::Daemon, oci::OciState};
use crate::{
    claim::Location,
    container::{Container, Pod, State},
    engine::Engine,
    files::{Dir, part, path},
    host::Host,
    person::Person,
    unread::ReadError,
};
use nsx_core::pid::Pid;
use serde::Deserialize;
use std::{ffi::OsString, os::unix::ffi::OsStringExt};

/// The parts of config.v2.json.
#[derive(Deserialize)]
struct Config {
    #[serde(rename = "ID")]
    id: String,
    #[serde(default, rename = "Name")]
    name: String,
    #[serde(default, rename = "State")]
    state: ConfigState,
    #[serde(default, rename = "Config")]
    config: Option<Created>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ConfigState {
    running: bool,
    paused: bool,
    restarting: bool,
    dead: bool,
    pid: i32,
    started_at: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Created {
    image: Option<String>,
    labels: Option<Labels>,
}

/// The labels that cri-dockerd writes.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels {
    #[serde(rename = "io.kubernetes.pod.namespace")]
    namespace: Option<String>,
    #[serde(rename = "io.kubernetes.pod.name")]
    pod: Option<String>,
    #[serde(rename = "io.kubernetes.pod.uid")]
    uid: Option<String>,
    #[serde(rename = "io.kubernetes.container.name")]
    container: Option<String>,
    #[serde(rename = "io.kubernetes.docker.type")]
    kind: Option<String>,
}

/// Reads config.v2.json: the container, and its process if it has one.
///
/// # Errors
/// [`ReadError`] if `text` is not a config.v2.json.
pub fn parse(text: &[u8]) -> Result<(Container, Option<i32>), ReadError> {
    let Config {
        id,
        name,
        state,
        config,
    } = serde_json::from_slice(text)?;
    let pid = state.pid;
    let Created { image, labels } = config.unwrap_or_default();
    let mut container = Container::new(Engine::Docker, id);
    let name = name.strip_prefix('/').unwrap_or(&name);
    container.name = Some(OsString::from(name)).filter(|name| !name.is_empty());
    container.image = image.filter(|image| !image.is_empty()).map(OsString::from);
    container.pod = labels.and_then(pod);
    container.state = match state {
        ConfigState {
            paused: true,
            running: true,
            ..
        } => State::Paused,
        ConfigState {
            restarting: true, ..
        } => State::Stopped("restarting"),
        ConfigState { running: true, .. } => State::Running,
        ConfigState { dead: true, .. } => State::Stopped("dead"),
        // In Go the year 1 means never.
        state if state.started_at.starts_with("0001-") || state.started_at.is_empty() => {
            State::Stopped("created")
        }
        _ => State::Stopped("exited"),
    };
    let pid = Some(pid).filter(|pid| *pid > 0 && container.state.is_running());
    Ok((container, pid))
}

fn pod(labels: Labels) -> Option<Pod> {
    let is_sandbox = labels.kind.as_deref() == Some("podsandbox");
    Some(Pod {
        namespace: labels.namespace?.into(),
        name: labels.pod?.into(),
        container: labels.container.filter(|_| !is_sandbox).map(OsString::from),
        uid: labels.uid.map(OsString::from),
        is_sandbox,
    })
}

pub(crate) fn look(host: &Host, people: &[Person], query: &Query<'_>, findings: &mut Findings) {
    for daemon in Daemon::of_system(host, findings) {
        daemon.note(host, query, findings);
    }
    for person in people {
        Daemon::of(host, person, findings).note(host, query, findings);
    }
}

/// Looks at the daemons whose directories are not the usual ones.
pub(crate) fn look_elsewhere(host: &Host, query: &Query<'_>, findings: &mut Findings) {
    for daemon in Daemon::elsewhere(host, findings) {
        daemon.note(host, query, findings);
    }
}

impl Daemon {
    fn note(&self, host: &Host, query: &Query<'_>, findings: &mut Findings) {
        let containers = self.data.join("containers");
        if let Err(error) = self.look(host, &containers, query, findings) {
            findings.note(Engine::Docker, containers.path, error);
        }
    }

    fn look(
        &self,
        host: &Host,
        containers: &Location,
        query: &Query<'_>,
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        let directory = host.dir(containers)?;
        let names = directory.names()?;
        // For a whole id, no other file is read. A name may look like the start of an id.
        let by_id: Vec<_> = names.iter().filter(|id| query.is_whole_id(id)).collect();
        let candidates = if by_id.is_empty() {
            names.iter().collect()
        } else {
            by_id
        };
        let mut runtimes = None;
        for id in candidates {
            match self.read(host, &directory, id, query, &mut runtimes) {
                Ok(Some(record)) => findings.records.push(record),
                Ok(None) => {}
                Err(error) => findings.note(Engine::Docker, containers.path.join(part(id)), error),
            }
        }
        Ok(())
    }

    fn read(
        &self,
        host: &Host,
        directory: &Dir,
        id: &[u8],
        query: &Query<'_>,
        runtimes: &mut Option<Vec<Dir>>,
    ) -> Result<Option<Record>, ReadError> {
        let content = directory.content(path(&[id, b"config.v2.json"]))?;
        if !query.may_be_in(id, &content.bytes) {
            return Ok(None);
        }
        let (mut container, pid) = parse(&content.bytes)?;
        if !query.wants_container(&container) && !matches!(query, Query::All) {
            return Ok(None);
        }
        // The name of the directory counts, and not the id in the file.
        container.id = OsString::from_vec(id.to_vec());
        let mut record = Record::new(container, content.claim);
        record.pid = pid.and_then(Pid::from_raw);
        if record.pid.is_none() && record.container.state == State::Stopped("created") {
            return Ok(Some(record));
        }
        match OciState::find(runtimes.get_or_insert_with(|| self.runtimes(host)), id) {
            Some((state, claim)) => state.witness(claim, &mut record),
            // No runtime knows the container, so Docker has not run it since the boot.
            None if record.pid.is_some() => record.once_ended = Some(State::Stopped("exited")),
            None => {}
        }
        Ok(Some(record))
    }

    /// Returns the directories of the states of this daemon's runtimes: `runtime-<name>/moby`,
    /// runc's first.
    fn runtimes(&self, host: &Host) -> Vec<Dir> {
        let Ok(exec) = host.dir(&self.exec) else {
            return Vec::new();
        };
        let mut names = exec.names().unwrap_or_default();
        names.retain(|name| name.starts_with(b"runtime-"));
        names.sort_by_key(|name| name.as_slice() != b"runtime-runc");
        names
            .iter()
            .filter_map(|name| exec.below(path(&[name, b"moby"])).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn state(state: &str) -> (State, Option<i32>) {
        let text = format!(
            r#"{{"State":{state},"ID":"5f97","Name":"/web","Config":{{"Image":"bb","Labels":{{}}}}}}"#
        );
        let (container, pid) = parse(text.as_bytes()).unwrap();
        assert_eq!(container.name.unwrap(), "web");
        (container.state, pid)
    }

    #[test]
    fn states_are_read_as_docker_names_them() {
        let started = r#""StartedAt":"2026-11-22T04:39:43.875170687Z""#;
        let running = format!(
            r#"{{"Running":true,"Paused":false,"Restarting":false,"Dead":false,"Pid":7,{started}}}"#
        );
        assert_eq!(state(&running), (State::Running, Some(7)));
        let paused = running.replace(r#""Paused":false"#, r#""Paused":true"#);
        assert_eq!(state(&paused), (State::Paused, Some(7)));
        let restarting = running.replace(r#""Restarting":false"#, r#""Restarting":true"#);
        assert_eq!(state(&restarting), (State::Stopped("restarting"), None));
        let exited = running.replace(r#""Running":true"#, r#""Running":false"#);
        assert_eq!(state(&exited), (State::Stopped("exited"), None));
        assert_eq!(
            state(r#"{"StartedAt":"0001-01-01T00:00:00Z"}"#),
            (State::Stopped("created"), None)
        );
    }

    #[test]
    fn labels_of_kubernetes_name_the_pod() {
        let text = |kind: &str| {
            format!(
                r#"{{"ID":"5f97","Name":"/k8s_app_web-0_prod_1_0","Config":{{"Labels":{{"io.kubernetes.pod.namespace":"prod",
                "io.kubernetes.pod.name":"web-0","io.kubernetes.pod.uid":"1","io.kubernetes.container.name":"app",
                "io.kubernetes.docker.type":"{kind}","other":"label"}}}}}}"#
            )
        };
        let (container, _) = parse(text("container").as_bytes()).unwrap();
        assert_eq!(container.address(), "k8s://prod/web-0/app");
        let (sandbox, _) = parse(text("podsandbox").as_bytes()).unwrap();
        let pod = sandbox.pod.unwrap();
        assert!(pod.is_sandbox && pod.container.is_none());
    }

    #[test]
    fn a_text_that_is_not_a_configuration_is_refused() {
        for text in [
            &b""[..],
            b"{}",
            b"[]",
            b"{\"ID\":7}",
            b"{\"ID\":\"a\",\"State\":{\"Pid\":\"x\"}}",
        ] {
            assert!(matches!(parse(text), Err(ReadError::Malformed(_))));
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
