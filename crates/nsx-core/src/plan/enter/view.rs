//! Changes to what the program sees when it keeps the caller's files. They are made in a mount
//! namespace of the program's own, so that nothing changes for anybody else.

use crate::{
    cgroup::Hierarchy,
    ns::{NsKind, NsSet},
    plan::{Mount, Step},
};
use rustix::{
    fd::OwnedFd,
    io::Errno,
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create},
};

/// A procfs of the caller's PID namespace, for a program that stays there and sees the mounts of a
/// target that has another.
///
/// It is made before anything is joined: a user namespace that is joined gives no right to it.
#[derive(Debug)]
pub struct OwnProc(Option<OwnedFd>);

impl OwnProc {
    /// Makes it.
    ///
    /// # Errors
    /// The errno of `fsopen(2)`, `fsconfig(2)` or `fsmount(2)`: `EPERM` without CAP_SYS_ADMIN over
    /// the PID namespace.
    pub fn new() -> Result<Self, Errno> {
        let made = rustix::mount::fsopen("proc", FsOpenFlags::FSOPEN_CLOEXEC).and_then(|context| {
            fsconfig_create(&context)?;
            let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
                | MountAttrFlags::MOUNT_ATTR_NODEV
                | MountAttrFlags::MOUNT_ATTR_NOEXEC;
            rustix::mount::fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        });
        match made {
            Err(Errno::NOSYS) => Ok(Self(None)),
            made => made.map(|made| Self(Some(made))),
        }
    }

    /// Returns the mount, which is attached nowhere; none if the kernel lacks the calls for that,
    /// or a filter takes them away.
    pub(crate) fn detached(&self) -> Option<&OwnedFd> {
        self.0.as_ref()
    }
}

/// Changes to what the program sees. If there are none, the program stays in the mount namespace
/// that it is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Mounts that the program makes are its own, whatever else is requested.
    pub apart: bool,
    /// `/proc` shows the PID namespace that was joined.
    pub proc: bool,
    /// `/sys` shows the network namespace that was joined. Left as it is if the kernel refuses.
    pub sys: bool,
    /// `/dev/mqueue` shows the IPC namespace that was joined. Left as it is if the kernel refuses.
    pub queues: bool,
    /// The hierarchies that `/sys/fs/cgroup` shows from the cgroup namespace that was joined,
    /// likewise.
    pub cgroups: Vec<Hierarchy>,
    /// Files of the caller under other paths, each left out if the kernel refuses.
    pub binds: Vec<Mount>,
}

impl View {
    /// Returns the changes for a program that joins namespaces of these kinds but keeps its
    /// caller's mounts, which would otherwise show the wrong namespaces. Hierarchies of cgroups are
    /// not included.
    pub fn of(joined: NsSet) -> Self {
        if joined.contains(NsKind::Mnt) {
            return Self::default();
        }
        Self {
            proc: joined.contains(NsKind::Pid),
            sys: joined.contains(NsKind::Net),
            queues: joined.contains(NsKind::Ipc),
            ..Self::default()
        }
    }

    /// Returns the steps, and whether each may fail. Taken in the namespaces that were joined,
    /// whose user namespace gives the right to them if the caller had none.
    pub(super) fn steps(self) -> Vec<(Step, bool)> {
        if self == Self::default() {
            return Vec::new();
        }
        // Mounts that the caller's host makes later are still seen, as by `ip netns exec`.
        let apart = [
            (Step::Unshare(NsSet::from_iter([NsKind::Mnt])), false),
            (Step::KeepMountsApart, false),
        ];
        let sources = self
            .binds
            .iter()
            .flat_map(Mount::sources)
            .map(|source| (Step::OpenSource(source), false));
        let sources: Vec<_> = sources.collect();
        let sys = self.sys.then_some((Step::MountSys { root: None }, true));
        let queues = self
            .queues
            .then_some((Step::MountQueues { root: None }, true));
        let hierarchies = self.cgroups;
        let cgroups = (!hierarchies.is_empty()).then_some((
            Step::MountCgroups {
                root: None,
                hierarchies,
            },
            true,
        ));
        // The last: it does not show the process that mounts it, which then has no /proc/self.
        let proc = self.proc.then_some((Step::MountJoinedProc, false));
        let binds = self.binds.into_iter().map(|mount| {
            (
                Step::Mount {
                    root: None,
                    mount,
                    makes_place: false,
                },
                true,
            )
        });
        apart
            .into_iter()
            .chain(sources)
            .chain(sys)
            .chain(queues)
            .chain(cgroups)
            .chain(binds)
            .chain(proc)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Contents;
    use rustix::mount::MountFlags;

    #[test]
    fn nothing_is_put_right_where_the_targets_mounts_are_joined_or_nothing_lies() {
        for kinds in [
            &[NsKind::Mnt, NsKind::Pid, NsKind::Net][..],
            &[NsKind::Uts, NsKind::Cgroup],
            &[],
        ] {
            let view = View::of(kinds.iter().copied().collect());
            assert_eq!(view.steps().len(), 0, "{kinds:?}");
        }
    }

    #[test]
    fn what_lies_is_put_right_apart_from_the_callers_mounts() {
        let source = Contents::Bind {
            source: "/etc/netns/a/b".into(),
            recursive: true,
            flags: MountFlags::empty(),
        };
        let mount = Mount {
            at: "/etc/b".into(),
            contents: source,
        };
        let view = View {
            binds: vec![mount],
            ..View::of(
                [NsKind::Pid, NsKind::Net, NsKind::Ipc]
                    .into_iter()
                    .collect(),
            )
        };
        let steps: Vec<_> = view
            .steps()
            .iter()
            .map(|(step, optional)| (step.call(), *optional))
            .collect();
        let expected = [
            ("unshare(CLONE_NEWNS)", false),
            ("mount(/, MS_REC|MS_SLAVE)", false),
            (
                "open_tree(/etc/netns/a/b, OPEN_TREE_CLONE|AT_RECURSIVE)",
                false,
            ),
            ("mount(sysfs, /sys)", true),
            ("mount(mqueue, /dev/mqueue)", true),
            ("mount(/etc/netns/a/b, /etc/b, MS_BIND|MS_REC)", true),
            ("mount(proc, /proc, pidns=the joined one)", false),
        ];
        assert_eq!(
            steps,
            expected.map(|(call, optional)| (call.to_owned(), optional))
        );
    }
}
