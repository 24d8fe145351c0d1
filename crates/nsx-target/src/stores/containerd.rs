//! containerd: a bundle `<state>/io.containerd.runtime.v2.task/<namespace>/<id>` for each container
//! that has a task, with `config.json` and `init.pid`; nerdctl's and Kubernetes' names are in the
//! annotations.
//! Some names have an index: nerdctl has a file for each name, kubelet a link for each container's
//! log.

use super::{Findings, Query, Record, kubelet, oci, oci::OciState};
use crate::{
    claim::Location,
    container::{Container, Pod, Sandbox, State},
    engine::Engine,
    files::{Dir, part, path},
    host::Host,
    id::is_long_id,
    person::Person,
    unread::ReadError,
};
use nsx_core::pid;
use serde::Deserialize;
use std::{ffi::OsString, os::unix::ffi::OsStringExt, path::PathBuf};

const TASKS: &str = "io.containerd.runtime.v2.task";

/// The state directory of a daemon.
struct Daemon {
    state: Location,
    /// The directory in which nerdctl keeps its names.
    nerdctl: Option<Location>,
}

/// The directory of a namespace of containerd's, and the directories of the runtimes for it.
struct Bundles {
    directory: Dir,
    /// The location of that directory.
    location: Location,
    runtimes: Vec<Dir>,
}

/// The parts of a bundle's config.json.
#[derive(Deserialize)]
struct Spec {
    #[serde(default)]
    annotations: Option<Annotations>,
}

/// The annotations that nerdctl and containerd's CRI plug-in write.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotations {
    #[serde(rename = "nerdctl/name")]
    nerdctl_name: Option<String>,
    #[serde(rename = "nerdctl/namespace")]
    nerdctl_namespace: Option<String>,
    #[serde(rename = "io.kubernetes.cri.container-type")]
    kind: Option<String>,
    #[serde(rename = "io.kubernetes.cri.container-name")]
    container: Option<String>,
    #[serde(rename = "io.kubernetes.cri.sandbox-name")]
    pod: Option<String>,
    #[serde(rename = "io.kubernetes.cri.sandbox-namespace")]
    namespace: Option<String>,
    #[serde(rename = "io.kubernetes.cri.sandbox-uid")]
    uid: Option<String>,
    #[serde(rename = "io.kubernetes.cri.image-name")]
    image: Option<String>,
}

/// Reads a bundle's config.json: the container `id` in the containerd namespace `namespace`.
///
/// # Errors
/// [`ReadError`] if `text` is not an OCI configuration.
pub fn parse(text: &[u8], namespace: &[u8], id: &[u8]) -> Result<Container, ReadError> {
    let spec: Spec = serde_json::from_slice(text)?;
    let found = spec.annotations.unwrap_or_default();
    let mut container = container(namespace, id);
    if found.nerdctl_namespace.is_some() || found.nerdctl_name.is_some() {
        container.engine = Engine::Nerdctl;
        container.name = found
            .nerdctl_name
            .filter(|name| !name.is_empty())
            .map(OsString::from);
    }
    if let Some(kind) = found.kind {
        let is_sandbox = kind == "sandbox";
        container.engine = Engine::Cri;
        let name = found.container.filter(|_| !is_sandbox).map(OsString::from);
        container.name = name.clone();
        container.pod = found.namespace.zip(found.pod).map(|(namespace, pod)| Pod {
            namespace: namespace.into(),
            name: pod.into(),
            container: name,
            uid: found.uid.map(OsString::from),
            is_sandbox,
        });
    }
    container.image = found.image.map(OsString::from);
    Ok(container)
}

/// Returns the container as the bundle's path alone describes it.
fn container(namespace: &[u8], id: &[u8]) -> Container {
    // Docker's containers are in this namespace of containerd's. Docker's own records have more
    // about them.
    let engine = if namespace == b"moby" {
        Engine::Docker
    } else {
        Engine::Containerd
    };
    let mut container = Container::new(engine, id);
    container.namespace = Some(OsString::from_vec(namespace.to_vec()));
    container
}

/// Returns the kind of sandbox of a shim; none if its containers are processes of the host.
pub(crate) fn sandbox(shim: &[u8]) -> Option<Sandbox> {
    let name = shim.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let has = |word: &[u8]| memchr::memmem::find(name, word).is_some();
    if has(b"kata") {
        Some(Sandbox::Kata)
    } else if has(b"runsc") || has(b"gvisor") {
        Some(Sandbox::Gvisor)
    } else {
        None
    }
}

pub(crate) fn look(host: &Host, people: &[Person], query: &Query<'_>, findings: &mut Findings) {
    let system = |state: &str, nerdctl: Option<&str>| Daemon {
        state: Location::system(state),
        nerdctl: nerdctl.map(Location::system),
    };
    let mut daemons = vec![
        system("/run/containerd", Some("/var/lib/nerdctl")),
        system("/run/docker/containerd/daemon", None),
        system("/run/k3s/containerd", None),
        system("/var/snap/microk8s/common/run/containerd", None),
    ];
    if let Some(state) = moved(host, findings) {
        daemons.insert(
            0,
            Daemon {
                state,
                nerdctl: None,
            },
        );
    }
    daemons.extend(people.iter().flat_map(|person| {
        let (state, docker) = (
            person.runtime("containerd"),
            person.runtime("docker/containerd/daemon"),
        );
        [
            Daemon {
                state,
                nerdctl: Some(person.data("nerdctl")),
            },
            Daemon {
                state: docker,
                nerdctl: None,
            },
        ]
    }));
    // These links have Kubernetes' names, so that not every bundle need be read.
    let logs = kubelet::Logs::read(host, query);
    for daemon in daemons {
        let tasks = daemon.state.join(TASKS);
        if let Err(error) = daemon.look(host, &tasks, query, &logs, findings) {
            findings.note(Engine::Containerd, tasks.path, error);
        }
    }
}

/// Returns the state directory that containerd's configuration names, in a line of TOML:
/// `state = "/path"`.
fn moved(host: &Host, findings: &mut Findings) -> Option<Location> {
    let content = match host.content("/etc/containerd", "config.toml") {
        Ok(content) => content,
        Err(error) => {
            findings.note_config(Engine::Containerd, "/etc/containerd/config.toml", error);
            return None;
        }
    };
    let text = String::from_utf8_lossy(&content.bytes);
    // A line after the first table is a plug-in's.
    let lines = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with('['));
    let value = lines
        .filter_map(|line| line.strip_prefix("state")?.trim_start().strip_prefix('='))
        .next()?;
    let value = value.trim().trim_matches(['"', '\'']);
    let path =
        Some(PathBuf::from(value)).filter(|path| path.is_absolute() && value != "/run/containerd");
    path.map(|path| Location::new(path, content.claim))
}

impl Daemon {
    fn look(
        &self,
        host: &Host,
        tasks: &Location,
        query: &Query<'_>,
        logs: &kubelet::Logs,
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        let directory = host.dir(tasks)?;
        let (wanted, word) = split(query);
        for namespace in directory.names()? {
            if wanted.is_some_and(|wanted| wanted != namespace) {
                continue;
            }
            let location = tasks.join(part(&namespace));
            let bundles = directory
                .below(part(&namespace))
                .and_then(|bundles| Ok((bundles.names()?, bundles)));
            let (ids, bundles) = match bundles {
                Ok((ids, directory)) => {
                    let runtimes = ["runc", "crun"]
                        .map(|runtime| self.state.join(runtime).join(part(&namespace)));
                    (
                        ids,
                        Bundles {
                            directory,
                            location,
                            runtimes: oci::opened(host, &runtimes),
                        },
                    )
                }
                Err(error) => {
                    findings.note(Engine::Containerd, location.path, error);
                    continue;
                }
            };
            let named = self.nerdctl_id(host, &namespace, &word);
            for id in self.candidates(&namespace, &ids, &word, named.as_deref(), logs) {
                match bundles.read(&namespace, id, &word) {
                    Ok(record) => findings.records.extend(record),
                    Err(error) => findings.note(
                        Engine::Containerd,
                        bundles.location.path.join(part(id)),
                        error,
                    ),
                }
            }
        }
        Ok(())
    }

    /// Returns the containers of a namespace that a query may mean.
    fn candidates<'a>(
        &self,
        namespace: &[u8],
        ids: &'a [Vec<u8>],
        query: &Query<'_>,
        named: Option<&[u8]>,
        logs: &kubelet::Logs,
    ) -> Vec<&'a Vec<u8>> {
        // A name may look like the start of an id.
        let whole: Vec<_> = ids
            .iter()
            .filter(|id| query.is_whole_id(id) || named == Some(id.as_slice()))
            .collect();
        match (query, logs) {
            _ if !whole.is_empty() => whole,
            // Docker's own names are not in its bundles.
            (Query::Word(..), _) if namespace == b"moby" => {
                ids.iter().filter(|id| query.wants_id(id)).collect()
            }
            (Query::Word(..) | Query::Pod(_), kubelet::Logs::Are(known))
                if namespace == b"k8s.io" =>
            {
                ids.iter()
                    .filter(|id| known.contains(*id) || query.wants_id(id))
                    .collect()
            }
            _ => ids.iter().collect(),
        }
    }

    /// Returns the id for a name of nerdctl's, from `<nerdctl>/<address>/names/<namespace>/<name>`.
    fn nerdctl_id(&self, host: &Host, namespace: &[u8], query: &Query<'_>) -> Option<Vec<u8>> {
        let Query::Word(name, _) = query else {
            return None;
        };
        let store = host.dir(self.nerdctl.as_ref()?).ok()?;
        store.names().ok()?.iter().find_map(|address| {
            let id = store
                .read(path(&[address, b"names", namespace, name]))
                .ok()?;
            Some(id.trim_ascii().to_vec()).filter(|id| is_long_id(id))
        })
    }
}

impl Bundles {
    fn read(
        &self,
        namespace: &[u8],
        id: &[u8],
        query: &Query<'_>,
    ) -> Result<Option<Record>, ReadError> {
        let (container, claim) = match self.directory.content(path(&[id, b"config.json"])) {
            Ok(content) if !query.may_be_in(id, &content.bytes) => return Ok(None),
            Ok(content) => (parse(&content.bytes, namespace, id)?, content.claim),
            Err(error) if error.is_distrust() => return Err(error),
            // An id leads to the process even if nothing else can be read.
            Err(_) if query.wants_id(id) => (
                container(namespace, id),
                self.directory.open_path(part(id))?.1,
            ),
            Err(ReadError::Absent) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !matches!(query, Query::All) && !query.wants_container(&container) {
            return Ok(None);
        }
        let mut record = Record::new(container, claim);
        record.container.bundle = Some(Location {
            claim,
            ..self.location.join(part(id))
        });
        if let Ok(init) = self.directory.content(path(&[id, b"init.pid"]))
            && record.trusts(init.claim)
        {
            record.pid = pid::parse(init.bytes.trim_ascii()).ok();
            record.written = Some(init.written);
        }
        let shim = self
            .directory
            .read(path(&[id, b"shim-binary-path"]))
            .unwrap_or_default();
        record.container.sandbox = sandbox(&shim);
        if let Some((state, claim)) = OciState::find(&self.runtimes, id) {
            state.witness(claim, &mut record);
        }
        record.once_ended = Some(State::Stopped("stopped"));
        Ok(Some(record))
    }
}

/// Returns the namespace that a word has before a slash, and the query for the rest.
fn split<'a>(query: &Query<'a>) -> (Option<&'a [u8]>, Query<'a>) {
    match *query {
        Query::Word(word, least) => match word.iter().position(|&byte| byte == b'/') {
            Some(slash) => (Some(&word[..slash]), Query::Word(&word[slash + 1..], least)),
            None => (None, *query),
        },
        query => (None, query),
    }
}

/// Returns the word without containerd's namespace.
pub(crate) fn without_namespace(word: &[u8]) -> &[u8] {
    word.rsplit(|&byte| byte == b'/').next().unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn annotated(annotations: &str) -> Container {
        let text = format!(
            r#"{{"ociVersion":"1.1.0","root":{{"path":"rootfs"}},"annotations":{{{annotations}}}}}"#
        );
        parse(text.as_bytes(), b"k8s.io", b"3f2a").unwrap()
    }

    #[test]
    fn annotations_name_the_engine_and_the_pod() {
        let of_pod = r#""io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"app",
            "io.kubernetes.cri.sandbox-id":"77","io.kubernetes.cri.sandbox-name":"web-0",
            "io.kubernetes.cri.sandbox-namespace":"prod","io.kubernetes.cri.sandbox-uid":"9ad1",
            "io.kubernetes.cri.image-name":"docker.io/library/nginx:1""#;
        let container = annotated(of_pod);
        assert_eq!(
            (container.engine, container.address()),
            (Engine::Cri, "k8s://prod/web-0/app".to_owned())
        );
        assert_eq!(
            container.image.as_deref(),
            Some("docker.io/library/nginx:1".as_ref())
        );
        let sandbox = annotated(&of_pod.replace("\"container\"", "\"sandbox\""));
        assert!(sandbox.pod.as_ref().unwrap().is_sandbox);
        assert_eq!(sandbox.address(), "cri:3f2a");
        let nerdctl = annotated(r#""nerdctl/name":"web","nerdctl/namespace":"default""#);
        assert_eq!(nerdctl.address(), "nerdctl:web");
        assert_eq!(annotated("").address(), "containerd:k8s.io/3f2a");
        assert_eq!(
            parse(b"{}", b"moby", b"3f2a").unwrap().engine,
            Engine::Docker
        );
        for text in ["", "7", "{\"annotations\":7}", "{"] {
            assert!(
                matches!(
                    parse(text.as_bytes(), b"a", b"b"),
                    Err(ReadError::Malformed(_))
                ),
                "{text}"
            );
        }
    }

    #[test]
    fn a_shim_shows_a_sandbox() {
        assert_eq!(sandbox(b"/usr/bin/containerd-shim-runc-v2"), None);
        assert_eq!(
            sandbox(b"/opt/kata/bin/containerd-shim-kata-v2"),
            Some(Sandbox::Kata)
        );
        assert_eq!(sandbox(b"/opt/kata/bin/containerd-shim-runc-v2"), None);
        assert_eq!(
            sandbox(b"/usr/local/bin/containerd-shim-runsc-v1"),
            Some(Sandbox::Gvisor)
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (parse(&bytes, b"a", b"b"), sandbox(&bytes));
        }
    }
}
