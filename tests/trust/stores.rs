//! The records of each engine, as text: the record of one container in a store of a user or of the
//! system.

use super::world::{CRUN, ID, NAME, Named, RUNC, config};
use Decides::{Detail, Process};

/// A store, by the files of one container in it.
pub(super) struct Store {
    pub(super) name: &'static str,
    /// The words for the container are `ENGINE:CALLED`, with `USER@` after the colon if the store
    /// is a user's.
    pub(super) engine: &'static str,
    pub(super) called: &'static str,
    /// Its directories, of the user `mapper` and of the system. Machines are the system's alone.
    pub(super) users: &'static [&'static str],
    pub(super) systems: &'static [&'static str],
    /// The container's files: what each decides, its directory, its path in there, and its text.
    files: &'static [(Decides, usize, &'static str, &'static str)],
}

/// The part that a file decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decides {
    /// The first process of the container.
    Process,
    /// Something that nsx works without.
    Detail,
}

/// A file of a container.
pub(super) struct File {
    pub(super) decides: Decides,
    pub(super) path: String,
    pub(super) text: String,
}

const BUNDLES: &str = "io.containerd.runtime.v2.task";

/// Every store that nsx reads files of. LXC's monitors, units and named networks are in modules of
/// their own.
pub(super) const STORES: [Store; 10] = [
    Store {
        name: "crun",
        engine: "oci",
        called: NAME,
        users: &["/run/user/4242/crun"],
        systems: &["/run/crun"],
        files: &[(Process, 0, "{NAME}/status", CRUN)],
    },
    Store {
        name: "runc",
        engine: "oci",
        called: NAME,
        users: &["/run/user/4242/runc"],
        systems: &["/run/runc"],
        files: &[(Process, 0, "{NAME}/state.json", RUNC)],
    },
    Store {
        name: "docker",
        engine: "docker",
        called: NAME,
        users: &[
            "/var/lib/mapper/.local/share/docker",
            "/run/user/4242/docker",
        ],
        systems: &["/var/lib/docker", "/run/docker"],
        files: &[
            (
                Process,
                0,
                "containers/{ID}/config.v2.json",
                r#"{"ID":"{ID}","Name":"/{NAME}","State":{"Running":true,"Pid":{PID},"StartedAt":"2026"}}"#,
            ),
            (Process, 1, "runtime-runc/moby/{ID}/state.json", RUNC),
        ],
    },
    Store {
        name: "Docker's containerd",
        engine: "docker",
        called: ID,
        users: &["/run/user/4242/docker/containerd/daemon"],
        systems: &["/run/docker/containerd/daemon"],
        files: &[
            (Process, 0, "{BUNDLES}/moby/{ID}/config.json", "{CONFIG}"),
            (Detail, 0, "{BUNDLES}/moby/{ID}/init.pid", "{PID}"),
            (Process, 0, "runc/moby/{ID}/state.json", RUNC),
        ],
    },
    Store {
        name: "containerd",
        engine: "containerd",
        called: NAME,
        users: &["/run/user/4242/containerd"],
        systems: &["/run/containerd"],
        files: &[
            (Process, 0, "{BUNDLES}/other/{NAME}/config.json", "{CONFIG}"),
            (Detail, 0, "{BUNDLES}/other/{NAME}/init.pid", "{PID}"),
            (Process, 0, "runc/other/{NAME}/state.json", RUNC),
        ],
    },
    Store {
        name: "nerdctl",
        engine: "nerdctl",
        called: NAME,
        users: &[
            "/run/user/4242/containerd",
            "/var/lib/mapper/.local/share/nerdctl",
        ],
        systems: &["/run/containerd", "/var/lib/nerdctl"],
        files: &[
            (
                Process,
                0,
                "{BUNDLES}/default/{ID}/config.json",
                r#"{CONFIG,"nerdctl/name":"{NAME}"}"#,
            ),
            (Detail, 0, "{BUNDLES}/default/{ID}/init.pid", "{PID}"),
            (Process, 0, "runc/default/{ID}/state.json", RUNC),
            (Detail, 1, "1935db59/names/default/{NAME}", "{ID}"),
        ],
    },
    Store {
        name: "Kubernetes",
        engine: "cri",
        called: NAME,
        users: &["/run/user/4242/containerd"],
        systems: &["/run/containerd"],
        files: &[
            (
                Process,
                0,
                "{BUNDLES}/k8s.io/{ID}/config.json",
                r#"{CONFIG,"io.kubernetes.cri.container-type":"container","io.kubernetes.cri.container-name":"{NAME}",
                "io.kubernetes.cri.sandbox-name":"{NAME}","io.kubernetes.cri.sandbox-namespace":"prod"}"#,
            ),
            (Detail, 0, "{BUNDLES}/k8s.io/{ID}/init.pid", "{PID}"),
            (Process, 0, "runc/k8s.io/{ID}/state.json", RUNC),
        ],
    },
    Store {
        name: "podman",
        engine: "podman",
        called: NAME,
        users: &[
            "/var/lib/mapper/.local/share/containers/storage",
            "/run/user/4242/containers",
            "/run/user/4242/runc",
        ],
        systems: &[
            "/var/lib/containers/storage",
            "/run/containers/storage",
            "/run/runc",
        ],
        files: &[
            (
                Process,
                0,
                "overlay-containers/containers.json",
                r#"[{"id":"{ID}","names":["{NAME}"]}]"#,
            ),
            (
                Detail,
                0,
                "overlay-containers/{ID}/userdata/config.json",
                "{CONFIG}",
            ),
            (
                Detail,
                1,
                "overlay-containers/{ID}/userdata/pidfile",
                "{PID}",
            ),
            (Process, 2, "{ID}/state.json", RUNC),
        ],
    },
    Store {
        name: "CRI-O",
        engine: "crio",
        called: ID,
        users: &[
            "/var/lib/mapper/.local/share/containers/storage",
            "/run/user/4242/containers",
        ],
        systems: &["/var/lib/containers/storage", "/run/containers/storage"],
        files: &[
            (
                Process,
                0,
                "overlay-containers/containers.json",
                r#"[{"id":"{ID}","names":["k8s_{NAME}_{NAME}_prod_1_0"]}]"#,
            ),
            (
                Process,
                1,
                "overlay-containers/{ID}/userdata/state.json",
                r#"{"initPid":{PID},"initStartTime":"{START}"}"#,
            ),
            (
                Detail,
                1,
                "overlay-containers/{ID}/userdata/config.json",
                "{CONFIG}",
            ),
        ],
    },
    Store {
        name: "machined",
        engine: "machine",
        called: NAME,
        users: &[],
        systems: &["/run/systemd/machines"],
        files: &[(
            Process,
            0,
            "{NAME}",
            "CLASS=container\nLEADER={PID}\nLEADER_PIDFDID={INODE}\n",
        )],
    },
];

impl Store {
    /// The container's files in these directories, for a process.
    pub(super) fn files(&self, directories: &[&str], process: Named) -> Vec<File> {
        let filled = |text: &str| {
            let text = match text
                .strip_prefix("{CONFIG,")
                .and_then(|rest| rest.strip_suffix('}'))
            {
                Some(annotations) => config(annotations),
                None => text.replace("{CONFIG}", &config("")),
            };
            let text = process.fill(&text);
            [("{NAME}", NAME), ("{ID}", ID), ("{BUNDLES}", BUNDLES)]
                .into_iter()
                .fold(text, |text, (name, value)| text.replace(name, value))
        };
        let file = |&(decides, directory, path, text): &(Decides, usize, &str, &str)| File {
            decides,
            path: format!("{}/{}", directories[directory], filled(path)),
            text: filled(text),
        };
        self.files.iter().map(file).collect()
    }
}
