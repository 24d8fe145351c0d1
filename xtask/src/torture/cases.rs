//! The commands that are tortured.

/// The user who runs a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    Root,
    Ordinary,
}

/// A command.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) name: &'static str,
    /// The arguments, separated by spaces. `@T` is a process in its own namespaces, `@U` one in a
    /// user namespace too, `@D` the directory that is recreated for each run.
    pub(super) words: &'static str,
    /// The name that nsx is run as.
    pub(super) program: &'static str,
    pub(super) user: User,
    /// `true` if the command has a terminal.
    pub(super) terminal: bool,
}

const fn case(name: &'static str, words: &'static str) -> Case {
    Case {
        name,
        words,
        program: "nsx",
        user: User::Root,
        terminal: false,
    }
}

impl Case {
    const fn ordinary(self) -> Self {
        Self {
            user: User::Ordinary,
            ..self
        }
    }

    const fn on_a_terminal(self) -> Self {
        Self {
            terminal: true,
            ..self
        }
    }

    const fn called(self, program: &'static str) -> Self {
        Self { program, ..self }
    }
}

/// Commands that may leave something behind when they are killed.
pub(super) const KILLED: [Case; 14] = [
    case("pin", "unshare --pin net=@D/net echo done"),
    case(
        "pins",
        "unshare --pin uts=@D/uts --pin net=@D/net --pid=@D/pid --mount=@D/mnt echo done",
    ),
    case("overlay", "unshare --overlay @D/lower:@D/merged echo done"),
    case(
        "changes",
        "unshare --overlay @D/lower:@D/merged --changes echo done",
    ),
    case("join", "unshare --join net,uts=@T --ipc echo done"),
    case("init", "unshare --init --mount-proc echo done"),
    case("map-auto", "unshare --map-auto echo done").ordinary(),
    case("enter", "enter @T -- echo done"),
    case("pty", "enter --pty @T -- echo done").on_a_terminal(),
    case("host-tools", "enter --host-tools @T -- echo done"),
    case("all-of", "enter --all-of web* -j 1 -- echo done"),
    case("save", "ls --save @D/saved"),
    case("nsenter", "-t @T -a echo done").called("nsenter"),
    case("unshare-pins", "--uts=@D/uts --net=@D/net --fork echo done").called("unshare"),
];

/// Further commands in which no failed call may go unnoticed.
pub(super) const FAILED: [Case; 23] = [
    case("unshare", "unshare --uts --hostname h echo done"),
    case("unshare-all", "unshare -a --pid echo done"),
    case("unshare-root", "unshare -r --net echo done").ordinary(),
    case(
        "mounts",
        "unshare --ro-bind @D/lower:@D/merged --tmpfs @D/empty --dev echo done",
    ),
    case("like", "unshare --like @T echo done"),
    case("kill-child", "unshare --pid --kill-child --fork echo done"),
    case("enter-net", "enter @T --net -- echo done"),
    case("enter-user", "enter @U -- echo done").ordinary(),
    case("ls", "ls"),
    case("ls-json", "ls --all --json"),
    case("ls-tree", "ls --tree --all"),
    case("ls-pids", "ls --pids --all"),
    case("ls-pid", "ls @T"),
    case("ls-deep", "ls --deep -t net"),
    case("why", "ls --why /proc/@T/ns/net"),
    case("pidmap", "pidmap @T"),
    case("pidmap-from", "pidmap -q --from @T 1"),
    case("pidmap-tree", "pidmap --tree --namespace-of @T"),
    case("idmap", "idmap @U"),
    case("idmap-file", "idmap --file @D/lower/file @U"),
    case("explain", "unshare -a --explain"),
    case("lsns", "--json").called("lsns"),
    case("strict-unshare", "-r -p -f --mount-proc echo done")
        .called("unshare")
        .ordinary(),
];
