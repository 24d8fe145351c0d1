//! Requirements of tests on the host, and a check for each.

use super::{
    place::other_util_linux,
    procfs::{self, KTHREADD},
    session::{PATH, User},
};
use rustix::process::geteuid;
use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

/// A requirement that a host may lack.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    /// The tests run as root.
    Root,
    /// The tests run as an ordinary user, or as root, who can become one.
    OrdinaryUser,
    /// The user of the test may create namespaces: root directly, an ordinary user through a user
    /// namespace.
    Namespaces,
    /// A program in one of the directories of [`PATH`].
    Tool(&'static str),
    /// util-linux of at least this release.
    UtilLinux(u32, u32),
    /// A kernel of at least this release.
    Kernel(u32, u32),
    /// A way to mount a file system that a program serves.
    Fuse,
    /// Kernel threads, which only the initial PID namespace shows.
    KernelThreads,
    /// Room for this many more processes.
    Processes(u64),
}

impl Need {
    /// Returns the missing requirement for `user`, in words, or `None`.
    pub(crate) fn lacking(self, user: User) -> Option<String> {
        let as_root = geteuid().is_root();
        match self {
            Self::Root => (!as_root).then(|| "needs root".into()),
            Self::OrdinaryUser if as_root => Self::Tool("setpriv").lacking(user),
            Self::OrdinaryUser => None,
            Self::Namespaces => namespaces(user)
                .map(|reason| format!("{} may not create namespaces: {reason}", user.name())),
            Self::Tool(name) => {
                let found = PATH
                    .split(':')
                    .any(|directory| Path::new(directory).join(name).exists());
                (!found).then(|| format!("needs the program {name}"))
            }
            Self::UtilLinux(major, minor) => {
                let version = util_linux();
                (version < (major, minor)).then(|| {
                    format!(
                        "needs util-linux {major}.{minor}, here is {}.{}",
                        version.0, version.1
                    )
                })
            }
            Self::Kernel(major, minor) => {
                let version = kernel();
                (version < (major, minor)).then(|| {
                    format!(
                        "needs Linux {major}.{minor}, here is {}.{}",
                        version.0, version.1
                    )
                })
            }
            Self::Fuse => {
                let known = fs::read_to_string("/proc/filesystems")
                    .is_ok_and(|list| list.contains("\tfuse\n"));
                (!known || !Path::new("/dev/fuse").exists())
                    .then(|| "needs FUSE and /dev/fuse".into())
            }
            Self::KernelThreads => {
                let shown = procfs::comm(KTHREADD) == "kthreadd";
                (!shown).then(|| "needs a /proc that shows the kernel's threads".into())
            }
            Self::Processes(count) => {
                let room = room_for_processes();
                (room < count).then(|| {
                    format!("needs room for {count} more processes, here is room for {room}")
                })
            }
        }
    }

    /// Returns whether the host has the requirement, for any user.
    pub(crate) fn is_met(self) -> bool {
        self.lacking(User::Root).is_none()
    }
}

/// Returns the reason why `user` cannot create namespaces, as util-linux reports it.
fn namespaces(user: User) -> Option<&'static str> {
    static PROBED: [OnceLock<Option<String>>; 2] = [OnceLock::new(), OnceLock::new()];
    let probe = || {
        let probe = "unshare --map-root-user --mount --net --pid --fork true";
        let mut words = user.prefix().iter().copied().chain(probe.split(' '));
        let output = Command::new(words.next()?)
            .args(words)
            .env("PATH", PATH)
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(error.to_string()),
        }
    };
    PROBED[user as usize].get_or_init(probe).as_deref()
}

/// The release of util-linux, or 0.0 if it is missing.
fn util_linux() -> (u32, u32) {
    static VERSION: OnceLock<(u32, u32)> = OnceLock::new();
    *VERSION.get_or_init(|| {
        let program = other_util_linux().unwrap_or_default().join("unshare");
        let output = Command::new(program)
            .arg("--version")
            .env("PATH", PATH)
            .stdin(Stdio::null())
            .output();
        // "unshare from util-linux 2.38.1"
        let text = output
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default();
        version(text.rsplit(' ').next().unwrap_or_default())
    })
}

fn kernel() -> (u32, u32) {
    version(&rustix::system::uname().release().to_string_lossy())
}

/// The first two numbers of a release, or 0.
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release
        .split(|character: char| !character.is_ascii_digit())
        .map(|number| number.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// Returns how many more processes the kernel and this process's limits leave room for.
fn room_for_processes() -> u64 {
    let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let threads = fs::read_to_string("/proc/loadavg").ok();
    // "0.00 0.01 0.05 1/123 4567": running and existing threads
    let used = threads
        .and_then(|text| text.split(['/', ' ']).nth(4)?.parse().ok())
        .unwrap_or(0);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nproc).current;
    let kernel = ["/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"]
        .into_iter()
        .filter_map(number);
    kernel
        .chain(limit)
        .min()
        .unwrap_or(u64::MAX)
        .saturating_sub(used)
}
