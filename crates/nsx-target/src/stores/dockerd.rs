//! The directories of Docker's daemons: the usual directories, those that a configuration file or
//! the arguments of a daemon name, and those that a container's bundle shows.

use super::Findings;
use crate::{
    claim::{Claim, Location},
    engine::Engine,
    files::{part, path},
    host::Host,
    person::Person,
};
use nsx_core::{
    hash::HashSet,
    ns::NsKind,
    pid::{Pid, Process},
    proc::{NsLink, cmdline, decimal},
};
use rustix::fs::OFlags;
use serde::Deserialize;
use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// The directories of a daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Daemon {
    pub(super) data: Location,
    pub(super) exec: Location,
}

/// The parts of daemon.json.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
struct DaemonConfig {
    data_root: Option<PathBuf>,
    graph: Option<PathBuf>,
    exec_root: Option<PathBuf>,
    userns_remap: Option<String>,
}

/// The parts of a bundle's config.json.
#[derive(Deserialize)]
struct Spec {
    root: Root,
}

#[derive(Deserialize)]
struct Root {
    path: PathBuf,
}

/// The directory of the system's configuration.
const CONFIGURATION: &str = "/etc/docker";
const DATA: &str = "/var/lib/docker";
const EXEC: &str = "/run/docker";
/// The directories of the bundles of Docker's containers: in the daemon's own containerd, and in
/// the system's.
const BUNDLES: [&str; 2] = [
    "/run/docker/containerd/daemon/io.containerd.runtime.v2.task/moby",
    "/run/containerd/io.containerd.runtime.v2.task/moby",
];

impl Daemon {
    /// Returns the system's daemon, with the directories that /etc/docker/daemon.json or the
    /// arguments of the running daemon name instead of the usual ones. There are several elements
    /// if the daemon maps the users of its containers.
    pub(super) fn of_system(host: &Host, findings: &mut Findings) -> Vec<Self> {
        let pid = host
            .content("/run", "docker.pid")
            .ok()
            .filter(|content| content.claim == Claim::System);
        let pid = pid.and_then(|content| nsx_core::pid::parse(content.bytes.trim_ascii()).ok());
        Self::of_arguments(
            host,
            pid.and_then(|pid| Arguments::of(host, pid))
                .unwrap_or_default(),
            findings,
        )
    }

    /// Returns the daemon of a user.
    pub(super) fn of(host: &Host, person: &Person, findings: &mut Findings) -> Self {
        let directory = person.location(person.config.join("docker"));
        let (config, claim) = DaemonConfig::read(host, &directory, "daemon.json", findings);
        let chosen = |path| Location::new(path, claim);
        Self {
            data: config
                .data_root
                .map_or_else(|| person.data("docker"), chosen),
            exec: config
                .exec_root
                .map_or_else(|| person.runtime("docker"), chosen),
        }
    }

    /// Returns root's daemons that keep their data elsewhere than the system's daemon: each running
    /// daemon, and the daemons of containers whose daemon has ended.
    pub(super) fn elsewhere(host: &Host, findings: &mut Findings) -> Vec<Self> {
        let usual = Self::of_system(host, findings);
        let mut found: Vec<Self> = Vec::new();
        for pid in host.proc().pids().unwrap_or_default() {
            let is_daemon = |name: &[u8]| name == b"dockerd\n";
            if host.proc().read_with(pid, "comm", is_daemon) == Ok(true)
                && let Some(arguments) = Arguments::of(host, pid)
            {
                found.extend(Self::of_arguments(host, arguments, findings));
            }
        }
        for bundles in BUNDLES {
            found.extend(Self::of_bundles(host, &Location::system(bundles)));
        }
        let mut seen: HashSet<PathBuf> = usual.into_iter().map(|daemon| daemon.data.path).collect();
        found.retain(|daemon| seen.insert(daemon.data.path.clone()));
        found
    }

    fn of_arguments(host: &Host, arguments: Arguments, findings: &mut Findings) -> Vec<Self> {
        let file = arguments
            .config_file
            .unwrap_or_else(|| Path::new(CONFIGURATION).join("daemon.json"));
        let directory = Location::system(file.parent().unwrap_or(Path::new(CONFIGURATION)));
        let name = file.file_name().unwrap_or_default();
        let (config, claim) = DaemonConfig::read(host, &directory, name, findings);
        let chosen = |configured: Option<PathBuf>, argument: Option<PathBuf>, usual: &str| {
            let configured = configured.map(|path| Location::new(path, claim));
            let argument = argument.map(|path| Location::new(path, Claim::System));
            configured
                .or(argument)
                .unwrap_or_else(|| Location::system(usual))
        };
        let data = chosen(config.data_root.or(config.graph), arguments.data_root, DATA);
        let exec = chosen(config.exec_root, arguments.exec_root, EXEC);
        let mut daemons = Vec::new();
        if config
            .userns_remap
            .or(arguments.userns_remap)
            .is_some_and(|user| !user.is_empty())
        {
            // The directory is `<uid>.<gid>`, the ids of the containers' root outside.
            let is_remapped = |name: &Vec<u8>| {
                let mut ids = name.split(|&byte| byte == b'.').map(decimal);
                matches!(
                    (ids.next(), ids.next(), ids.next()),
                    (Some(Some(_)), Some(Some(_)), None)
                )
            };
            let names = host
                .dir(&data)
                .and_then(|data| data.names())
                .unwrap_or_default();
            let remapped = names.iter().filter(|name| is_remapped(name));
            daemons.extend(remapped.map(|name| Self {
                data: data.join(part(name)),
                exec: exec.clone(),
            }));
        }
        daemons.push(Self { data, exec });
        daemons
    }

    /// Returns the daemons that the bundles of containers show: the root directory of a container
    /// is below the data directory.
    fn of_bundles(host: &Host, bundles: &Location) -> Vec<Self> {
        let Ok(directory) = host.dir(bundles) else {
            return Vec::new();
        };
        let mut found: Vec<Self> = Vec::new();
        for id in directory.names().unwrap_or_default() {
            let Ok(content) = directory.content(path(&[&id, b"config.json"])) else {
                continue;
            };
            let Ok(Spec { root }) = serde_json::from_slice(&content.bytes) else {
                continue;
            };
            // Most are below a data directory that is known by now.
            if !root.path.is_absolute()
                || found
                    .iter()
                    .any(|daemon| root.path.starts_with(&daemon.data.path))
            {
                continue;
            }
            let has_it = |data: &Location| {
                host.dir(&data.join("containers"))
                    .is_ok_and(|containers| containers.has(part(&id)))
            };
            let above = root
                .path
                .ancestors()
                .skip(1)
                .map(|data| Location::new(data, content.claim));
            found.extend(above.into_iter().find(has_it).map(|data| Self {
                data,
                exec: Location::system(EXEC),
            }));
        }
        found
    }
}

impl DaemonConfig {
    /// Reads the settings of a daemon.json, and the claim on them. A file that cannot be parsed
    /// sets nothing: the daemon does not start with such a file either.
    fn read(
        host: &Host,
        directory: &Location,
        name: impl AsRef<std::ffi::OsStr>,
        findings: &mut Findings,
    ) -> (Self, Claim) {
        match host.dir(directory).and_then(|it| it.content(&name)) {
            Ok(content) => (
                serde_json::from_slice(&content.bytes).unwrap_or_default(),
                content.claim,
            ),
            Err(error) => {
                findings.note_config(Engine::Docker, directory.path.join(name.as_ref()), error);
                (Self::default(), directory.claim)
            }
        }
    }
}

/// The arguments of a daemon that runs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    config_file: Option<PathBuf>,
    data_root: Option<PathBuf>,
    exec_root: Option<PathBuf>,
    userns_remap: Option<String>,
}

impl Arguments {
    /// Reads the arguments of a process; none if it is not a daemon of this host's root.
    fn of(host: &Host, pid: Pid) -> Option<Self> {
        let process = Process::pin(pid).ok()?;
        let text = host
            .proc()
            .read_up_to(cmdline::LONGEST, pid, "cmdline")
            .ok()?;
        // This was read by the number, and is about this process only if it has not ended.
        (is_of_hosts_root(host, pid) && !process.ended()).then(|| Self::parse(&text))?
    }

    /// Reads a command line. Each word ends with a zero byte.
    fn parse(text: &[u8]) -> Option<Self> {
        let words: Vec<_> = text.split(|&byte| byte == 0).collect();
        if !words
            .first()
            .is_some_and(|program| program.ends_with(b"dockerd"))
        {
            return None;
        }
        let value = |option: &[u8]| {
            words
                .iter()
                .enumerate()
                .find_map(|(index, word)| match word.strip_prefix(option)? {
                    [] => words.get(index + 1).map(|value| value.to_vec()),
                    [b'=', value @ ..] => Some(value.to_vec()),
                    _ => None,
                })
        };
        let path = |option| {
            value(option)
                .map(OsString::from_vec)
                .map(PathBuf::from)
                .filter(|it| it.is_absolute())
        };
        Some(Self {
            config_file: path(b"--config-file"),
            data_root: path(b"--data-root")
                .or_else(|| path(b"-g"))
                .or_else(|| path(b"--graph")),
            exec_root: path(b"--exec-root"),
            userns_remap: value(b"--userns-remap").and_then(|user| String::from_utf8(user).ok()),
        })
    }
}

/// Returns whether a process is root's, in the caller's own user namespace and root directory. A
/// daemon that root of a container starts does not belong to the host, and the paths in its
/// arguments lead elsewhere.
fn is_of_hosts_root(host: &Host, pid: Pid) -> bool {
    let proc = host.proc();
    let user = NsLink::Own(NsKind::User);
    let is_roots = proc.status(pid).is_ok_and(|status| {
        host.process_claim(status.ruid) == Claim::System && status.ruid == status.euid
    });
    let identity = |stat: rustix::fs::Stat| (stat.st_dev, stat.st_ino);
    let root = || {
        let root = proc.open_entry(pid, "root", OFlags::PATH).ok()?;
        rustix::fs::fstat(root).ok().map(identity)
    };
    is_roots
        && proc
            .ns(pid, user)
            .is_ok_and(|ns| proc.own_ns(user) == Ok(ns))
        && root().is_some_and(|root| rustix::fs::stat("/").map(identity) == Ok(root))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_directories_of_a_daemon_are_read_from_its_arguments() {
        let parse = |words: &str| Arguments::parse(words.replace(' ', "\0").as_bytes());
        let some = |path: &str| Some(PathBuf::from(path));
        let arguments = Arguments {
            data_root: some("/srv/d"),
            exec_root: some("/run/d"),
            ..Arguments::default()
        };
        assert_eq!(
            parse("/usr/bin/dockerd --data-root /srv/d --exec-root=/run/d"),
            Some(arguments)
        );
        let arguments = Arguments {
            config_file: some("/etc/d.json"),
            ..Arguments::default()
        };
        assert_eq!(
            parse("dockerd -D --config-file=/etc/d.json --data-root relative"),
            Some(arguments)
        );
        assert_eq!(parse("sh -c dockerd --data-root /srv/d"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = Arguments::parse(&bytes);
        }
    }
}
