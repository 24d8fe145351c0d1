//! Podman: `<graphroot>/<driver>-containers/containers.json` has ids and names,
//! `<runroot>/<driver>-containers/<id>/userdata` the number of the process, and the runtime its
//! start.
//!
//! CRI-O keeps its containers in the same store, and marks them by their names.

use super::{Findings, Query, Record, oci, oci::OciState};
use crate::{
    claim::{Claim, Location},
    container::{Container, Pod, State},
    engine::Engine,
    files::{Content, Dir, part, path},
    host::Host,
    person::Person,
    unread::ReadError,
};
use nsx_core::{pid, proc::decimal};
use serde::Deserialize;
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// A store of the library that Podman and CRI-O keep their containers with.
struct Storage {
    graphroot: Location,
    /// The first directory that exists counts.
    runroots: Vec<Location>,
    runtimes: Vec<Location>,
}

/// The parts of a store beside its lists, opened once.
struct Opened {
    driver: Vec<u8>,
    /// `<graphroot>/<driver>-containers`.
    containers: Dir,
    /// `<runroot>/<driver>-containers`, with its location.
    runs: Vec<(Dir, Location)>,
    runtimes: Vec<Dir>,
}

/// An entry of containers.json.
#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    names: Option<Vec<String>>,
    #[serde(default)]
    metadata: Option<String>,
}

/// The text that an entry has for its engine.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct Metadata {
    image_name: Option<String>,
    /// The id of the pod, which only CRI-O writes.
    pod_id: Option<String>,
}

/// Reads the containers in a containers.json or volatile-containers.json.
///
/// # Errors
/// [`ReadError`] if `text` is neither of these.
pub fn parse(text: &[u8]) -> Result<Vec<Container>, ReadError> {
    let entries: Vec<Entry> = serde_json::from_slice(text)?;
    Ok(entries.into_iter().map(container).collect())
}

/// The parts of CRI-O's state.json.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CrioState {
    #[serde(default)]
    init_pid: i32,
    /// Clock ticks since the boot, as text.
    #[serde(default)]
    init_start_time: Option<String>,
}

/// Reads CRI-O's state.json: the first process, and its start in clock ticks since the boot.
///
/// # Errors
/// [`ReadError`] if `text` is not a state.json.
pub fn parse_crio(text: &[u8]) -> Result<(Option<i32>, Option<u64>), ReadError> {
    let state: CrioState = serde_json::from_slice(text)?;
    let start = state
        .init_start_time
        .and_then(|text| decimal(text.as_bytes()));
    Ok((Some(state.init_pid).filter(|pid| *pid > 0), start))
}

fn container(entry: Entry) -> Container {
    let metadata: Metadata = entry
        .metadata
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default();
    let name = entry.names.unwrap_or_default().into_iter().next();
    let pod = name.as_deref().and_then(pod);
    let engine = if metadata.pod_id.is_some() || pod.is_some() {
        Engine::Crio
    } else {
        Engine::Podman
    };
    let mut container = Container::new(engine, entry.id);
    container.image = metadata
        .image_name
        .filter(|image| !image.is_empty())
        .map(OsString::from);
    container.name = name.map(OsString::from);
    container.pod = pod;
    container
}

/// Reads `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`. No part has an underscore.
fn pod(name: &str) -> Option<Pod> {
    let parts: Vec<_> = name.strip_prefix("k8s_")?.split('_').collect();
    let [container, pod, namespace, uid, _attempt] = parts.try_into().ok()?;
    let is_sandbox = container == "POD";
    Some(Pod {
        namespace: namespace.into(),
        name: pod.into(),
        container: Some(container.into()).filter(|_| !is_sandbox),
        uid: Some(uid.into()),
        is_sandbox,
    })
}

pub(crate) fn look(host: &Host, people: &[Person], query: &Query<'_>, findings: &mut Findings) {
    let system = Storage::of_system(host, findings);
    let mut storages = vec![system];
    storages.extend(
        people
            .iter()
            .map(|person| Storage::of(host, person, findings)),
    );
    for storage in storages {
        if let Err(error) = storage.look(host, query, findings) {
            findings.note(Engine::Podman, storage.graphroot.path, error);
        }
    }
}

impl Storage {
    fn of_system(host: &Host, findings: &mut Findings) -> Self {
        let config = StorageConfig::read(host, &Location::system("/etc/containers"), findings);
        Self {
            graphroot: config
                .graphroot
                .unwrap_or_else(|| Location::system("/var/lib/containers/storage")),
            runroots: vec![
                config
                    .runroot
                    .unwrap_or_else(|| Location::system("/run/containers/storage")),
            ],
            runtimes: oci::system_roots(),
        }
    }

    fn of(host: &Host, person: &Person, findings: &mut Findings) -> Self {
        let config = StorageConfig::read(
            host,
            &person.location(person.config.join("containers")),
            findings,
        );
        let uid = person.uid;
        // Without a runtime directory Podman makes one in /tmp.
        let runtimes = [
            person.location(&person.runtime),
            person.location(format!("/tmp/podman-run-{uid}")),
            person.location(format!("/tmp/storage-run-{uid}")),
        ];
        let runroots = match config.runroot {
            Some(runroot) => vec![runroot],
            None => runtimes
                .iter()
                .map(|runtime| runtime.join("containers"))
                .collect(),
        };
        Self {
            graphroot: config
                .graphroot
                .unwrap_or_else(|| person.data("containers/storage")),
            runroots,
            runtimes: runtimes.iter().flat_map(oci::roots_of).collect(),
        }
    }

    fn look(
        &self,
        host: &Host,
        query: &Query<'_>,
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        let graphroot = host.dir(&self.graphroot)?;
        for driver in graphroot.names()? {
            if !driver.ends_with(b"-containers") {
                continue;
            }
            let containers = graphroot.below(part(&driver))?;
            let mut opened = None;
            for file in ["containers.json", "volatile-containers.json"] {
                let read = containers.content(file).and_then(|content| {
                    if !query.may_be_in(b"", &content.bytes) {
                        return Ok(());
                    }
                    let wanted =
                        |it: &Container| matches!(query, Query::All) || query.wants_container(it);
                    for container in parse(&content.bytes)?.into_iter().filter(wanted) {
                        let opened =
                            opened.get_or_insert_with(|| self.open(host, &driver, &containers));
                        findings
                            .records
                            .push(self.record(opened, container, content.claim)?);
                    }
                    Ok(())
                });
                if let Err(error) = read {
                    findings.note(
                        Engine::Podman,
                        self.graphroot.path.join(part(&driver)).join(file),
                        error,
                    );
                }
            }
        }
        Ok(())
    }

    fn open(&self, host: &Host, driver: &[u8], containers: &Dir) -> Opened {
        let runs = self
            .runroots
            .iter()
            .map(|runroot| runroot.join(part(driver)));
        Opened {
            driver: driver.to_vec(),
            containers: containers.clone(),
            runs: runs
                .filter_map(|run| Some((host.dir(&run).ok()?, run)))
                .collect(),
            runtimes: oci::opened(host, &self.runtimes),
        }
    }

    /// Returns the record of a container in the list.
    ///
    /// # Errors
    /// [`ReadError::CutOff`] if reading the store has reached its limit.
    fn record(
        &self,
        opened: &Opened,
        container: Container,
        claim: Claim,
    ) -> Result<Record, ReadError> {
        let id = container.id.as_encoded_bytes().to_vec();
        let mut record = Record::new(container, claim);
        // This file is written when the container is started for the first time.
        let userdata = path(&[&id, b"userdata"]);
        let was_started = match opened
            .containers
            .open_path(Path::new(&userdata).join("config.json"))
        {
            Err(error @ ReadError::CutOff { .. }) => return Err(error),
            opened => opened.is_ok(),
        };
        if was_started {
            let bundle = self
                .graphroot
                .path
                .join(part(&opened.driver))
                .join(&userdata);
            record.container.bundle = Some(Location::new(bundle, claim));
        }
        // The file with the number of the process remains until the next start or boot.
        record.container.state = match self.runroots.first().filter(|_| was_started) {
            Some(runroot) => State::Unrecorded(runroot.path.clone()),
            None => State::Stopped("created"),
        };
        if let Some((pid, content)) = opened.process(&userdata)
            && record.trusts(content.claim)
        {
            record.pid = Some(pid);
            record.written = Some(content.written);
            record.container.state = State::Running;
            record.once_ended = Some(State::Stopped("exited"));
        }
        if record.container.engine == Engine::Crio {
            opened.crio(&userdata, &mut record);
        }
        // The runtime forgets a container that was cleaned up.
        if let Some((state, claim)) = OciState::find(&opened.runtimes, &id) {
            let bundle = record.container.bundle.take();
            state.witness(claim, &mut record);
            record.container.bundle = bundle.or(record.container.bundle);
        }
        Ok(record)
    }
}

impl Opened {
    /// Adds CRI-O's own record of the process.
    fn crio(&self, userdata: &OsStr, record: &mut Record) {
        let found = self.runs.iter().find_map(|(directory, run)| {
            let content = directory
                .content(Path::new(userdata).join("state.json"))
                .ok()?;
            Some((
                parse_crio(&content.bytes).ok()?,
                content.claim,
                run.join(userdata),
            ))
        });
        let Some(((pid, start), claim, bundle)) = found else {
            return;
        };
        if !record.trusts(claim) {
            return;
        }
        record.container.bundle = Some(Location {
            claim: record.claim,
            ..bundle
        });
        if let Some(pid) = pid.and_then(pid::Pid::from_raw) {
            record.pid = Some(pid);
            record.start = start;
            record.container.state = State::Running;
            record.once_ended = Some(State::Stopped("exited"));
        }
    }

    /// Returns the process in the record, and the content of that file.
    fn process(&self, userdata: &OsStr) -> Option<(pid::Pid, Content)> {
        self.runs.iter().find_map(|(directory, _)| {
            let pidfile = directory
                .content(Path::new(userdata).join("pidfile"))
                .ok()?;
            Some((pid::parse(pidfile.bytes.trim_ascii()).ok()?, pidfile))
        })
    }
}

/// The parts of storage.conf.
#[derive(Default)]
struct StorageConfig {
    graphroot: Option<Location>,
    runroot: Option<Location>,
}

impl StorageConfig {
    fn read(host: &Host, directory: &Location, findings: &mut Findings) -> Self {
        match host
            .dir(directory)
            .and_then(|it| it.content("storage.conf"))
        {
            Ok(content) => Self::parse(&content.bytes, content.claim),
            Err(error) => {
                findings.note_config(Engine::Podman, directory.path.join("storage.conf"), error);
                Self::default()
            }
        }
    }

    /// Reads two lines of a TOML file, which have no other form in practice: `graphroot = "/path"`.
    fn parse(text: &[u8], claim: Claim) -> Self {
        let text = String::from_utf8_lossy(text);
        let value = |key: &str| {
            let path = text.lines().find_map(|line| {
                let value = line
                    .trim()
                    .strip_prefix(key)?
                    .trim_start()
                    .strip_prefix('=')?
                    .trim();
                let value = value.strip_prefix('"')?.split('"').next()?;
                Some(PathBuf::from(value))
                    .filter(|path| path.is_absolute() && !value.contains(['$', '\\']))
            });
            path.map(|path| Location::new(path, claim))
        };
        Self {
            graphroot: value("graphroot"),
            runroot: value("runroot"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_list_of_containers_is_read() {
        let text = r#"[{"id":"1b32","names":["web"],"image":"bede","layer":"324e",
            "metadata":"{\"image-name\":\"localhost/bb:latest\",\"name\":\"web\",\"created-at\":1795322386}",
            "created":"2026-11-22T04:39:46.62629448Z","flags":{"MountLabel":"","ProcessLabel":""}},
            {"id":"4d5d","metadata":"not json"},
            {"id":"77aa","names":["k8s_app_web-0_prod_9ad1_2"],"metadata":"{\"pod-id\":\"88\",\"name\":\"x\"}"},
            {"id":"88aa","names":["k8s_POD_web-0_prod_9ad1_0"]}]"#;
        let containers = parse(text.as_bytes()).unwrap();
        let addresses: Vec<String> = containers.iter().map(Container::address).collect();
        assert_eq!(
            addresses,
            [
                "podman:web",
                "podman:4d5d",
                "k8s://prod/web-0/app",
                "crio:88aa"
            ]
        );
        assert_eq!(
            containers[0].image.as_deref(),
            Some(OsStr::new("localhost/bb:latest"))
        );
        assert!(containers[3].pod.as_ref().unwrap().is_sandbox);
        for text in ["", "{}", "[{}]", "[{\"id\":7}]", "[{\"id\":\"a\"}", "null"] {
            assert!(
                matches!(parse(text.as_bytes()), Err(ReadError::Malformed(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn directories_that_were_moved_are_found() {
        let text = b"[storage]\n driver = \"overlay\"\n# graphroot = \"/no\"\n graphroot= \"/data/c\"\nrunroot = \"$HOME/x\"\n";
        let config = StorageConfig::parse(text, Claim::User(7));
        assert_eq!(
            (config.graphroot, config.runroot),
            (Some(Location::new("/data/c", Claim::User(7))), None)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (parse(&bytes), parse_crio(&bytes));
            let _ = StorageConfig::parse(&bytes, Claim::System);
        }
    }
}
