//! LXC keeps no record of a process: a listening monitor says which process it is. Any user may
//! listen under any abstract name and have any title.

use super::world::{AS_MAPPER, HOME, Victim, World};
use crate::support::{Cgroups, Process, Session, Test, procfs, root};

pub(super) fn tests() -> Vec<Test> {
    vec![
        root(only_a_monitor_of_root_speaks_for_a_system_container),
        root(no_process_title_makes_a_process_a_monitor),
        root(a_users_monitor_leads_only_to_that_users_container),
        root(a_directory_that_a_user_can_replace_holds_no_system_container),
    ]
}

/// Listens as the monitor of the container in the directory `$1`, and answers that its first
/// process is `$2`.
const MONITOR: &str = r#"
    use Socket; $| = 1;
    my ($directory, $pid) = @ARGV;
    socket(my $listener, AF_UNIX, SOCK_STREAM, 0) or die $!;
    bind($listener, pack("S a*", AF_UNIX, "\0$directory/command")) or die $!;
    listen($listener, 8) or die $!;
    print "listens\n";
    while (accept(my $client, $listener)) {
        sysread($client, my $request, 16);
        syswrite($client, pack("l l q", 0, 0, $pid));
    }"#;

/// A monitor of root, or of another user if `user` has words that change the user.
fn monitor(world: &World<'_>, user: &str, directory: &str, pid: u32) -> Process {
    let command = world.host.command(format!("{user} perl -e").trim_start());
    let process = command
        .arg(MONITOR)
        .arg(directory)
        .arg(pid.to_string())
        .start();
    process.line();
    process
}

/// The mount namespace of a program that enters `word`, or that nsx refused.
fn entered(world: &World<'_>, word: &str) -> String {
    let enter = world
        .host
        .command(&format!("nsx enter {word} -- readlink /proc/self/ns/mnt"))
        .run();
    if enter.status() == "exit status: 0" {
        return enter.text().rsplit(' ').next().unwrap().to_owned();
    }
    enter.exited(125);
    "refused".into()
}

fn container(world: &World<'_>, directory: &str) {
    let script = format!("mkdir -p {directory}; echo lxc.uts.name = web >{directory}/config");
    world.host.shell(&script).run().exited(0);
}

fn only_a_monitor_of_root_speaks_for_a_system_container(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let directory = "/var/lib/lxc/web";
    for has_directory in [false, true] {
        if has_directory {
            container(&world, directory);
        }
        for victim in [
            Victim::RootsService,
            Victim::OwnService,
            Victim::OwnContainer,
        ] {
            let _listens = monitor(&world, AS_MAPPER, directory, world.named(victim).pid);
            for word in ["web", "lxc:web", "--all-of lxc:*", "lxc:mapper@web"] {
                assert_eq!(entered(&world, word), "refused", "{word}, {victim:?}");
            }
        }
    }
    let _listens = monitor(&world, "", directory, world.named(Victim::RootsService).pid);
    for word in ["web", "lxc:web", "--all-of lxc:*"] {
        assert_eq!(
            entered(&world, word),
            world.mounts(Victim::RootsService),
            "{word}"
        );
    }
}

/// Listens as the monitor of the container `web` in the directory `$1`, with its title and a child
/// that becomes a `sleep` by the other words.
const TITLE: &str = r#"
    use Socket; $| = 1;
    socket(my $listener, AF_UNIX, SOCK_STREAM, 0) or die $!;
    bind($listener, pack("S a*", AF_UNIX, "\0$ARGV[0]/web/command")) or die $!;
    listen($listener, 8) or die $!;
    my ($directory, @start) = @ARGV;
    my $child = fork() // die $!;
    if (!$child) { exec(@start, "sleep", "1000"); }
    $0 = "[lxc monitor] $directory web";
    print "$child\n";
    sleep(1000);"#;

/// Commands that make a monitor the user's: in a service with a mount namespace of its own, and in
/// the user's container.
fn starts() -> [String; 2] {
    [
        format!("unshare --mount {AS_MAPPER}"),
        format!("{AS_MAPPER} unshare --user --map-root-user --mount"),
    ]
}

fn no_process_title_makes_a_process_a_monitor(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    container(&world, "/var/lib/lxc/web");
    for start in starts() {
        let monitor = world
            .host
            .command(&format!("{start} perl -e"))
            .arg(TITLE)
            .arg("/var/lib/lxc")
            .start();
        monitor.line();
        for word in ["web", "lxc:web", "--all-of lxc:*"] {
            assert_eq!(entered(&world, word), "refused", "{word} and {start}");
        }
    }
}

fn a_users_monitor_leads_only_to_that_users_container(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let home = format!("{HOME}/.local/share/lxc");
    world
        .mapper(&format!("mkdir -p {home}/web; echo >{home}/web/config"))
        .run()
        .exited(0);
    for victim in Victim::ALL
        .into_iter()
        .filter(|victim| *victim != Victim::OwnContainer)
    {
        let _listens = monitor(
            &world,
            AS_MAPPER,
            &format!("{home}/web"),
            world.named(victim).pid,
        );
        for word in [
            "web",
            "lxc:web",
            "--all-of lxc:*",
            "lxc:mapper@web",
            "--all-of lxc:mapper@*",
        ] {
            assert_eq!(entered(&world, word), "refused", "{word}, {victim:?}");
        }
    }
    // The monitor is outside the container, whose first process is its child.
    let [service, _] = starts();
    for (start, is_container) in [(AS_MAPPER, true), (&service, false)] {
        let monitor = world
            .host
            .command(&format!("{start} perl -e"))
            .arg(TITLE)
            .arg(&home);
        let monitor = monitor
            .args(if is_container {
                "unshare --user --map-root-user --mount"
            } else {
                "env"
            })
            .start();
        monitor.line();
        let expected = if is_container {
            procfs::ns(monitor.program("sleep").id(), "mnt")
        } else {
            "refused".into()
        };
        for word in ["lxc:mapper@web", "--all-of lxc:mapper@*"] {
            assert_eq!(entered(&world, word), expected, "{word}");
        }
        for word in ["web", "lxc:web", "--all-of lxc:*"] {
            assert_eq!(entered(&world, word), "refused", "{word}");
        }
    }
}

fn a_directory_that_a_user_can_replace_holds_no_system_container(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let ways = [
        (
            "a link to the user's home",
            format!("mkdir {HOME}/lxc; rmdir /var/lib/lxc; ln -s {HOME}/lxc /var/lib/lxc"),
        ),
        (
            "a link to a group's directory",
            "mkdir /run/team/lxc; rm /var/lib/lxc; ln -s /run/team/lxc /var/lib/lxc".into(),
        ),
        (
            "a configured path",
            "mkdir -p /etc/lxc; rm /var/lib/lxc; mkdir /var/lib/lxc
            echo lxc.lxcpath = /run/team/lxc >/etc/lxc/lxc.conf"
                .into(),
        ),
    ];
    for (what, change) in ways {
        world.host.shell(&change).run().exited(0);
        // The monitor names the configured directory.
        let directory = if what == "a configured path" {
            "/run/team/lxc"
        } else {
            "/var/lib/lxc"
        };
        container(&world, &format!("{directory}/web"));
        for start in starts() {
            let monitor = world
                .host
                .command(&format!("{start} perl -e"))
                .arg(TITLE)
                .arg(directory)
                .start();
            monitor.line();
            for word in ["web", "lxc:web", "--all-of lxc:*"] {
                assert_eq!(
                    entered(&world, word),
                    "refused",
                    "{word}, {what} and {start}"
                );
            }
        }
    }
}
