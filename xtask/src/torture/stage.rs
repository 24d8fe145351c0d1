//! The surroundings of the commands: their own namespaces and directories, targets, and things that
//! must not change.

use super::cases::{Case, User};
use crate::Outcome;
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    mount::{MntFlags, umount2},
    pty::openpty,
    sys::{
        stat::Mode,
        termios::{Termios, tcgetattr},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::mkfifo,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Read, Seek},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::symlink,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

/// The script that prepares the stage, in a new mount and PID namespace, before the torturer starts
/// there.
pub(super) const SCRIPT: &str = "
set -e
mount -t tmpfs -o mode=755 run /run
mount -t tmpfs -o mode=755 var /var/lib
mkdir -p /run/etc /run/bin /run/streams /run/crun/web1 /run/crun/web2
cp /etc/passwd /run/etc/passwd
echo torturer:x:4242:4242::/run:/bin/sh >>/run/etc/passwd
echo torturer:100000:65536 >/run/etc/subuid
echo torturer:100000:65536 >/run/etc/subgid
for file in passwd subuid subgid; do
    test -e /etc/$file || : >/etc/$file
    mount --bind /run/etc/$file /etc/$file
done
exec \"$@\"";

/// The directory of the commands' files.
const DIRECTORY: &str = "/run/torture";

/// The old contents of the file that a command replaces.
const OLD: &str = "old\n";

/// The file at which the commands wait until they are traced.
const GATE: &str = "/run/streams/gate";

/// The prefix for the ordinary user.
const ORDINARY: &str = "setpriv --reuid=4242 --regid=4242 --clear-groups --";

/// The stage.
pub(super) struct Stage {
    nsx: PathBuf,
    /// A FIFO, at which the commands wait.
    gate: File,
    target: u32,
    user_target: u32,
    /// Every process of the stage.
    own: BTreeSet<u32>,
}

/// Everything that a command could leave behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Traces {
    /// Mount points with their file systems.
    pub(super) mounts: Vec<String>,
    /// Files with the beginning of their contents.
    pub(super) files: BTreeMap<PathBuf, String>,
    pub(super) processes: Vec<String>,
}

impl Stage {
    /// Starts the targets.
    pub(super) fn new(nsx: &Path) -> Outcome<Self> {
        for name in ["nsx", "lsns", "nsenter", "unshare"] {
            symlink(nsx, Path::new("/run/bin").join(name))?;
        }
        let kinds =
            "--mount --uts --ipc --net --pid --fork --kill-child --mount-proc sleep 1000000";
        let target = start(&format!("unshare {kinds}"))?;
        let user_target = start(&format!("{ORDINARY} unshare -r {kinds}"))?;
        for (name, pid) in [
            ("web1", target),
            ("web2", start(&format!("unshare {kinds}"))?),
        ] {
            let state = format!(
                r#"{{"pid":{pid},"process-start-time":{}}}"#,
                start_time(pid)?
            );
            fs::write(format!("/run/crun/{name}/status"), state)?;
        }
        mkfifo(GATE, Mode::S_IRUSR)?;
        // Open for reading and writing, it keeps the text until it is read.
        let gate = File::options().read(true).write(true).open(GATE)?;
        let stage = Self {
            nsx: nsx.to_owned(),
            gate,
            target,
            user_target,
            own: processes()?,
        };
        stage.renew()?;
        Ok(stage)
    }

    pub(super) fn nsx(&self) -> &Path {
        &self.nsx
    }

    pub(super) fn gate(&self) -> &File {
        &self.gate
    }

    /// Recreates the directory, whatever is mounted on it.
    pub(super) fn renew(&self) -> Outcome {
        for mount in mount_points()?
            .iter()
            .rev()
            .filter(|mount| mount.starts_with(DIRECTORY))
        {
            umount2(mount, MntFlags::MNT_DETACH)?;
        }
        match fs::remove_dir_all(DIRECTORY) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        for name in ["lower", "merged", "empty"] {
            fs::create_dir_all(Path::new(DIRECTORY).join(name))?;
        }
        fs::write(Path::new(DIRECTORY).join("lower/file"), "below\n")?;
        fs::write(Path::new(DIRECTORY).join("saved"), OLD)?;
        Ok(())
    }

    /// Returns the command, which waits at the gate for a line.
    pub(super) fn command(&self, case: &Case, streams: &Streams) -> Outcome<Command> {
        let shell = format!("read line <{GATE}; exec \"$@\"");
        let mut words = Vec::new();
        if case.terminal {
            words.extend(["setsid", "--ctty"]);
        }
        words.extend(["sh", "-c", &shell, "sh"]);
        if case.user == User::Ordinary {
            words.extend(ORDINARY.split(' '));
        }
        let program = format!("/run/bin/{}", case.program);
        words.push(&program);
        let arguments = case
            .words
            .replace("@T", &self.target.to_string())
            .replace("@U", &self.user_target.to_string());
        let arguments = arguments.replace("@D", DIRECTORY);
        words.extend(arguments.split(' '));
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .env_clear()
            .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
            .env("HOME", "/run");
        command
            .env("LC_ALL", "C")
            .env("SHELL", "/bin/sh")
            .env("RUST_BACKTRACE", "0")
            .current_dir("/");
        streams.give(&mut command)?;
        // In each run, processes have the same PIDs.
        fs::write("/proc/sys/kernel/ns_last_pid", "10000")?;
        Ok(command)
    }

    /// Reads everything that could be left behind.
    pub(super) fn traces(&self) -> Outcome<Traces> {
        while let Ok(WaitStatus::Exited(..) | WaitStatus::Signaled(..)) =
            waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL))
        {}
        let mut files = BTreeMap::new();
        list(Path::new("/run"), &mut files)?;
        let strangers = processes()?
            .into_iter()
            .filter(|pid| !self.own.contains(pid));
        let name = |pid: u32| {
            fs::read_to_string(format!("/proc/{pid}/comm"))
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        Ok(Traces {
            mounts: mounts()?,
            files,
            processes: strangers.map(name).collect(),
        })
    }
}

impl Traces {
    /// Returns the differences from `other`.
    pub(super) fn beyond(&self, other: &Self) -> Vec<String> {
        let mounts = self
            .mounts
            .iter()
            .filter(|mount| !other.mounts.contains(mount))
            .map(|mount| format!("mount {mount}"));
        let files = self
            .files
            .iter()
            .filter(|(path, text)| other.files.get(*path) != Some(text));
        let files = files.map(|(path, _)| format!("file {}", path.display()));
        let processes = self.processes.iter().map(|name| format!("process {name}"));
        mounts.chain(files).chain(processes).collect()
    }
}

/// Starts a target and waits for its last program.
fn start(words: &str) -> Outcome<u32> {
    let mut all = words.split(' ');
    let before = processes()?;
    Command::new(all.next().unwrap_or_default())
        .args(all)
        .stdin(Stdio::null())
        .spawn()?;
    for _ in 0..2000 {
        let is_target = |pid: &u32| {
            !before.contains(pid)
                && fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"sleep\n")
        };
        if let Some(pid) = processes()?.into_iter().find(is_target) {
            return Ok(pid);
        }
        sleep(Duration::from_millis(5));
    }
    Err(format!("{words}: does not start").into())
}

fn start_time(pid: u32) -> Outcome<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    Ok(text
        .rsplit(')')
        .next()
        .and_then(|rest| rest.split(' ').nth(20))
        .unwrap_or_default()
        .to_owned())
}

fn processes() -> Outcome<BTreeSet<u32>> {
    let names =
        fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter_map(|name| name.parse().ok()).collect())
}

fn mount_points() -> Outcome<Vec<PathBuf>> {
    let text = fs::read_to_string("/proc/self/mountinfo")?;
    Ok(text
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
        .collect())
}

/// Every mount without the numbers that differ each time.
fn mounts() -> Outcome<Vec<String>> {
    let text = fs::read_to_string("/proc/self/mountinfo")?;
    let name = |line: &str| {
        let (mount, file_system) = line.split_once(" - ")?;
        Some(format!(
            "{} {}",
            mount.split(' ').nth(4)?,
            file_system.split(' ').next()?
        ))
    };
    Ok(text.lines().filter_map(name).collect())
}

fn list(directory: &Path, files: &mut BTreeMap<PathBuf, String>) -> Outcome {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if kind.is_dir() {
            list(&path, files)?;
            files.insert(path, String::new());
        } else if kind.is_file() && !path.starts_with("/run/streams") {
            let text = fs::read(&path).unwrap_or_default();
            files.insert(path, String::from_utf8_lossy(&text).into_owned());
        }
    }
    Ok(())
}

/// The streams of a command.
pub(super) enum Streams {
    /// /dev/null, and two files.
    Files([File; 2]),
    /// A terminal, and its earlier modes.
    Terminal {
        master: OwnedFd,
        slave: OwnedFd,
        modes: Box<Termios>,
    },
}

impl Streams {
    pub(super) fn new(terminal: bool) -> Outcome<Self> {
        if terminal {
            let pty = openpty(None, None)?;
            fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            fcntl(
                &pty.master,
                FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
            )?;
            fcntl(
                &pty.slave,
                FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC),
            )?;
            let modes = Box::new(tcgetattr(&pty.slave)?);
            return Ok(Self::Terminal {
                master: pty.master,
                slave: pty.slave,
                modes,
            });
        }
        let file = |name: &str| {
            let path = Path::new("/run/streams").join(name);
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(true)
                .open(path)
        };
        Ok(Self::Files([file("output")?, file("errors")?]))
    }

    fn give(&self, command: &mut Command) -> Outcome {
        match self {
            Self::Files([output, errors]) => {
                command
                    .stdin(Stdio::null())
                    .stdout(output.try_clone()?)
                    .stderr(errors.try_clone()?);
            }
            Self::Terminal { slave, .. } => {
                command
                    .stdin(slave.try_clone()?)
                    .stdout(slave.try_clone()?)
                    .stderr(slave.try_clone()?);
            }
        }
        Ok(())
    }

    /// Returns the text of standard output and standard error; a terminal has both, twice.
    pub(super) fn take(&mut self) -> Outcome<(Vec<u8>, Vec<u8>)> {
        let mut read = [Vec::new(), Vec::new()];
        match self {
            Self::Files(files) => {
                for (file, bytes) in files.iter_mut().zip(&mut read) {
                    file.rewind()?;
                    file.read_to_end(bytes)?;
                }
            }
            Self::Terminal { master, .. } => {
                let mut buffer = [0; 4096];
                loop {
                    match nix::unistd::read(master.as_fd(), &mut buffer) {
                        Ok(0) | Err(Errno::EAGAIN | Errno::EIO) => break,
                        Ok(length) => read[0].extend_from_slice(&buffer[..length]),
                        Err(errno) => return Err(errno.into()),
                    }
                }
                read[1] = read[0].clone();
            }
        }
        let [output, errors] = read;
        Ok((output, errors))
    }

    /// Returns whether the terminal's modes have changed, if there is a terminal.
    pub(super) fn is_spoilt(&self) -> bool {
        match self {
            Self::Files(_) => false,
            Self::Terminal { slave, modes, .. } => tcgetattr(slave).is_ok_and(|now| now != **modes),
        }
    }
}
