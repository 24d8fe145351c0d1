//! Classes of intended differences. Each has an example, which must still differ.

/// A class.
pub(super) struct Known {
    pub(super) reason: &'static str,
    /// `true` if only root sees the difference in the example.
    pub(super) root: bool,
    pub(super) example: &'static str,
    /// A text that the command line contains.
    line: &'static str,
    /// The texts that the results of util-linux and of nsx contain.
    original: &'static str,
    nsx: &'static str,
}

impl Known {
    pub(super) fn covers(&self, line: &str, [original, nsx]: &[String; 2]) -> bool {
        line.contains(self.line) && original.contains(self.original) && nsx.contains(self.nsx)
    }
}

pub(super) const KNOWN: &[Known] = &[
    Known {
        reason: "2.43 tells which PID argument cannot be, and why",
        root: false,
        example: "nsenter -t x -u true",
        line: "nsenter",
        original: "invalid PID argument",
        nsx: "failed to parse PID argument",
    },
    Known {
        reason: "2.43 refuses a second --target",
        root: false,
        example: "nsenter -t $T -t $T -U --preserve-credentials true",
        line: "nsenter",
        original: "",
        nsx: "option --target may be given only once",
    },
    Known {
        reason: "--all without --target says what is missing",
        root: false,
        example: "nsenter -a true",
        line: "nsenter",
        original: "stat of /proc/N/ns/user failed",
        nsx: "no target PID specified for --all",
    },
    Known {
        reason: "a number beyond the last id is refused, and not cut to its low 32 bits",
        root: false,
        example: "unshare -r -S 4294967296 true",
        line: "unshare",
        original: "",
        nsx: "failed to parse uid: 'N': Numerical result out of range",
    },
    Known {
        reason: "the id that stands for none is refused before the groups are left, which a user \
        may not",
        root: false,
        example: "unshare -r -G 4294967295 true",
        line: "unshare",
        original: "setgroups failed: Operation not permitted",
        nsx: "setgid() failed: Invalid argument",
    },
    Known {
        reason: "-J without a tree prints namespaces side by side",
        root: false,
        example: "lsns -J",
        line: "-J",
        original: "\"children\": [",
        nsx: "\"namespaces\": [",
    },
    Known {
        reason: "no program runs if a namespace cannot be bound to its file",
        root: false,
        example: "unshare -rf --uts=/nonexistent echo ran; sleep 0.5",
        line: "unshare",
        original: "mount /proc/N/ns/",
        nsx: "mount /proc/N/ns/",
    },
    Known {
        reason: "the number of a descriptor is each program's own",
        root: false,
        example: "nsenter -N 0 -t $T -U --preserve-credentials true",
        line: "nsenter",
        original: "SIOCGSKNS): Inappropriate ioctl for device",
        nsx: "SIOCGSKNS): Inappropriate ioctl for device",
    },
    Known {
        reason: "a directory that is named after -w takes its place",
        root: false,
        example: "nsenter -w --wd=/ true",
        line: "nsenter",
        original: "neither filename nor target pid supplied for cwd",
        nsx: "",
    },
    Known {
        reason: "-1 is not a descriptor, and does not mean none",
        root: false,
        example: "nsenter -N -1 -t $T true",
        line: "nsenter",
        original: "",
        nsx: "failed to parse file descriptor: '-1'",
    },
    Known {
        reason: "--setgroups=deny with a map of one group denies once",
        root: false,
        example: "unshare -c --setgroups=deny true",
        line: "--setgroups",
        original: "write failed /proc/self/setgroups: Operation not permitted",
        nsx: "",
    },
];
