//! Capabilities in the initial user namespace that lead out of a container, see `capabilities(7)`.

use crate::ns::{NsKind, NsSet};
use rustix::thread::CapabilitySet;

/// Returns what a process reaches by one capability that it has in the initial user namespace, if
/// `own` are the kinds of namespace that it shares neither with the host nor with others; none if
/// that is within its namespaces or harmless.
pub fn reach(capability: CapabilitySet, own: NsSet) -> Option<&'static str> {
    const RULES: &[(CapabilitySet, Option<NsKind>, &str)] = &[
        (
            CapabilitySet::SYS_ADMIN,
            None,
            "it mounts file systems and devices of the host, joins namespaces, and changes most \
            settings of the host",
        ),
        (
            CapabilitySet::SYS_MODULE,
            None,
            "it loads code into the host's kernel",
        ),
        (
            CapabilitySet::SYS_RAWIO,
            None,
            "it reads and writes the host's memory and ports",
        ),
        (
            CapabilitySet::SYS_PTRACE,
            Some(NsKind::Pid),
            "it reads and changes every process of the host",
        ),
        (
            CapabilitySet::DAC_READ_SEARCH,
            None,
            "it reads any file of a host file system of which a part is mounted in it, by \
            open_by_handle_at(2)",
        ),
        (
            CapabilitySet::DAC_OVERRIDE,
            Some(NsKind::Mnt),
            "it reads and writes every file of the host",
        ),
        (
            CapabilitySet::NET_ADMIN,
            Some(NsKind::Net),
            "it changes the host's links, routes and firewall",
        ),
        (
            CapabilitySet::NET_RAW,
            Some(NsKind::Net),
            "it reads and forges packets of the host",
        ),
        (
            CapabilitySet::BPF,
            None,
            "it loads BPF programs into the host's kernel",
        ),
        (
            CapabilitySet::PERFMON,
            None,
            "it measures all processes of the host and reads kernel memory",
        ),
        (
            CapabilitySet::SYS_BOOT,
            None,
            "it restarts the host or boots another kernel",
        ),
        (CapabilitySet::SYS_TIME, None, "it sets the host's clock"),
        (
            CapabilitySet::SYSLOG,
            None,
            "it reads the kernel's log with addresses of the kernel",
        ),
        (
            CapabilitySet::KILL,
            Some(NsKind::Pid),
            "it sends signals to every process of the host",
        ),
        (
            CapabilitySet::IPC_OWNER,
            Some(NsKind::Ipc),
            "it reads and writes the host's shared memory",
        ),
        (
            CapabilitySet::MAC_ADMIN,
            None,
            "it changes the policy of the host's security module",
        ),
        (
            CapabilitySet::MAC_OVERRIDE,
            None,
            "it ignores the policy of the host's security module",
        ),
        (
            CapabilitySet::AUDIT_CONTROL,
            None,
            "it changes the host's audit rules",
        ),
        (
            CapabilitySet::CHECKPOINT_RESTORE,
            Some(NsKind::Pid),
            "it reads memory maps of every process of the host",
        ),
        (
            CapabilitySet::SYS_RESOURCE,
            None,
            "it exceeds limits of resources and quotas",
        ),
    ];
    RULES
        .iter()
        .find(|(rule, within, _)| {
            *rule == capability && within.is_none_or(|kind| !own.contains(kind))
        })
        .map(|(.., reach)| *reach)
}

/// Returns each capability of a set by itself, with its name, such as `CAP_NET_RAW`.
pub fn each(set: CapabilitySet) -> impl Iterator<Item = (CapabilitySet, String)> {
    set.iter_names()
        .map(|(name, capability)| (capability, format!("CAP_{name}")))
}

/// Returns the names of a set's capabilities, such as `CAP_NET_RAW`.
pub fn names(set: CapabilitySet) -> Vec<String> {
    each(set).map(|(_, name)| name).collect()
}

/// Returns the names in words, and of more than three how many there are.
pub(crate) fn few_names(set: CapabilitySet) -> String {
    match names(set).as_slice() {
        [first, second, others @ ..] if others.len() > 1 => {
            format!("{first}, {second} and {} more capabilities", others.len())
        }
        few => few.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capability_reaches_out_unless_a_namespace_holds_it() {
        let own = NsSet::EMPTY.with(NsKind::Net).with(NsKind::Pid);
        for (capability, reaches) in [
            (CapabilitySet::NET_ADMIN, false),
            (CapabilitySet::SYS_PTRACE, false),
            (CapabilitySet::SYS_ADMIN, true),
            (CapabilitySet::DAC_OVERRIDE, true),
            (CapabilitySet::CHOWN, false),
        ] {
            assert_eq!(reach(capability, own).is_some(), reaches, "{capability:?}");
        }
        assert!(reach(CapabilitySet::NET_ADMIN, NsSet::EMPTY).is_some());
    }

    #[test]
    fn each_capability_has_its_name() {
        let set = CapabilitySet::NET_RAW | CapabilitySet::BPF;
        assert_eq!(names(set), ["CAP_NET_RAW", "CAP_BPF"]);
        assert_eq!(few_names(set), "CAP_NET_RAW, CAP_BPF");
        let four = set | CapabilitySet::SYSLOG | CapabilitySet::SYS_TIME;
        assert!(few_names(four).ends_with(" and 2 more capabilities"));
    }
}
