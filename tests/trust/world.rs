//! A host with users who want root to run their code, and with the processes that their records
//! name.

use crate::support::{Cgroups, Command, Host, Process, Session};

/// The name of each container that a test invents.
pub(super) const NAME: &str = "web";
/// Its id, for engines that give ids.
pub(super) const ID: &str = "abababababababababababababababababababababababababababababababab";
/// The home directory and the runtime directory of the user `mapper`.
pub(super) const HOME: &str = "/var/lib/mapper";
pub(super) const RUNTIME: &str = "/run/user/4242";
/// A directory of that user with an OCI configuration, and one with the programs that it names.
pub(super) const BUNDLE: &str = "/var/lib/mapper/bundle";
pub(super) const EVIL: &str = "/var/lib/evil";
/// A directory that only user 0 of the host can write to.
const MARKS: &str = "/run/marks";

/// A process that a record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Victim {
    /// A service of root with a mount namespace of its own, as with PrivateTmp=.
    RootsService,
    /// A service of another user.
    AdasService,
    /// A service that runs as the user whose record it is.
    OwnService,
    /// A container of another user.
    AdasContainer,
    /// The user's own user namespace in a mount namespace of root's.
    OwnUserInRootsMounts,
    /// The user's own user namespace, and a mount namespace that belongs to it.
    OwnContainer,
}

impl Victim {
    pub(super) const ALL: [Self; 6] = [
        Self::RootsService,
        Self::AdasService,
        Self::OwnService,
        Self::AdasContainer,
        Self::OwnUserInRootsMounts,
        Self::OwnContainer,
    ];

    /// The command that becomes it.
    fn command(self) -> String {
        let container = "unshare --user --map-root-user --mount sleep 1000";
        match self {
            Self::RootsService => "unshare --mount sleep 1000".into(),
            Self::AdasService => format!("unshare --mount {AS_ADA} sleep 1000"),
            Self::OwnService => format!("unshare --mount {AS_MAPPER} sleep 1000"),
            Self::AdasContainer => format!("{AS_ADA} {container}"),
            Self::OwnUserInRootsMounts => {
                format!("unshare --mount {AS_MAPPER} unshare --user --map-root-user sleep 1000")
            }
            Self::OwnContainer => format!("{AS_MAPPER} {container}"),
        }
    }
}

/// Words that run a command as a user.
pub(super) const AS_MAPPER: &str = "setpriv --reuid=4242 --regid=4242 --clear-groups --";
pub(super) const AS_ADA: &str = "setpriv --reuid=4343 --regid=4343 --clear-groups --";

/// The users, their directories, and the code that root must not run: a program in PATH and a
/// library for LD_PRELOAD, each of which leaves a mark that only user 0 of the host can make.
const PREPARE: &str = r#"
    mkdir -p /run/tmp "/run/tmp/$1"; mount -t tmpfs -o mode=1777 tmpfs /run/tmp
    case $1 in /tmp/*) mkdir -p "/run$1"; mount --bind "$1" "/run$1";; esac
    mount --rbind /run/tmp /tmp
    echo ada:x:4343:4343::/var/lib/ada:/bin/sh >>/etc/passwd
    printf '%s\n' ada:x:4343: team:x:5000:mapper,ada >>/etc/group
    install -d -o 4343 -g 4343 -m 755 /var/lib/ada /run/user/4343
    install -d -o 4242 -g 4242 -m 755 /var/lib/evil /var/lib/mapper/bundle
    install -d -g 5000 -m 2775 /run/team
    mkdir -m 700 /run/marks
    echo "$2" >/var/lib/evil/library.c
    cc -shared -fPIC -o /var/lib/evil/library.so /var/lib/evil/library.c
    printf '%s\n' '#!/bin/sh' 'echo run >>/run/marks/program' 'exec /bin/readlink "$@"' >/var/lib/evil/readlink
    chmod 755 /var/lib/evil/readlink
    echo "$3" >/var/lib/mapper/bundle/config.json
    chown -R 4242:4242 /var/lib/evil /var/lib/mapper"#;

const LIBRARY: &str = r#"
    #include <fcntl.h>
    __attribute__((constructor)) static void run(void) { open("/run/marks/library", O_CREAT | O_WRONLY, 0600); }"#;

/// The `config.json` of a user who wants to be root, with these annotations.
pub(super) fn config(annotations: &str) -> String {
    let capabilities =
        "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER SETUID SETGID SYS_PTRACE SYS_ADMIN";
    let capabilities: Vec<_> = capabilities
        .split(' ')
        .map(|name| format!("\"CAP_{name}\""))
        .collect();
    let capabilities = ["bounding", "effective", "permitted", "inheritable"]
        .map(|set| format!("\"{set}\":[{}]", capabilities.join(",")))
        .join(",");
    format!(
        r#"{{"ociVersion":"1.0.2","process":{{"user":{{"uid":0,"gid":0}},"cwd":"/","capabilities":{{{capabilities}}},
        "env":["PATH={EVIL}:/usr/bin:/bin","LD_PRELOAD={EVIL}/library.so"]}},"annotations":{{{annotations}}}}}"#
    )
}

/// A process in the form of a record.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Named {
    pub(super) pid: u32,
    /// The start of the process, in clock ticks since the boot.
    start: u64,
    /// The inode of its pidfd.
    inode: u64,
}

impl Named {
    /// The facts about a process of the host.
    pub(super) fn of(host: &Host, pid: u32) -> Self {
        let look = r#"my ($pid) = @ARGV; open(my $stat, "<", "/proc/$pid/stat") or die $!; <$stat> =~ /.*\) (.*)/;
            my $pidfd = syscall(434, $pid + 0, 0); open(my $process, "<&=", $pidfd) or die $!;
            print((split(/ /, $1))[19], " ", (stat($process))[1])"#;
        let found = host
            .command("perl -e")
            .arg(look)
            .arg(pid.to_string())
            .output();
        let (start, inode) = found.split_once(' ').unwrap();
        Self {
            pid,
            start: start.parse().unwrap(),
            inode: inode.parse().unwrap(),
        }
    }

    /// A text with `{PID}`, `{START}` and `{INODE}` replaced by the process's values.
    pub(super) fn fill(&self, text: &str) -> String {
        let Self { pid, start, inode } = self;
        text.replace("{PID}", &pid.to_string())
            .replace("{START}", &start.to_string())
            .replace("{INODE}", &inode.to_string())
            .replace("{BUNDLE}", BUNDLE)
    }
}

/// The records of runc and crun about a container's process.
pub(super) const RUNC: &str = r#"{"init_process_pid":{PID},"init_process_start":{START},"config":{"labels":["bundle={BUNDLE}"]}}"#;
pub(super) const CRUN: &str = r#"{"pid":{PID},"process-start-time":{START},"bundle":"{BUNDLE}"}"#;

/// The host, with a victim of each kind.
pub(super) struct World<'a> {
    pub(super) host: Host<'a>,
    victims: Vec<(Victim, Named)>,
    _running: Process,
}

impl<'a> World<'a> {
    #[track_caller]
    pub(super) fn new(session: &'a Session<'_>, cgroups: Cgroups) -> Self {
        let host = Host::new(session, cgroups);
        let place = session.directory().parent().unwrap();
        host.shell(PREPARE)
            .arg("sh")
            .arg(place)
            .arg(LIBRARY)
            .arg(config(""))
            .run()
            .exited(0);
        let commands = Victim::ALL
            .map(|victim| format!("{} & pids=\"$pids $!\"", victim.command()))
            .join("; ");
        let script = format!(
            "{commands}; for pid in $pids; do
                until [ \"$(cat /proc/$pid/comm)\" = sleep ]; do sleep 0.01; done
            done; echo $pids; sleep 1000"
        );
        let running = host.shell(&script).start();
        let pids = running.line();
        let named = pids
            .split_whitespace()
            .map(|pid| Named::of(&host, pid.parse().unwrap()));
        let victims = Victim::ALL.into_iter().zip(named).collect();
        let world = Self {
            host,
            victims,
            _running: running,
        };
        world.assert_the_marks_tell();
        world
    }

    /// Checks that the user's code is noticed if root runs it.
    #[track_caller]
    fn assert_the_marks_tell(&self) {
        let run = format!(
            "env PATH={EVIL}:/bin LD_PRELOAD={EVIL}/library.so readlink /proc/self/ns/user"
        );
        self.host.command(&run).run().exited(0);
        assert_eq!(self.marks(), "library\nprogram");
    }

    /// Returns the parts of the user's code that ran as user 0 of the host since the last call.
    #[track_caller]
    pub(super) fn marks(&self) -> String {
        self.host
            .shell(&format!("ls {MARKS}; rm -f {MARKS}/*"))
            .output()
    }

    /// Returns the facts about a victim.
    pub(super) fn named(&self, victim: Victim) -> Named {
        self.victims
            .iter()
            .find(|(other, _)| *other == victim)
            .unwrap()
            .1
    }

    /// The mount namespace of a victim.
    pub(super) fn mounts(&self, victim: Victim) -> String {
        crate::support::procfs::ns(self.host.process(self.named(victim).pid), "mnt")
    }

    /// Writes a record of crun's as the user `mapper`, below a directory of the user's.
    #[track_caller]
    pub(super) fn crun(&self, directory: &str, name: &str, process: Named) {
        let script = format!(
            "mkdir -p {directory}/{name}; echo '{}' >{directory}/{name}/status",
            process.fill(CRUN)
        );
        self.mapper(&script).run().exited(0);
    }

    /// Runs a script as the user `mapper`.
    pub(super) fn mapper(&self, script: &str) -> Command {
        self.host.mapper("sh -ec").arg(script)
    }
}
