//! From a refused step to its cause and the way out.
//!
//! Only facts that were checked are told: an errno alone has too many causes. Where none of them
//! holds, nothing is said.

mod access;
mod limits;
mod maps;

pub use access::access;

use crate::{
    idmap::{IdKind, IdMap, Setgroups},
    ns::{NsKind, NsSet, Related},
    pid::Process,
    plan::{ABOVE_ROOT, Caller, Contents, FileSystem, Mount, NamespaceFile, Pin, Plan, Step, Task},
    proc::{self, Credentials, NsLink, ProcRoot},
    run::{self, Failure},
};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    thread::CapabilitySet,
};
use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Why the kernel refused, and what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The cause.
    pub cause: String,
    /// The way out, where there is one.
    pub remedy: Option<String>,
}

impl Refusal {
    fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Option<Self> {
        Some(Self {
            cause: cause.into(),
            remedy: Some(remedy.into()),
        })
    }

    fn without_remedy(cause: impl Into<String>) -> Option<Self> {
        Some(Self {
            cause: cause.into(),
            remedy: None,
        })
    }
}

/// The cause of a failure in carrying out `plan`, if it can be found. `caller` and `proc` are those
/// that it was made and run with. The ways out are options of the command that makes such plans:
/// `nsx enter` if it joins anything.
pub fn explain(
    failure: &Failure,
    plan: &Plan,
    caller: &Caller,
    proc: &ProcRoot,
) -> Option<Refusal> {
    let joins = plan
        .tasks()
        .iter()
        .any(|task| matches!(task.step(), Step::Join { .. } | Step::JoinFile(_)));
    let facts = Facts {
        caller,
        proc,
        options: if joins { &ENTER } else { &UNSHARE },
    };
    // Ids are changed before that for another owner alone.
    let before_unshare = plan
        .tasks()
        .iter()
        .position(|task| matches!(task.step(), Step::Unshare(_)));
    let becomes_owner = before_unshare.is_some_and(|place| {
        plan.tasks()[..place]
            .iter()
            .any(|task| std::ptr::eq(task.step(), failure.step()))
    });
    match (failure.step(), failure.errno) {
        (Step::Unshare(kinds), Errno::PERM) => facts.unshare_denied(*kinds),
        (Step::Unshare(kinds), Errno::NOSPC | Errno::USERS) => facts.limit_reached(*kinds),
        (Step::WriteIdMap { ids, map }, Errno::PERM | Errno::ACCESS) => {
            facts.map_refused(*ids, map)
        }
        (Step::RunIdMapHelper { ids, helper, .. }, errno) => {
            facts.helper_refused(*ids, helper.as_ref(), errno)
        }
        (Step::SetClock(offset), Errno::RANGE) => Refusal::new(
            match offset.seconds < 0 {
                true => "the clock would stand before the start of the machine",
                false => {
                    "the clock would stand beyond 4611686018 seconds, some 146 years, where the \
                    kernel draws the line"
                }
            },
            "name an offset nearer to 0; /proc/uptime says how long the machine runs",
        ),
        (Step::RegisterBinfmt { .. }, Errno::INVAL) => Refusal::new(
            "the kernel takes :NAME:TYPE:OFFSET:MAGIC:MASK:INTERPRETER:FLAGS, where TYPE is M or \
            E, and this is not of that form",
            "as in :python:E::py::/usr/bin/python3: for files that end in .py",
        ),
        (Step::Join { target, kinds, .. }, Errno::PERM) => facts.join_denied(*kinds, |kind| {
            proc.open_ns(target.pid(), NsLink::Own(kind))
                .ok()
                .and_then(|ns| ns.owner().ok())
        }),
        (Step::JoinFile(file), Errno::PERM) => {
            facts.join_denied(NsSet::from_iter([file.kind()]), |_| file.ns.owner().ok())
        }
        (Step::ReadFilters(target), Errno::PERM) => facts.filters_unread(target),
        (Step::Join { kinds, .. }, Errno::INVAL) if kinds.contains(NsKind::Pid) => {
            Refusal::without_remedy(
                "its PID namespace is not below yours, and the kernel lets nobody enter another",
            )
        }
        (Step::Join { target, .. }, Errno::SRCH) => {
            Refusal::without_remedy(format!("process {} has ended", target.pid()))
        }
        (Step::JoinFile(file), Errno::INVAL) if facts.is_own_user(file) => Refusal::without_remedy(
            "it is your own user namespace already, so there is nothing to enter",
        ),
        (Step::Fork { .. } | Step::ForkSibling, Errno::NOMEM) => Refusal::without_remedy(
            "PID 1 of that PID namespace has ended, and nobody can be born there any more",
        ),
        (Step::MountProc { .. } | Step::MountJoinedProc, Errno::PERM) => facts.proc_masked(),
        (
            Step::MountProc { .. } | Step::MountJoinedProc,
            Errno::NOENT | Errno::NOTDIR | Errno::LOOP,
        ) => Refusal::new(
            "there is no such directory",
            facts.options.without_directory,
        ),
        (Step::InstallFilters, _) if failure.forbidden.is_some() => Refusal::new(
            format!(
                "they do not allow {}, without which nsx could not go on under them",
                failure.forbidden.unwrap_or_default()
            ),
            "leave them out, and the program is not held by them: --no-seccomp",
        ),
        (Step::Pin(pin), errno) => facts.pin_refused(pin, errno),
        (Step::Propagate { at, .. }, Errno::INVAL) => Refusal::new(
            format!(
                "{} is not a mount point, and what is mounted there would be seen outside",
                at.display()
            ),
            "leave --propagation at private",
        ),
        (Step::Mount { root, mount, .. }, errno) => facts.mount(root.as_deref(), mount, errno),
        (Step::SetDirectory(directory), Errno::NOENT | Errno::ACCESS)
            if facts.stands_in(directory) =>
        {
            Refusal::new(
                match failure.errno {
                    Errno::NOENT => "a mount inside hides the directory that you stand in",
                    _ => {
                        "you stand in a directory that you could not enter, and with mounts inside \
                        the program has to"
                    }
                },
                "name one that the program starts in with --wd, or start from another",
            )
        }
        (Step::SetDirectory(directory), Errno::NOENT) if covers_root(plan) => Refusal::new(
            "what is mounted on / has no such directory",
            format!(
                "start the program in another with --wd, or add --bind {}",
                directory.display()
            ),
        ),
        (Step::SetUser(_) | Step::SetGroup(_) | Step::SetGroups(_), Errno::PERM)
            if becomes_owner =>
        {
            Refusal::new(
                "nsx becomes the owner that is named before it creates the namespaces, for which \
                you lack CAP_SETUID and CAP_SETGID",
                facts.or(
                    "leave --owner out, and the new user namespace is yours;",
                    CapabilitySet::SETUID | CapabilitySet::SETGID,
                ),
            )
        }
        (Step::LeaveGroups { .. }, Errno::PERM) => facts.groups_kept(plan),
        (Step::SetUser(id), Errno::INVAL) => facts.not_mapped(IdKind::User, *id),
        (Step::SetGroup(id), Errno::INVAL) => facts.not_mapped(IdKind::Group, *id),
        (
            Step::SetUser(_)
            | Step::SetGroup(_)
            | Step::SetGroups(_)
            | Step::ChangeRoot { .. }
            | Step::BindRoot(_),
            Errno::PERM,
        ) => facts.unprivileged(),
        _ => None,
    }
}

/// Returns whether the plan's new root directory is what the plan mounts on `/`.
fn covers_root(plan: &Plan) -> bool {
    plan.tasks()
        .iter()
        .any(|task| matches!(task.step(), Step::PivotRoot(root) if root == Path::new(ABOVE_ROOT)))
}

/// The cause of a failure to pin a namespace, if it can be found.
pub fn of_pin(pin: &Pin, errno: Errno, caller: &Caller, proc: &ProcRoot) -> Option<Refusal> {
    Facts {
        caller,
        proc,
        options: &UNSHARE,
    }
    .pin_refused(pin, errno)
}

struct Facts<'a> {
    caller: &'a Caller,
    proc: &'a ProcRoot,
    options: &'static Options,
}

/// The remedies that a command's options offer for a refusal, in words.
struct Options {
    /// The remedy if the kernel does not allow a procfs to be mounted.
    without_proc: &'static str,
    /// The remedy if the directory to mount a procfs on does not exist.
    without_directory: &'static str,
    /// The remedy if a right is lacking that a user namespace would give.
    more_rights: &'static str,
    /// The remedy if the supplementary groups cannot be dropped.
    without_groups: &'static str,
}

const UNSHARE: Options = Options {
    without_proc: "go without with --no-mount-proc",
    without_directory: "make it, name another with --mount-proc=DIR, or go without with \
    --no-mount-proc",
    more_rights: "add -r (--map-root-user),",
    without_groups: "map ranges of ids, as --map-auto does, do without -G,",
};

const ENTER: Options = Options {
    without_proc: "with kinds named, --no-fix leaves /proc as it is",
    without_directory: "make it; or, with kinds named, --no-fix leaves /proc as it is",
    more_rights: "if the target is in a user namespace of yours, add --userns to join that too;",
    without_groups: "do without -G,",
};

impl Facts<'_> {
    fn unshare_denied(&self, kinds: NsSet) -> Option<Refusal> {
        if !kinds.contains(NsKind::User) {
            return if self.caller.is_privileged() {
                self.seccomp()
            } else {
                Refusal::new(
                    format!(
                        "without a user namespace of its own, only a process with CAP_SYS_ADMIN \
                        creates {}",
                        kinds.noun_with_article()
                    ),
                    self.or(self.options.more_rights, CapabilitySet::SYS_ADMIN),
                )
            };
        }
        if !self.caller.is_privileged()
            && self.sysctl("kernel/unprivileged_userns_clone") == Some(0)
        {
            return Refusal::new(
                "ordinary users may not create user namespaces here: the sysctl \
                kernel.unprivileged_userns_clone is 0",
                self.or(
                    "have the administrator set it to 1,",
                    CapabilitySet::SYS_ADMIN,
                ),
            );
        }
        if self
            .own_map(IdKind::User)
            .is_some_and(|map| map.to_outside(self.caller.uid).is_none())
        {
            return Refusal::without_remedy(format!(
                "user {} is not mapped in the user namespace that you are in",
                self.caller.uid
            ));
        }
        if self
            .own_map(IdKind::Group)
            .is_some_and(|map| map.to_outside(self.caller.gid).is_none())
        {
            return Refusal::without_remedy(format!(
                "group {} is not mapped in the user namespace that you are in",
                self.caller.gid
            ));
        }
        if self.is_chrooted() {
            return Refusal::without_remedy(
                "the kernel creates no user namespace for a process in a chroot",
            );
        }
        self.seccomp().or_else(|| self.apparmor())
    }

    fn pin_refused(&self, pin: &Pin, errno: Errno) -> Option<Refusal> {
        match errno {
            Errno::EXIST => Refusal::new(
                "it holds a namespace already",
                format!(
                    "enter that one, or take it away with `nsx rm {}`",
                    with_slash(&pin.at).display()
                ),
            ),
            Errno::LOOP => Refusal::without_remedy("it is a symbolic link, which is not followed"),
            Errno::NOENT if run::is_missing(None, pin.directory()) => Refusal::new(
                format!("there is no directory {}", pin.directory().display()),
                "make it, or name a file in another",
            ),
            Errno::NOTDIR if pin.at.is_dir() => Refusal::new(
                "it is a directory, and a namespace is kept in a file",
                format!(
                    "name a file in it, which nsx makes: --pin {}={}",
                    pin.kind,
                    pin.at.join("NAME").display()
                ),
            ),
            Errno::NOTDIR => {
                Refusal::without_remedy(format!("{} is no directory", pin.directory().display()))
            }
            Errno::INVAL if pin.kind == NsKind::Mnt && run::keeps_no_mount_namespace(pin) => {
                Refusal::new(
                    "a mount namespace is kept only where mounts are private, and a directory is \
                    not \
                made so if something is \
                 mounted in it, or if it is that of ip-netns(8)",
                    "name a file in a directory of its own",
                )
            }
            Errno::AGAIN => Refusal::new(
                format!(
                    "another process holds the lock on {}",
                    pin.directory().display()
                ),
                format!("`fuser {}` names it", pin.directory().display()),
            ),
            Errno::PERM if !self.caller.is_privileged() => Refusal::new(
                "a pin is a mount in your own mount namespace, which asks for CAP_SYS_ADMIN there",
                self.or(
                    "run it from a shell in user and mount namespaces of your own (nsx unshare -r \
                    --mount),",
                    CapabilitySet::SYS_ADMIN,
                ),
            ),
            _ => None,
        }
    }

    /// `owner` looks up the user namespace that owns the namespace of a kind.
    fn join_denied(
        &self,
        kinds: NsSet,
        owner: impl Fn(NsKind) -> Option<Related>,
    ) -> Option<Refusal> {
        let needed = CapabilitySet::SYS_ADMIN;
        if !self.caller.can(needed) {
            let cause = "joining requires CAP_SYS_ADMIN in the user namespaces that own them, \
            which you lack";
            let instead = if self.caller.uid == 0 {
                ""
            } else {
                "run it as the user who created them,"
            };
            return Refusal::new(cause, self.or(instead, needed));
        }
        if kinds.contains(NsKind::Mnt) && !self.caller.can(CapabilitySet::SYS_CHROOT) {
            let cause = "joining a mnt namespace requires CAP_SYS_CHROOT, which you lack";
            return Refusal::new(cause, self.or("", CapabilitySet::SYS_CHROOT));
        }
        match kinds
            .iter()
            .find(|kind| matches!(owner(*kind), Some(Related::Hidden)))
        {
            Some(kind) => Refusal::new(
                format!(
                    "the user namespace that owns its {kind} namespace is neither yours nor below \
                    yours, and your \
                     CAP_SYS_ADMIN does not hold there"
                ),
                "run it in that user namespace or in one above, such as the host's",
            ),
            None => self.seccomp(),
        }
    }

    /// Why the filters of a process could not be read, see `ptrace(2)`, "PTRACE_SECCOMP_GET_FILTER"
    /// and "/proc/sys/kernel/yama/ptrace_scope".
    fn filters_unread(&self, target: &Process) -> Option<Refusal> {
        let lacks = !self.caller.can(CapabilitySet::SYS_PTRACE);
        let cause = match self.sysctl("kernel/yama/ptrace_scope") {
            Some(3) => "nobody may trace a process here: the sysctl kernel.yama.ptrace_scope is 3"
                .to_owned(),
            Some(2) if lacks => "tracing requires CAP_SYS_PTRACE, which you lack: the sysctl \
                kernel.yama.ptrace_scope is 2"
                .to_owned(),
            _ if lacks => access(target, self.proc)?.cause,
            _ => return None,
        };
        Refusal::new(
            cause,
            "leave them out, and the program is not held by them: --no-seccomp",
        )
    }

    fn proc_masked(&self) -> Option<Refusal> {
        let mounts = self
            .own_file("mountinfo")
            .and_then(|text| proc::Mount::parse_all(&text).ok())?;
        let over = mounts
            .iter()
            .find(|mount| mount.point.starts_with(b"/proc/"))?;
        Refusal::new(
            format!(
                "{} is mounted over, and the kernel lets a user namespace mount a procfs only \
                where it sees another whole",
                String::from_utf8_lossy(&over.point)
            ),
            format!(
                "in a container started by an engine, start it with /proc unmasked; or {}",
                self.options.without_proc
            ),
        )
    }

    fn mount(&self, root: Option<&Path>, mount: &Mount, errno: Errno) -> Option<Refusal> {
        match (&mount.contents, errno) {
            (Contents::Overlay(_) | Contents::New(_), Errno::NODEV) => {
                Refusal::without_remedy("this kernel has no such file system, or may not load it")
            }
            (Contents::Overlay(lower), Errno::INVAL) => self.locked_below(lower),
            (Contents::New(FileSystem { kind, .. }), Errno::PERM) if kind == "proc" => {
                self.proc_masked()
            }
            (_, Errno::NOENT) if run::is_missing(root, &mount.at) => Refusal::new(
                "there is no such place, and to make it would leave it behind",
                "make it, or mount a --tmpfs or an --overlay above it first, where nsx makes what \
                is missing",
            ),
            (Contents::Bind { source, .. }, Errno::NOTDIR | Errno::ISDIR) => {
                Refusal::without_remedy(format!(
                    "a directory is bound to a directory, and a file to a file: {} is {}",
                    source.display(),
                    if errno == Errno::NOTDIR {
                        "a directory"
                    } else {
                        "none"
                    },
                ))
            }
            _ => None,
        }
    }

    /// A user namespace may not uncover what the mounts of others cover, and an overlay leaves out
    /// those below its layers.
    fn locked_below(&self, layers: &[PathBuf]) -> Option<Refusal> {
        let mounts = self
            .own_file("mountinfo")
            .and_then(|text| proc::Mount::parse_all(&text).ok())?;
        let covered = layers.iter().find_map(|layer| {
            let layer = std::fs::canonicalize(layer).ok()?;
            let below = |point: &Path| point != layer && point.starts_with(&layer);
            mounts
                .iter()
                .find(|mount| below(Path::new(OsStr::from_bytes(&mount.point))))
        })?;
        Refusal::new(
            format!(
                "{} is mounted below it, and a user namespace may not uncover what lies under a \
                mount of another",
                String::from_utf8_lossy(&covered.point)
            ),
            match self.caller.uid {
                // It is the user namespace that forbids it, whoever made that.
                0 => "name directories without mounts",
                _ => "name directories without mounts, or run it as root",
            },
        )
    }

    fn stands_in(&self, directory: &Path) -> bool {
        let here = rustix::fs::readlinkat(self.proc, "self/cwd", Vec::new());
        here.is_ok_and(|here| here.as_bytes() == directory.as_os_str().as_bytes())
    }

    fn not_mapped(&self, ids: IdKind, id: u32) -> Option<Refusal> {
        let map = self.own_map(ids)?;
        if map.to_outside(id).is_some() {
            return None;
        }
        Refusal::without_remedy(format!(
            "{ids} id {id} is not mapped in this user namespace; {}",
            mapped(&map)
        ))
    }

    fn unprivileged(&self) -> Option<Refusal> {
        let lacks = !self
            .caller
            .can(CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::SYS_CHROOT);
        let kept = self
            .own_map(IdKind::User)
            .is_some_and(|map| map.to_outside(self.caller.uid) == Some(self.caller.uid));
        let needed = CapabilitySet::SETUID | CapabilitySet::SETGID | CapabilitySet::SYS_CHROOT;
        let remedy = || self.or(self.options.more_rights, needed - self.caller.capabilities);
        if lacks && kept {
            Refusal::new("you lack the capability for it", remedy())
        } else {
            None
        }
    }

    /// Why the program would keep the caller's supplementary groups.
    fn groups_kept(&self, plan: &Plan) -> Option<Refusal> {
        let denies = |text: Option<Vec<u8>>| text.is_some_and(|text| text.starts_with(b"deny"));
        let denied_by = |task: &Task| match task.step() {
            Step::WriteSetgroups(rule) => *rule == Setgroups::Deny,
            Step::Join { target, kinds, .. } if kinds.contains(NsKind::User) => {
                let mut text = Vec::new();
                denies(
                    self.proc
                        .read(target.pid(), "setgroups", &mut text)
                        .ok()
                        .map(|()| text),
                )
            }
            _ => false,
        };
        // Where nsx becomes the program, it is in the user namespace that it has joined.
        if denies(self.own_file("setgroups")) || plan.tasks().iter().any(denied_by) {
            return Refusal::new(
                "setgroups is denied in this user namespace, and the program would keep your \
                supplementary groups",
                match self.caller.uid {
                    0 => self.options.without_groups.trim_end_matches(',').to_owned(),
                    _ => self.or(self.options.without_groups, CapabilitySet::SETGID),
                },
            );
        }
        if self.caller.can(CapabilitySet::SETGID) {
            return self.seccomp();
        }
        Refusal::new(
            "dropping supplementary groups requires CAP_SETGID, which you lack",
            self.or(self.options.without_groups, CapabilitySet::SETGID),
        )
    }

    fn is_own_user(&self, file: &NamespaceFile) -> bool {
        file.kind() == NsKind::User
            && self
                .proc
                .own_ns(NsLink::Own(NsKind::User))
                .is_ok_and(|own| own == file.ns.id())
    }

    fn seccomp(&self) -> Option<Refusal> {
        if !self.has_status(b"Seccomp:\t2") {
            return None;
        }
        Refusal::new(
            "a seccomp filter is on this process, as container engines set it",
            "start the container with a profile that allows it, or with CAP_SYS_ADMIN",
        )
    }

    fn apparmor(&self) -> Option<Refusal> {
        if self.sysctl("kernel/apparmor_restrict_unprivileged_userns") != Some(1) {
            return None;
        }
        Refusal::new(
            "AppArmor takes the capabilities away from user namespaces of programs without a \
            profile \
             (kernel.apparmor_restrict_unprivileged_userns is 1)",
            "have the administrator install a profile for nsx that allows userns",
        )
    }

    /// A process whose root directory is no mount point is in a chroot. One whose root is a mount
    /// point may be too, but that cannot be seen here.
    fn is_chrooted(&self) -> bool {
        let mounts = self
            .own_file("mountinfo")
            .and_then(|text| proc::Mount::parse_all(&text).ok());
        mounts.is_some_and(|mounts| !mounts.iter().any(|mount| mount.point == b"/"))
    }

    /// Another way out, or else the one by which the caller gains a capability.
    fn or(&self, instead: &str, needed: CapabilitySet) -> String {
        let bounding = self
            .own_file("status")
            .and_then(|text| Credentials::parse(&text).ok())
            .map(|it| it.bounding);
        let gained = gain(
            self.caller.uid,
            needed,
            bounding.unwrap_or(CapabilitySet::all()),
        );
        if instead.is_empty() {
            gained
        } else {
            format!("{instead} or {gained}")
        }
    }

    fn own_map(&self, ids: IdKind) -> Option<IdMap> {
        IdMap::parse(&self.own_file(ids.file())?).ok()
    }

    /// Returns whether this line is in the caller's status.
    fn has_status(&self, line: &[u8]) -> bool {
        self.own_file("status").is_some_and(|status| {
            status
                .split(|byte| *byte == b'\n')
                .any(|other| other == line)
        })
    }

    fn own_file(&self, file: &str) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        self.proc.read_own(file, &mut text).ok()?;
        Some(text)
    }

    fn sysctl(&self, name: &str) -> Option<u64> {
        let path = format!("sys/{name}");
        let fd = rustix::fs::openat(
            self.proc,
            path,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok()?;
        let mut text = [0; 32];
        let length = rustix::io::read(&fd, &mut text).ok()?;
        crate::proc::decimal(text[..length].trim_ascii())
    }
}

/// A path that nobody takes for a name.
fn with_slash(path: &Path) -> PathBuf {
    let is_bare = !path.as_os_str().as_bytes().contains(&b'/');
    if is_bare {
        Path::new(".").join(path)
    } else {
        path.to_owned()
    }
}

/// Says how a user gains a capability. Root is not told to become root: it was started without the
/// capability.
fn gain(uid: u32, needed: CapabilitySet, bounding: CapabilitySet) -> String {
    let lacking = needed - bounding;
    match uid {
        0 if lacking.is_empty() => {
            format!("run it with {}", capability_names(needed).join(" and "))
        }
        0 => {
            let names = capability_names(lacking);
            let options: Vec<_> = names
                .iter()
                .map(|name| format!("--cap-add {}", &name[4..]))
                .collect();
            format!(
                "have it started with {} ({} in a container, CapabilityBoundingSet= in a systemd \
                unit)",
                names.join(" and "),
                options.join(" ")
            )
        }
        _ => "run it as root".to_owned(),
    }
}

/// Capabilities by name, such as `CAP_NET_RAW`.
fn capability_names(set: CapabilitySet) -> Vec<String> {
    set.iter_names()
        .map(|(name, _)| format!("CAP_{name}"))
        .collect()
}

/// Which ids a map has inside, in words.
fn mapped(map: &IdMap) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    let mut extents: Vec<_> = map
        .extents()
        .iter()
        .map(|extent| (extent.inside(), extent.count()))
        .collect();
    extents.sort_unstable();
    for (first, count) in extents {
        match ranges.last_mut() {
            Some((_, end)) if *end == first => *end += count,
            _ => ranges.push((first, first + count)),
        }
    }
    let words: Vec<_> = ranges
        .iter()
        .map(|(first, end)| {
            if end - first == 1 {
                first.to_string()
            } else {
                format!("{first} to {}", end - 1)
            }
        })
        .collect();
    match (words.as_slice(), ranges.as_slice()) {
        ([], _) => "none is".to_owned(),
        ([only], [(first, end)]) if end - first == 1 => format!("only {only} is"),
        (words, _) => format!("mapped are {}", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_ids_are_told_with_their_ends() {
        for (map, expected) in [
            ("", "none is"),
            ("0 4242 1", "only 0 is"),
            ("0 0 4294967295", "mapped are 0 to 4294967294"),
            ("0 4242 1\n1 100000 65536", "mapped are 0 to 65536"),
            ("10 100 5\n0 4242 1\n20 7 1", "mapped are 0, 10 to 14, 20"),
        ] {
            assert_eq!(mapped(&IdMap::parse(map.as_bytes()).unwrap()), expected);
        }
    }
}
