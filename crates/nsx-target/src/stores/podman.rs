//! Podman: `<graphroot>/<driver>-containers/containers.json` has ids and names, `<runroot>/<driver>-containers/<id>/userdata`
//! the number of the process, and the runtime its start.
//!
//! CRI-O keeps its containers in the same store, and tells them by their names.

use super::{Findings, Query, Record, oci, oci::OciState};
use crate::{
    container::{Container, Pod, State},
    engine::Engine,
    files::{Dir, ReadError, part, path},
    host::{Host, Person},
};
use nsx_core::{pid, proc::decimal};
use serde::Deserialize;
use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

/// One store of the library that Podman and CRI-O keep their containers with.
struct Storage {
    graphroot: PathBuf,
    /// The first that is there counts.
    runroots: Vec<PathBuf>,
    runtimes: Vec<PathBuf>,
    rootless: bool,
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
    /// CRI-O's.
    pod_id: Option<String>,
}

/// Reads containers.json or volatile-containers.json: the containers in it.
///
/// # Errors
/// Where it is none.
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
/// Where it is none.
pub fn parse_crio(text: &[u8]) -> Result<(Option<i32>, Option<u64>), ReadError> {
    let state: CrioState = serde_json::from_slice(text)?;
    let start = state.init_start_time.and_then(|text| decimal(text.as_bytes()));
    Ok((Some(state.init_pid).filter(|pid| *pid > 0), start))
}

fn container(entry: Entry) -> Container {
    let metadata: Metadata = entry.metadata.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    let name = entry.names.unwrap_or_default().into_iter().next();
    let pod = name.as_deref().and_then(pod);
    let engine = if metadata.pod_id.is_some() || pod.is_some() { Engine::Crio } else { Engine::Podman };
    let mut container = Container::new(engine, entry.id);
    container.image = metadata.image_name.filter(|image| !image.is_empty()).map(OsString::from);
    container.name = name.map(OsString::from);
    container.pod = pod;
    container
}

/// The parts of `k8s_CONTAINER_POD_NAMESPACE_UID_ATTEMPT`, of which none has an underscore.
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

pub(crate) fn look(host: &Host, query: &Query<'_>, findings: &mut Findings) {
    let rootless = host.people().iter().map(|person| Storage::of(host, person));
    for storage in std::iter::once(Storage::of_system(host)).chain(rootless) {
        if let Err(error) = storage.look(host, query, findings) {
            findings.note(Engine::Podman, &storage.graphroot, error);
        }
    }
}

impl Storage {
    fn of_system(host: &Host) -> Self {
        let config = StorageConfig::read(host, Path::new("/etc/containers"));
        Self {
            graphroot: config.graphroot.unwrap_or_else(|| "/var/lib/containers/storage".into()),
            runroots: vec![config.runroot.unwrap_or_else(|| "/run/containers/storage".into())],
            runtimes: oci::system_roots(),
            rootless: false,
        }
    }

    fn of(host: &Host, person: &Person) -> Self {
        let config = StorageConfig::read(host, &person.config.join("containers"));
        let Person { data, runtime, uid, .. } = person;
        // Without a runtime directory Podman makes one in /tmp.
        let runtimes =
            [runtime.clone(), format!("/tmp/podman-run-{uid}").into(), format!("/tmp/storage-run-{uid}").into()];
        let runroots = match config.runroot {
            Some(runroot) => vec![runroot],
            None => runtimes.iter().map(|runtime| runtime.join("containers")).collect(),
        };
        Self {
            graphroot: config.graphroot.unwrap_or_else(|| data.join("containers/storage")),
            runroots,
            runtimes: runtimes.iter().flat_map(|runtime| oci::roots_of(runtime)).collect(),
            rootless: true,
        }
    }

    fn look(&self, host: &Host, query: &Query<'_>, findings: &mut Findings) -> Result<(), ReadError> {
        let graphroot = host.dir(&self.graphroot)?;
        let owner = if self.rootless { graphroot.owner()? } else { None };
        for driver in graphroot.names()? {
            if !driver.ends_with(b"-containers") {
                continue;
            }
            let directory = graphroot.below(part(&driver))?;
            for file in ["containers.json", "volatile-containers.json"] {
                let text = match directory.read(file) {
                    Ok(text) if !query.may_be_in(b"", &text) => continue,
                    Ok(text) => text,
                    Err(ReadError::Absent) => continue,
                    Err(error) => {
                        findings.note(Engine::Podman, self.graphroot.join(part(&driver)).join(file), error);
                        continue;
                    }
                };
                match parse(&text) {
                    Ok(containers) => {
                        let wanted = |it: &Container| matches!(query, Query::All) || query.wants_container(it);
                        let wanted = containers.into_iter().filter(wanted);
                        let records = wanted
                            .map(|container| self.record(host, Container { owner, ..container }, &driver, &directory));
                        findings.records.extend(records);
                    }
                    Err(error) => findings.note(Engine::Podman, self.graphroot.join(part(&driver)).join(file), error),
                }
            }
        }
        Ok(())
    }

    /// What is known of a container that is in the list.
    fn record(&self, host: &Host, container: Container, driver: &[u8], directory: &Dir) -> Record {
        let id = container.id.as_encoded_bytes().to_vec();
        let mut record = Record::new(container);
        // Written when it is started for the first time.
        let userdata = path(&[&id, b"userdata"]);
        let was_started = directory.has(Path::new(&userdata).join("config.json"));
        let state = State::Stopped(if was_started { "exited" } else { "created" });
        if was_started {
            record.container.bundle = Some(self.graphroot.join(part(driver)).join(&userdata));
        }
        record.container.state = state.clone();
        if let Some(running) = self.process(host, driver, &userdata) {
            record.pid = Some(running.0);
            record.written = Some(running.1);
            record.container.state = State::Running;
            record.once_ended = Some(state);
        }
        if record.container.engine == Engine::Crio {
            self.crio(host, driver, &userdata, &mut record);
        }
        // The runtime forgets a container that was cleaned up.
        if let Some(state) = OciState::find(host, &self.runtimes, &id) {
            let bundle = record.container.bundle.take();
            state.witness(&mut record);
            record.container.bundle = bundle.or(record.container.bundle);
        }
        record
    }

    /// What CRI-O itself notes of the process.
    fn crio(&self, host: &Host, driver: &[u8], userdata: &OsStr, record: &mut Record) {
        let found = self.runroots.iter().find_map(|runroot| {
            let directory = host.dir(runroot.join(part(driver))).ok()?;
            let text = directory.read(Path::new(userdata).join("state.json")).ok()?;
            Some((parse_crio(&text).ok()?, runroot.join(part(driver)).join(userdata)))
        });
        let Some(((pid, start), bundle)) = found else { return };
        record.container.bundle = Some(bundle);
        if let Some(pid) = pid.and_then(pid::Pid::from_raw) {
            record.pid = Some(pid);
            record.start = start;
            record.container.state = State::Running;
            record.once_ended = Some(State::Stopped("exited"));
        }
    }

    /// The process that is written down, and when it was.
    fn process(&self, host: &Host, driver: &[u8], userdata: &OsStr) -> Option<(pid::Pid, std::time::Duration)> {
        self.runroots.iter().find_map(|runroot| {
            let directory = host.dir(runroot.join(part(driver))).ok()?;
            let pidfile = directory.content(Path::new(userdata).join("pidfile")).ok()?;
            Some((pid::parse(pidfile.bytes.trim_ascii()).ok()?, pidfile.written))
        })
    }
}

/// The parts of storage.conf.
#[derive(Default)]
struct StorageConfig {
    graphroot: Option<PathBuf>,
    runroot: Option<PathBuf>,
}

impl StorageConfig {
    fn read(host: &Host, directory: &Path) -> Self {
        let text = host.read(directory, "storage.conf").unwrap_or_default();
        Self::parse(&text)
    }

    /// Two lines of a TOML file, which have no other form in practice: `graphroot = "/path"`.
    fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let value = |key: &str| {
            text.lines().find_map(|line| {
                let value = line.trim().strip_prefix(key)?.trim_start().strip_prefix('=')?.trim();
                let value = value.strip_prefix('"')?.split('"').next()?;
                Some(PathBuf::from(value)).filter(|path| path.is_absolute() && !value.contains(['$', '\\']))
            })
        };
        Self { graphroot: value("graphroot"), runroot: value("runroot") }
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
        assert_eq!(addresses, ["podman:web", "podman:4d5d", "k8s://prod/web-0/app", "crio:88aa"]);
        assert_eq!(containers[0].image.as_deref(), Some(OsStr::new("localhost/bb:latest")));
        assert!(containers[3].pod.as_ref().unwrap().is_sandbox);
        for text in ["", "{}", "[{}]", "[{\"id\":7}]", "[{\"id\":\"a\"}", "null"] {
            assert!(matches!(parse(text.as_bytes()), Err(ReadError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn directories_that_were_moved_are_found() {
        let text = b"[storage]\n driver = \"overlay\"\n# graphroot = \"/no\"\n graphroot= \"/data/c\"\nrunroot = \"$HOME/x\"\n";
        let config = StorageConfig::parse(text);
        assert_eq!((config.graphroot, config.runroot), (Some("/data/c".into()), None));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (parse(&bytes), parse_crio(&bytes));
            let _ = StorageConfig::parse(&bytes);
        }
    }
}
