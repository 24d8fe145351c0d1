//! LXC, Incus and LXD: a directory for each container, and a command socket for each one that runs.
//! `lxc-start` listens on the abstract socket `<lxcpath>/<name>/command`. To its own user, it
//! answers the command `LXC_CMD_GET_INIT_PID` with the number of the first process. Other users
//! find the process by its cgroup, or as the child of the monitor, which has the container's name
//! in its title.

use super::{Findings, Query, Record};
use crate::{
    cgroup::CgroupFacts,
    cgroup_claim,
    claim::{Claim, Location},
    container::{Container, State},
    engine::Engine,
    files::part,
    host::Host,
    person::Person,
    unread::ReadError,
};
use nsx_core::{hash::HashMap, pid::Pid, proc::cmdline};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
    sockopt::{Timeout, set_socket_timeout, socket_peercred},
};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// The command `LXC_CMD_GET_INIT_PID` in `struct lxc_cmd_req`.
const GET_INIT_PID: u32 = 4;
/// The size of the request and of the answer on a 64-bit machine.
const MESSAGE: usize = 16;
/// The longest time to wait for an answer. A monitor has little else to do.
const PATIENCE: Duration = Duration::from_secs(2);
/// The end of the name of a monitor's socket.
const COMMAND: &[u8] = b"/command";
/// The greatest length of a socket's name, without the zero before it.
const LONGEST_SOCKET: usize = 106;
/// The start of a monitor's title; the directory and the name follow.
const TITLE: &[u8] = b"[lxc monitor] ";

/// A directory with containers.
struct Home {
    location: Location,
    /// `true` if names may have a project before them: `<project>_<name>`.
    projects: bool,
}

pub(crate) fn look(host: &Host, people: &[Person], query: &Query<'_>, findings: &mut Findings) {
    let home = |location: Location, projects| Home { location, projects };
    let mut homes = vec![
        home(
            moved(host, findings).unwrap_or_else(|| Location::system("/var/lib/lxc")),
            false,
        ),
        home(Location::system("/var/lib/incus/containers"), true),
        home(Location::system("/var/lib/lxd/containers"), true),
        home(
            Location::system("/var/snap/lxd/common/lxd/containers"),
            true,
        ),
    ];
    homes.extend(people.iter().map(|person| home(person.data("lxc"), false)));
    let running = Running {
        host,
        sockets: OnceCell::new(),
        processes: OnceCell::new(),
    };
    for home in homes {
        if let Err(error) = home.look(&running, query, findings) {
            findings.note(Engine::Lxc, home.location.path, error);
        }
    }
}

/// Returns the directory that the administrator has chosen.
fn moved(host: &Host, findings: &mut Findings) -> Option<Location> {
    let content = match host.content("/etc/lxc", "lxc.conf") {
        Ok(content) => content,
        Err(error) => {
            findings.note_config(Engine::Lxc, "/etc/lxc/lxc.conf", error);
            return None;
        }
    };
    let text = String::from_utf8_lossy(&content.bytes);
    let value = text.lines().find_map(|line| {
        line.trim()
            .strip_prefix("lxc.lxcpath")?
            .trim_start()
            .strip_prefix('=')
    })?;
    let path = Some(PathBuf::from(value.trim())).filter(|path| path.is_absolute())?;
    Some(Location::new(path, content.claim))
}

impl Home {
    fn look(
        &self,
        running: &Running<'_>,
        query: &Query<'_>,
        findings: &mut Findings,
    ) -> Result<(), ReadError> {
        let directory = running.host.dir(&self.location)?;
        let is_meant = |name: &Vec<u8>| {
            matches!(query, Query::All) || query.wants_container(&self.container(name))
        };
        // Beside containers there may be locks and caches.
        let is_container =
            |name: &Vec<u8>| self.projects || directory.has(Path::new(part(name)).join("config"));
        match directory.names() {
            Ok(names) => {
                for name in names
                    .iter()
                    .filter(|name| is_meant(name) && is_container(name))
                {
                    let claim = match directory.open_path(part(name)) {
                        Ok((_, claim)) => claim,
                        Err(error) => {
                            findings.note(Engine::Lxc, self.location.path.join(part(name)), error);
                            continue;
                        }
                    };
                    let records = self.records(running, name, claim);
                    if records.is_empty() {
                        findings.records.push(self.record(name, claim, None));
                    }
                    findings.records.extend(records);
                }
            }
            Err(error) => {
                // Any user may listen under any name. A container is one only if a trusted process
                // answers for it.
                let prefix = [self.location.path.as_os_str().as_bytes(), b"/"].concat();
                let sockets = running.sockets().unwrap_or(&[]);
                let names: BTreeSet<Vec<u8>> = sockets
                    .iter()
                    .filter_map(|path| path.strip_prefix(&*prefix))
                    .map(<[u8]>::to_vec)
                    .collect();
                for name in names.iter().filter(|name| is_meant(name)) {
                    findings
                        .records
                        .extend(self.records(running, name, directory.claim()));
                }
                findings.note(Engine::Lxc, &self.location.path, error);
            }
        }
        Ok(())
    }

    fn container(&self, name: &[u8]) -> Container {
        let mut container = Container::new(Engine::Lxc, name);
        let without_project = name
            .iter()
            .position(|&byte| byte == b'_')
            .filter(|_| self.projects);
        container.name = Some(part(without_project.map_or(name, |at| &name[at + 1..])).to_owned());
        container
    }

    fn record(&self, name: &[u8], claim: Claim, pid: Option<Pid>) -> Record {
        let mut record = Record::new(self.container(name), claim);
        record.pid = pid;
        record.container.state = if pid.is_some() {
            State::Running
        } else {
            State::Stopped("stopped")
        };
        record.once_ended = Some(State::Stopped("stopped"));
        record
    }

    /// Returns a record for each process that a claim names as the container's first.
    fn records(&self, running: &Running<'_>, name: &[u8], claim: Claim) -> Vec<Record> {
        let path = [self.location.path.as_os_str().as_bytes(), name].join(&b'/');
        // If the sockets cannot be listed, the connection shows whether a monitor listens.
        let socket = socket_name(&path);
        let listens = socket.strip_suffix(COMMAND).unwrap_or(&socket);
        if running.sockets().is_some_and(|sockets| {
            sockets
                .binary_search_by(|it| it.as_slice().cmp(listens))
                .is_err()
        }) {
            return Vec::new();
        }
        let answer = if running.host.is_live() {
            ask(running.host, &path)
        } else {
            None
        };
        let claims = answer.map_or_else(|| running.search(&path, name), |answer| vec![answer]);
        let joined = claims.into_iter().map(|(pid, by)| (pid, claim.join(by)));
        joined
            .filter(|(_, claim)| *claim != Claim::Several)
            .map(|(pid, by)| self.record(name, by, Some(pid)))
            .collect()
    }
}

/// Requests the first process from the monitor of the container in the directory `path`. Returns
/// the claim on the answer, too. Only an answer from root or the caller is waited for, because any
/// user may listen under any abstract name.
fn ask(host: &Host, path: &[u8]) -> Option<(Pid, Claim)> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    let address = SocketAddrUnix::new_abstract_name(&socket_name(path)).ok()?;
    // A process that does not accept connections (EAGAIN) is not a monitor.
    rustix::net::connect(&socket, &address).ok()?;
    let listener = host.process_claim(socket_peercred(&socket).ok()?.uid.as_raw());
    if host.is_anothers(listener) {
        return None;
    }
    let flags = rustix::fs::fcntl_getfl(&socket).ok()?;
    rustix::fs::fcntl_setfl(&socket, flags - rustix::fs::OFlags::NONBLOCK).ok()?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE)).ok()?;
    set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE)).ok()?;
    let mut request = [0; MESSAGE];
    request[..4].copy_from_slice(&GET_INIT_PID.to_ne_bytes());
    rustix::net::send(&socket, &request, SendFlags::NOSIGNAL).ok()?;
    let mut answer = [0_u8; MESSAGE];
    let (length, _) = rustix::net::recv(&socket, &mut answer, RecvFlags::WAITALL).ok()?;
    let pid = u64::from_ne_bytes(answer.get(8..length)?.try_into().ok()?);
    Some((Pid::from_raw(pid.try_into().ok()?)?, listener))
}

/// The running containers of the host, read once for all of them.
struct Running<'a> {
    host: &'a Host,
    sockets: OnceCell<Option<Vec<Vec<u8>>>>,
    processes: OnceCell<Processes>,
}

/// The claims of processes about containers.
#[derive(Default)]
struct Processes {
    /// The children of monitors by the title, with the monitor's user.
    of_monitors: HashMap<Vec<u8>, BTreeMap<u32, Pid>>,
    /// The first process in each cgroup of a container.
    in_cgroups: BTreeMap<Vec<u8>, (Pid, CgroupFacts)>,
}

impl Running<'_> {
    /// Returns the directories of containers whose monitors listen, in order, from /proc/net/unix;
    /// none if that file cannot be read. Any user may listen under any name, so this is only a
    /// hint.
    fn sockets(&self) -> Option<&[Vec<u8>]> {
        let read = || {
            let text = self
                .host
                .system_dir("/proc/net")
                .and_then(|net| net.read("unix"))
                .ok()?;
            Some(parse_sockets(&text))
        };
        self.sockets.get_or_init(read).as_deref()
    }

    /// Returns the child of the monitor whose title names the container, or the first process in
    /// the container's cgroup, with the claim on it. There may be monitors of several users,
    /// because any process may have any title.
    fn search(&self, path: &[u8], name: &[u8]) -> Vec<(Pid, Claim)> {
        let processes = self.processes.get_or_init(|| Processes::read(self.host));
        let (home, _) = path.split_at(path.len() - name.len() - 1);
        let title = [TITLE, home, b" ", name].concat();
        if let Some(children) = processes.of_monitors.get(&title) {
            return children
                .iter()
                .map(|(uid, pid)| (*pid, self.host.process_claim(*uid)))
                .collect();
        }
        // LXC numbers a cgroup whose name was taken.
        let numbered = [name, b"-"].concat();
        let exact = processes.in_cgroups.get_key_value(name);
        let numbered = processes
            .in_cgroups
            .range(numbered.clone()..)
            .take_while(|(id, _)| id.starts_with(&numbered));
        let is_it = |facts: &CgroupFacts| {
            facts
                .container
                .as_ref()
                .is_some_and(|named| named.is(Engine::Lxc, name))
        };
        let found = exact
            .into_iter()
            .chain(numbered)
            .find(|(_, (_, facts))| is_it(facts));
        found
            .map(|(_, (pid, facts))| (*pid, cgroup_claim::of(self.host, *pid, facts)))
            .into_iter()
            .collect()
    }
}

impl Processes {
    /// Reads the titles of all processes once, for all containers.
    fn read(host: &Host) -> Self {
        let proc = host.proc();
        let mut processes = Self::default();
        let mut titles: HashMap<Pid, Vec<u8>> = HashMap::default();
        let pids = proc.pids().unwrap_or_default();
        for &pid in &pids {
            let Ok(text) = proc.read_up_to(cmdline::LONGEST, pid, "cmdline") else {
                continue;
            };
            let title = text.split(|&byte| byte == 0).next().unwrap_or_default();
            if title.starts_with(TITLE) {
                titles.insert(pid, title.to_vec());
            }
        }
        for &pid in &pids {
            if let Ok(status) = proc.status(pid)
                && let Some((monitor, title)) =
                    status.ppid.and_then(|parent| titles.get_key_value(&parent))
                && let Ok(of_monitor) = proc.status(*monitor)
            {
                processes
                    .of_monitors
                    .entry(title.clone())
                    .or_default()
                    .entry(of_monitor.ruid)
                    .or_insert(pid);
            }
            if let Ok(facts) = proc.read_with(pid, "cgroup", CgroupFacts::parse)
                && let Some(named) = facts.container.as_ref()
                && named.engine == Some(Engine::Lxc)
            {
                // The first process has the lowest number, unless the numbers have wrapped around.
                processes
                    .in_cgroups
                    .entry(named.id.clone())
                    .or_insert((pid, facts));
            }
        }
        processes
    }
}

/// Returns the name of the socket on which a monitor listens for the container in the directory
/// `path`. If the name would be too long, the hash of `path` stands for `path`.
fn socket_name(path: &[u8]) -> Vec<u8> {
    let name = [path, b"command"].join(&b'/');
    if name.len() <= LONGEST_SOCKET {
        return name;
    }
    // FNV-1a of 64 bits.
    let hash = path.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("lxc/{hash:016x}/command").into_bytes()
}

/// Reads /proc/net/unix: the paths before `/command`.
pub fn parse_sockets(text: &[u8]) -> Vec<Vec<u8>> {
    let path = |line: &[u8]| {
        // Abstract names are written with an `@`, and come after the last of seven columns.
        let at = memchr::memmem::find(line, b" @")? + 2;
        Some(line[at..].strip_suffix(COMMAND)?.to_vec())
    };
    let paths: BTreeSet<_> = text.split(|&byte| byte == b'\n').filter_map(path).collect();
    paths.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sockets_that_listen_are_read() {
        let text = b"Num       RefCount Protocol Flags    Type St Inode Path\n\
            000000009379e360: 00000003 00000000 00000000 0001 03 5329372\n\
            00000000b912e1f2: 00000002 00000000 00010000 0001 01 5341602 @/var/lib/lxc/a \
        b/command\n\
            000000002c560449: 00000002 00000000 00010000 0001 01 5340674 \
        @/var/lib/lxc/lweb/command\n\
            00000000c9d3af4c: 00000002 00000000 00000000 0002 01 5326033 @9a445\n\
            000000005a029350: 00000002 00000000 00010000 0001 01 5325168 /run/x/command\n";
        assert_eq!(
            parse_sockets(text),
            [&b"/var/lib/lxc/a b"[..], b"/var/lib/lxc/lweb"]
        );
    }

    #[test]
    fn a_long_name_is_hashed() {
        assert_eq!(
            socket_name(b"/var/lib/lxc/web"),
            b"/var/lib/lxc/web/command"
        );
        let long = socket_name(&[b'a'; 120]);
        assert!(long.starts_with(b"lxc/") && long.ends_with(b"/command") && long.len() == 28);
    }

    #[test]
    fn a_project_before_the_name_is_left_out() {
        let home = Home {
            location: Location::system("/x"),
            projects: true,
        };
        assert_eq!(home.container(b"prod_web").address(), "lxc:web");
        assert_eq!(home.container(b"web").address(), "lxc:web");
    }

    #[test]
    fn a_monitor_that_accepts_nobody_is_not_waited_for() {
        let path = format!("/nsx-target-{}/web", std::process::id());
        let new = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap()
        };
        let address = SocketAddrUnix::new_abstract_name(&socket_name(path.as_bytes())).unwrap();
        let listener = new();
        rustix::net::bind(&listener, &address).unwrap();
        rustix::net::listen(&listener, 1).unwrap();
        let mut waiting = Vec::new();
        loop {
            let socket = new();
            match rustix::net::connect(&socket, &address) {
                Ok(()) => waiting.push(socket),
                Err(errno) => break assert_eq!(errno, rustix::io::Errno::AGAIN),
            }
        }
        // With a blocking connection this would wait for ever.
        assert!(ask(&Host::system().unwrap(), path.as_bytes()).is_none());
        drop(waiting);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse_sockets(&bytes);
        }
    }
}
