//! LXC, Incus and LXD: a directory for each container, and a command socket for each one that runs.
//!
//! `lxc-start` listens on the abstract socket `<lxcpath>/<name>/command`; asked for the number of the first process with
//! `LXC_CMD_GET_INIT_PID`, it answers whoever is its user. Everybody else finds the process by its cgroup or as the child of
//! the monitor, whose title tells the name.

use super::{Findings, Query, Record};
use crate::{
    cgroup::Place,
    container::{Container, State},
    engine::Engine,
    files::part,
    host::Host,
};
use nsx_core::{
    pid::Pid,
    proc::{ProcRoot, cmdline},
};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    sockopt::{Timeout, set_socket_timeout, socket_peercred},
};
use std::{
    collections::BTreeSet,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Of `struct lxc_cmd_req`: what is asked for.
const GET_INIT_PID: u32 = 4;
/// Its size, and that of the answer, on a 64-bit machine.
const MESSAGE: usize = 16;
/// Within this time the answer must come: a monitor has little else to do.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the name of a socket may be, without the zero before it.
const LONGEST_SOCKET: usize = 106;

/// A directory with containers.
struct Home {
    path: PathBuf,
    /// Whether names may have a project before them: `<project>_<name>`.
    projects: bool,
    rootless: bool,
}

pub(crate) fn look(host: &Host, query: &Query<'_>, findings: &mut Findings) {
    let mut homes = vec![
        Home { path: moved(host).unwrap_or_else(|| "/var/lib/lxc".into()), projects: false, rootless: false },
        Home { path: "/var/lib/incus/containers".into(), projects: true, rootless: false },
        Home { path: "/var/lib/lxd/containers".into(), projects: true, rootless: false },
        Home { path: "/var/snap/lxd/common/lxd/containers".into(), projects: true, rootless: false },
    ];
    homes.extend(host.people().iter().map(|person| Home {
        path: person.data.join("lxc"),
        projects: false,
        rootless: true,
    }));
    let mut sockets = None;
    for home in homes {
        let directory = match host.dir(&home.path) {
            Ok(directory) => directory,
            Err(error) => {
                findings.note(Engine::Lxc, home.path, error);
                continue;
            }
        };
        let owner = if home.rootless { directory.owner().ok().flatten() } else { None };
        let running = sockets.get_or_insert_with(|| listening(host));
        let prefix = [home.path.as_os_str().as_bytes(), b"/"].concat();
        let mut names: BTreeSet<Vec<u8>> =
            running.iter().filter_map(|path| path.strip_prefix(&*prefix)).map(<[u8]>::to_vec).collect();
        let is_running = names.clone();
        match directory.names() {
            // Beside containers there may be locks and caches.
            Ok(known) => names.extend(
                known.into_iter().filter(|name| home.projects || directory.has(Path::new(part(name)).join("config"))),
            ),
            Err(error) => findings.note(Engine::Lxc, &home.path, error),
        }
        for name in names {
            let container = home.container(&name, owner);
            if matches!(query, Query::All) || query.wants_container(&container) {
                findings.records.push(home.record(host, container, is_running.contains(&name)));
            }
        }
    }
}

/// The directory that the administrator has chosen.
fn moved(host: &Host) -> Option<PathBuf> {
    let text = host.read("/etc/lxc", "lxc.conf").ok()?;
    let text = String::from_utf8_lossy(&text);
    let value =
        text.lines().find_map(|line| line.trim().strip_prefix("lxc.lxcpath")?.trim_start().strip_prefix('='))?;
    Some(PathBuf::from(value.trim())).filter(|path| path.is_absolute())
}

impl Home {
    fn container(&self, name: &[u8], owner: Option<u32>) -> Container {
        let mut container = Container::new(Engine::Lxc, name);
        let without_project = name.iter().position(|&byte| byte == b'_').filter(|_| self.projects);
        container.name = Some(part(without_project.map_or(name, |at| &name[at + 1..])).to_owned());
        container.owner = owner;
        container
    }

    fn record(&self, host: &Host, container: Container, listens: bool) -> Record {
        let name = container.id.as_bytes().to_vec();
        let mut record = Record::new(container);
        record.container.state = State::Stopped("stopped");
        if listens {
            let pid = if host.is_live() { self.ask(&name) } else { None };
            record.pid = pid.or_else(|| self.search(host, &name));
        }
        if record.pid.is_some() {
            record.container.state = State::Running;
            record.once_ended = Some(State::Stopped("stopped"));
        }
        record
    }

    /// Asks the container's monitor for the first process.
    fn ask(&self, name: &[u8]) -> Option<Pid> {
        let path = [self.path.as_os_str().as_bytes(), name].join(&b'/');
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).ok()?;
        set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).ok()?;
        set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE)).ok()?;
        let address = SocketAddrUnix::new_abstract_name(&socket_name(&path)).ok()?;
        rustix::net::connect(&socket, &address).ok()?;
        // Anybody may listen under any abstract name.
        let listener = socket_peercred(&socket).ok()?.uid;
        if !listener.is_root() && listener != rustix::process::geteuid() {
            return None;
        }
        let mut request = [0; MESSAGE];
        request[..4].copy_from_slice(&GET_INIT_PID.to_ne_bytes());
        rustix::net::send(&socket, &request, SendFlags::NOSIGNAL).ok()?;
        let mut answer = [0_u8; MESSAGE];
        let (length, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::WAITALL).ok()?;
        let pid = u64::from_ne_bytes(answer.get(8..length)?.try_into().ok()?);
        Pid::from_raw(pid.try_into().ok()?)
    }

    /// Looks for the monitor among all processes by its title, and for its child.
    fn search(&self, host: &Host, name: &[u8]) -> Option<Pid> {
        let proc = host.proc();
        let title = [b"[lxc monitor] ", self.path.as_os_str().as_bytes(), b" ", name].concat();
        let pids = proc.pids().ok()?;
        let mut buffer = Vec::new();
        let mut text = |pid, file| {
            proc.read_up_to(cmdline::LONGEST, pid, file, &mut buffer).ok()?;
            Some(buffer.clone())
        };
        let is_payload = |text: &[u8]| Place::parse(text).container.is_some_and(|named| named.is(Engine::Lxc, name));
        let monitor = pids.iter().find(|pid| {
            text(**pid, "cmdline").is_some_and(|text| text.split(|&byte| byte == 0).next() == Some(title.as_slice()))
        });
        match monitor {
            Some(monitor) => pids.iter().find(|pid| parent(proc, **pid) == Some(*monitor)).copied(),
            // Its first process has the least number, as long as numbers have not started again.
            None => pids.iter().find(|pid| text(**pid, "cgroup").is_some_and(|text| is_payload(&text))).copied(),
        }
    }
}

fn parent(proc: &ProcRoot, pid: Pid) -> Option<Pid> {
    proc.status(pid, &mut Vec::new()).ok()?.ppid
}

/// What a monitor listens on for the container in the directory `path`: where that is too long, its hash.
fn socket_name(path: &[u8]) -> Vec<u8> {
    let name = [path, b"command"].join(&b'/');
    if name.len() <= LONGEST_SOCKET {
        return name;
    }
    // FNV-1a of 64 bits.
    let hash = path
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("lxc/{hash:016x}/command").into_bytes()
}

/// The directories of containers whose monitors listen, from /proc/net/unix. Anybody may listen anywhere, so this is only a
/// hint.
fn listening(host: &Host) -> Vec<Vec<u8>> {
    let text = host.dir("/proc/net").and_then(|net| net.read("unix")).unwrap_or_default();
    parse_sockets(&text)
}

/// Reads /proc/net/unix: the paths before `/command`.
pub fn parse_sockets(text: &[u8]) -> Vec<Vec<u8>> {
    let path = |line: &[u8]| {
        // Abstract names are written with an `@`, and come after the last of seven columns.
        let at = memchr::memmem::find(line, b" @")? + 2;
        Some(line[at..].strip_suffix(b"/command")?.to_vec())
    };
    let paths: BTreeSet<_> = text.split(|&byte| byte == b'\n').filter_map(path).collect();
    paths.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn those_who_listen_are_read() {
        let text = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            000000009379e360: 00000003 00000000 00000000 0001 03 5329372\n\
            00000000b912e1f2: 00000002 00000000 00010000 0001 01 5341602 @/var/lib/lxc/a b/command\n\
            000000002c560449: 00000002 00000000 00010000 0001 01 5340674 @/var/lib/lxc/lweb/command\n\
            00000000c9d3af4c: 00000002 00000000 00000000 0002 01 5326033 @9a445\n\
            000000005a029350: 00000002 00000000 00010000 0001 01 5325168 /run/x/command\n";
        assert_eq!(parse_sockets(text), [&b"/var/lib/lxc/a b"[..], b"/var/lib/lxc/lweb"]);
    }

    #[test]
    fn a_long_name_is_hashed() {
        assert_eq!(socket_name(b"/var/lib/lxc/web"), b"/var/lib/lxc/web/command");
        let long = socket_name(&[b'a'; 120]);
        assert!(long.starts_with(b"lxc/") && long.ends_with(b"/command") && long.len() == 28);
    }

    #[test]
    fn a_project_is_before_the_name() {
        let home = Home { path: "/x".into(), projects: true, rootless: false };
        assert_eq!(home.container(b"prod_web", None).address(), "lxc:web");
        assert_eq!(home.container(b"web", None).address(), "lxc:web");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse_sockets(&bytes);
        }
    }
}
