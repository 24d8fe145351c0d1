//! The grammar of the command lines: options, and for each the classes of values that it takes.

/// Numbers: valid ones, ones out of range of some type, and words that are not numbers.
const NUMBERS: &[&str] = &[
    "0",
    "1",
    "5",
    "' 1'",
    "+1",
    "007",
    "-1",
    "2147483647",
    "2147483648",
    "4294967294",
    "4294967295",
    "4294967296",
    "99999999999999999999",
    "''",
    "x",
    "1x",
    "0x1",
    "'1 '",
    "1.5",
    "--",
    "1:1",
];
const IDS: &[&str] = &[
    "0",
    "1",
    "' 0'",
    "+0",
    "00",
    "5",
    "-1",
    "4294967294",
    "4294967295",
    "''",
    "x",
    "0x0",
    "1a",
];
const NAMES: &[&str] = &["0", "5", "root", "bin", "daemon", "' 0'", "+0"];
const RANGES: &[&str] = &[
    "0:0:1",
    "0:0:10",
    "5:0:1",
    "0:5:0:1",
    "0,0,1",
    "1:2",
    "''",
    "x",
    "all",
    "0:0:1x",
    "::",
    "0:0,1",
    "100000:0:5",
];
const SECONDS: &[&str] = &[
    "0",
    "5",
    "-5",
    "' 7'",
    "x",
    "''",
    "1.5",
    "99999999999999",
    "9223372036854775807",
    "9223372036854775808",
    "1d",
];
const DIRECTORIES: &[&str] = &[
    "/",
    "/usr",
    "/usr/lib",
    "/nonexistent",
    "/etc/passwd",
    "''",
    ".",
    "usr",
];
const MISSING: &[&str] = &["/nonexistent", "missing/file", "''"];
const SIGNALS: &[&str] = &[
    "TERM",
    "SIGTERM",
    "sigterm",
    "9",
    "FOO",
    "''",
    "RTMIN",
    "RTMIN+1",
    "SIGRTMAX-1",
    "RTMIN-1",
];
const PROPAGATIONS: &[&str] = &[
    "private",
    "shared",
    "slave",
    "unchanged",
    "foo",
    "''",
    "PRIVATE",
    "priv",
];
const SETGROUPS: &[&str] = &["allow", "deny", "foo", "''", "Allow"];
const TARGETS: &[&str] = &[
    "$T",
    "$T",
    "$T",
    "1",
    "$$",
    "4194303",
    "0",
    "-1",
    "x",
    "''",
    "' '$T",
    "$T:1",
    "1:",
    "2147483648",
];
const FILES: &[&str] = &[
    "/proc/$T/ns/net",
    "/proc/$T/ns/uts",
    "/proc/$T/ns/mnt",
    "/proc/1/ns/uts",
    "/nonexistent",
    "/etc/passwd",
    "''",
    "/",
    ":x",
    ":18446744073709551615",
    "./:5",
];
const FOLLOW: &[&str] = &[
    "0",
    "5",
    "follow",
    "''",
    "x",
    "' 0'",
    "-1",
    "4294967295",
    "Follow",
];
const COLUMNS: &[&str] = &[
    "NS",
    "ns,type",
    "PID,PPID,USER",
    "TYPE,NPROCS",
    "+PATH",
    "+ns",
    "''",
    "+",
    "FOO",
    "NS,",
    ",NS",
    "NS,NS",
    "NETNSID,NSFS",
    "UID,USER,PNS,ONS",
    "+FOO",
];
const TYPES: &[&str] = &[
    "net", "uts", "pid", "user", "mnt", "time", "cgroup", "ipc", "foo", "''", "NET", "net,uts",
];
const TREES: &[&str] = &["owner", "parent", "process", "foo", "''"];
const FILTERS: &[&str] = &[
    "'TYPE == \"net\"'",
    "'TYPE==\"uts\"&&NPROCS>0'",
    "'PID > 1'",
    "'NS =='",
    "''",
    "'FOO == 1'",
    "'PNS == 0'",
    "'TYPE =~ \"^u\"'",
    "'TYPE !~ \"^u\"'",
    "'(PID == 1) OR TYPE == \"net\"'",
    "'PID'",
    "'NOT (PID == 1)'",
    "'NPROCS >= 1K'",
];
const TASKS: &[&str] = &["$T", "1", "0", "-1", "x", "''", "2147483648", "1x"];
const OPERANDS: &[&str] = &[
    "$N",
    "12345",
    "x",
    "''",
    "-- -1",
    "99999999999999999999",
    "1x",
];
const PROGRAMS: &[&str] = &[
    "true",
    "id -u",
    "id -g",
    "'sh' -c 'exit 7'",
    "pwd",
    "cat /proc/self/uid_map",
    "cat /proc/self/setgroups",
    "/nonexistent",
    "nosuch",
    "/etc",
    "sh -c 'kill -TERM $$'",
    "-- true",
    "true --bogus",
];

/// An option: how it is written, and the values that it takes if any.
type Choice = (&'static str, &'static [&'static str]);

const UNSHARE: &[Choice] = &[
    ("-m", &[]),
    ("-u", &[]),
    ("-i", &[]),
    ("-n", &[]),
    ("-p", &[]),
    ("-U", &[]),
    ("-C", &[]),
    ("-T", &[]),
    ("-f", &[]),
    ("-r", &[]),
    ("-r", &[]),
    ("-c", &[]),
    ("-rf", &[]),
    ("-rpf", &[]),
    ("--uts=", MISSING),
    ("--net=", MISSING),
    ("--fork", &[]),
    ("--keep-caps", &[]),
    ("--mount-proc", &[]),
    ("--mount-proc=", MISSING),
    ("--propagation ", PROPAGATIONS),
    ("--kill-child", &[]),
    ("--kill-child=", SIGNALS),
    ("-R ", DIRECTORIES),
    ("--wd=", DIRECTORIES),
    ("-w ", DIRECTORIES),
    ("-S ", IDS),
    ("-G ", IDS),
    ("--setuid=", NUMBERS),
    ("--map-user=", NAMES),
    ("--map-group ", NAMES),
    ("--map-users=", RANGES),
    ("--map-groups=", RANGES),
    ("--setgroups=", SETGROUPS),
    ("--monotonic=", SECONDS),
    ("--boottime ", SECONDS),
    ("--forward-signals", &[]),
    ("--bogus", &[]),
    ("-z", &[]),
    ("--map", &[]),
    ("--pro shared", &[]),
    ("--root", &[]),
    ("--fork=1", &[]),
    ("-l ", &["foo", "''", ":y:E::y::/bin/true:"]),
    ("--mount-binfmt", &[]),
    (
        "--owner=",
        &["0:0", "5:5", "0", ":", "0:x", "''", "root:root"],
    ),
];

const NSENTER: &[Choice] = &[
    ("-t ", TARGETS),
    ("-t $T", &[]),
    ("-t $T", &[]),
    ("-t$T", &[]),
    ("--target=", TARGETS),
    ("-a", &[]),
    ("-m", &[]),
    ("-u", &[]),
    ("-i", &[]),
    ("-n", &[]),
    ("-p", &[]),
    ("-U", &[]),
    ("-C", &[]),
    ("-T", &[]),
    ("-u", FILES),
    ("-n=", FILES),
    ("--net=", FILES),
    ("--uts=", FILES),
    ("--mount=", FILES),
    ("-N ", NUMBERS),
    ("--user-parent", &[]),
    ("-S ", FOLLOW),
    ("-G ", FOLLOW),
    ("--setuid=", NUMBERS),
    ("--preserve-credentials", &[]),
    ("--preserve-credentials", &[]),
    ("-r", &[]),
    ("-r", DIRECTORIES),
    ("--root=", DIRECTORIES),
    ("-w", &[]),
    ("--wd=", DIRECTORIES),
    ("-w=", DIRECTORIES),
    ("-W", DIRECTORIES),
    ("-F", &[]),
    ("--no-fork=1", &[]),
    ("--w", &[]),
    ("--bogus", &[]),
    ("-z", &[]),
];

const LSNS: &[Choice] = &[
    ("-J", &[]),
    ("-l", &[]),
    ("-l", &[]),
    ("-n", &[]),
    ("-r", &[]),
    ("-u", &[]),
    ("-W", &[]),
    ("-P", &[]),
    ("-o ", COLUMNS),
    ("--output=", COLUMNS),
    ("--output-all", &[]),
    ("-p ", TASKS),
    ("--task=", TASKS),
    ("-t ", TYPES),
    ("-t ", TYPES),
    ("--type=", TYPES),
    ("-T", &[]),
    ("-T", TREES),
    ("--tree=", TREES),
    ("-Q ", FILTERS),
    ("--filter=", FILTERS),
    ("", OPERANDS),
    ("--bogus", &[]),
    ("-z", &[]),
    ("--no", &[]),
    ("--raw=1", &[]),
];

/// Makes command lines, the same ones for the same seed.
pub(super) struct Grammar(u64);

impl Grammar {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A command line of each program.
    pub(super) fn lines(&mut self) -> [String; 3] {
        let unshare = self.line("unshare", UNSHARE, PROGRAMS);
        let nsenter = self.line("nsenter", NSENTER, PROGRAMS);
        [unshare, nsenter, self.line("lsns", LSNS, &[""])]
    }

    fn line(&mut self, program: &str, options: &[Choice], ends: &[&str]) -> String {
        let mut line = program.to_owned();
        for _ in 0..self.below(4) {
            let (option, values) = options[self.below(options.len())];
            line += " ";
            line += option;
            if !values.is_empty() {
                line += values[self.below(values.len())];
            }
        }
        line + " " + ends[self.below(ends.len())]
    }

    /// A number below `end`, by xorshift.
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % end
    }
}
