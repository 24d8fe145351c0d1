//! A user's store cannot make root wait: the cost of a store is bounded, and nsx says if it stopped
//! reading.

use super::{
    stores::STORES,
    world::{AS_MAPPER, BUNDLE, CRUN, HOME, RUNTIME, Victim, World},
};
use crate::support::{Cgroups, Need, Session, Test, root, until};
use std::time::Duration;

pub(super) fn tests() -> Vec<Test> {
    let strace = Need::Tool("strace");
    vec![
        root(a_users_list_of_containers_costs_linear_time).needs([strace, Need::Tool("valgrind")]),
        root(a_users_list_of_100_000_containers_is_cut_off),
        root(a_directory_with_100_000_containers_is_cut_off).needs([strace]),
        root(a_fifo_instead_of_a_store_file_delays_nobody),
        root(a_hanging_file_system_of_a_user_delays_nobody).needs([Need::Fuse]),
        root(a_thousand_sockets_that_do_not_accept_delay_nobody),
        root(sparse_files_of_16_mib_are_cut_off).needs([strace]),
    ]
}

/// The directory of the user's podman with its list of containers.
const LIST: &str = "/var/lib/mapper/.local/share/containers/storage/overlay-containers";

/// Writes a list of `count` containers as the user.
fn list(world: &World<'_>, count: usize) {
    let perl = r#"my ($count, $file) = @ARGV; open(my $list, ">", $file) or die $!;
        print $list "[", join(",", map { sprintf('{"id":"%064x","names":["c%d"]}', $_ * 2654435761, $_) } 1 .. $count), "]";"#;
    let script = format!("mkdir -p {LIST}; exec perl -e \"$1\" {count} {LIST}/containers.json");
    world.mapper(&script).arg("sh").arg(perl).run().exited(0);
}

/// Commands of root that read all stores, each with its status.
const COMMANDS: [(&str, i32); 4] = [
    ("enter nosuch true", 125),
    ("pidmap --from nosuch 1", 1),
    ("ls", 0),
    ("__complete fish enter net", 0),
];

/// Runs each of the commands; each must end in time. Returns their messages about the user's store.
#[track_caller]
fn assert_nobody_waits(world: &World<'_>) -> String {
    let mut said = String::new();
    for (words, status) in COMMANDS {
        let process = world.host.command(&format!("nsx {words}")).start();
        let outcome = process.wait_for(Duration::from_secs(15)).exited(status);
        said += &String::from_utf8_lossy(&outcome.stderr);
    }
    said
}

fn a_users_list_of_containers_costs_linear_time(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let script =
        "valgrind --quiet --tool=callgrind --vgdb=no --callgrind-out-file=/run/count nsx __complete fish enter net \
        >/dev/null 2>&1
        sed -n 's/^totals: //p' /run/count
        strace --follow-forks --summary-only --output /run/count nsx __complete fish enter net >/dev/null 2>&1
        awk '$NF == \"total\" { print $4 }' /run/count";
    let cost = |count| {
        list(&world, count);
        let text = world.host.shell(script).output();
        text.lines()
            .map(|number| number.parse::<u64>().unwrap())
            .collect::<Vec<_>>()
    };
    let (none, some, twice) = (cost(0), cost(500), cost(1000));
    for (what, index) in [("instructions", 0), ("system calls", 1)] {
        let (some, twice) = (some[index] - none[index], twice[index] - none[index]);
        assert!(
            twice * 10 < some * 25,
            "{some} {what} for 500 containers, {twice} for 1000"
        );
    }
}

fn a_users_list_of_100_000_containers_is_cut_off(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    list(&world, 8_000);
    assert_nobody_waits(&world);
    list(&world, 100_000);
    let said = assert_nobody_waits(&world);
    assert!(said.contains("cut off"), "{said}");
}

/// The bytes and calls of a command, as the kernel counts them.
fn traced(world: &World<'_>) -> [u64; 2] {
    let script = "strace --follow-forks --output /run/trace nsx enter nosuch true >/dev/null 2>&1 \
    || :
        awk '/ read\\(|^read\\(/ && $NF > 0 { bytes += $NF } END { printf \"%.0f\\n%d\\n\", bytes, \
    NR }' /run/trace";
    let text = world.host.shell(script).output();
    let numbers: Vec<u64> = text.lines().map(|number| number.parse().unwrap()).collect();
    numbers.try_into().unwrap()
}

/// Checks that the cost of a command does not grow from one state to another.
#[track_caller]
fn assert_bounded(what: &str, before: [u64; 2], after: [u64; 2]) {
    for (name, before, after) in [
        ("bytes", before[0], after[0]),
        ("system calls", before[1], after[1]),
    ] {
        assert!(
            after * 10 < before * 12,
            "{what}: {before} {name}, and {after} for twice as many"
        );
    }
}

fn a_directory_with_100_000_containers_is_cut_off(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let fill = |from: usize, to: usize| {
        let perl = r#"my ($from, $to, $root) = @ARGV;
            for ($from .. $to) { my $name = "$root/c$_"; mkdir $name; open(my $status, ">", "$name/status") or die $!; print $status '{"pid":0}' }"#;
        let script =
            format!("mkdir -p {RUNTIME}/crun; exec perl -e \"$1\" {from} {to} {RUNTIME}/crun");
        world.mapper(&script).arg("sh").arg(perl).run().exited(0);
    };
    fill(1, 10_000);
    let before = traced(&world);
    fill(10_001, 20_000);
    assert_bounded("directories of containers", before, traced(&world));
    fill(20_001, 100_000);
    let said = assert_nobody_waits(&world);
    assert!(said.contains(&format!("{RUNTIME}/crun: cut off")), "{said}");
}

fn a_fifo_instead_of_a_store_file_delays_nobody(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let container = world.named(Victim::OwnContainer);
    let mut script = String::new();
    for file in STORES
        .iter()
        .filter(|store| !store.users.is_empty())
        .flat_map(|store| store.files(store.users, container))
    {
        let (directory, _) = file.path.rsplit_once('/').unwrap();
        script += &format!(
            "mkdir -p {directory}; [ -e {0} ] || mkfifo {0}\n",
            file.path
        );
    }
    for file in ["docker/daemon.json", "containers/storage.conf"] {
        script += &format!(
            "mkdir -p {HOME}/.config/{file}; rmdir {HOME}/.config/{file}; mkfifo \
            {HOME}/.config/{file}\n"
        );
    }
    world.mapper(&script).run().exited(0);
    assert_nobody_waits(&world);
    // A container that is named, and whose configuration is a FIFO.
    let script =
        format!("rm -r {RUNTIME}/crun; rm {BUNDLE}/config.json; mkfifo {BUNDLE}/config.json");
    world.mapper(&script).run().exited(0);
    world.crun(&format!("{RUNTIME}/crun"), "web", container);
    let enter = world
        .host
        .command("nsx enter oci:mapper@web -- readlink /proc/self/ns/mnt");
    assert_eq!(enter.output(), world.mounts(Victim::OwnContainer));
}

fn a_hanging_file_system_of_a_user_delays_nobody(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let record = world.named(Victim::RootsService).fill(CRUN);
    let system = format!("mkdir -p /run/crun/web; echo '{record}' >/run/crun/web/status");
    world.host.shell(&system).run().exited(0);
    let directories = [
        HOME.to_owned(),
        format!("{HOME}/.local"),
        format!("{HOME}/.config/docker"),
        format!("{HOME}/.local/share/docker/containers"),
        format!("{HOME}/.local/share/containers/storage"),
        RUNTIME.to_owned(),
        format!("{RUNTIME}/crun"),
        format!("{RUNTIME}/containerd/io.containerd.runtime.v2.task/default"),
        format!("{RUNTIME}/netns"),
    ];
    for directory in directories {
        world
            .host
            .shell(&format!("{AS_MAPPER} mkdir -p {directory}"))
            .run()
            .exited(0);
        let server = world.host.command("tests --hang").arg(&directory).start();
        until("the mount hangs", || server.stdout().ends_with(b"hung\n"));
        assert_nobody_waits(&world);
        let enter = world
            .host
            .command("nsx enter web -- readlink /proc/self/ns/mnt")
            .start();
        let enter = enter.wait_for(Duration::from_secs(15)).exited(0);
        assert_eq!(
            enter.text(),
            world.mounts(Victim::RootsService),
            "{directory}"
        );
        // Root is told why nothing was found in the user's store. A directory of network namespaces
        // is not a store.
        let script = "for store in docker podman oci containerd; do nsx enter $store:mapper@web \
        true || :; done";
        let asked = world
            .host
            .shell(script)
            .start()
            .wait_for(Duration::from_secs(15))
            .exited(0);
        let words: &[_] = if directory.ends_with("netns") {
            &[]
        } else {
            &["FUSE", &directory]
        };
        asked.says(words);
        drop(server);
        world
            .host
            .command("umount --lazy")
            .arg(&directory)
            .run()
            .exited(0);
    }
}

/// Listens on 250 abstract sockets of containers, and fills the queue of each.
const SOCKETS: &str = r#"
    use Socket; use Fcntl; $| = 1;
    my ($directory, $first) = @ARGV; my @open;
    for my $number ($first .. $first + 249) {
        my $address = pack("S a*", AF_UNIX, "\0$directory/c$number/command");
        socket(my $listener, AF_UNIX, SOCK_STREAM, 0) or die $!;
        bind($listener, $address) or die $!; listen($listener, 0) or die $!;
        socket(my $client, AF_UNIX, SOCK_STREAM, 0) or die $!;
        fcntl($client, F_SETFL, O_NONBLOCK); connect($client, $address) or die $!;
        push @open, $listener, $client;
    }
    print "full\n"; sleep(1000);"#;

fn a_thousand_sockets_that_do_not_accept_delay_nobody(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    let home = format!("{HOME}/.local/share/lxc");
    world
        .mapper(&format!(
            "mkdir -p {home}; cd {home}; mkdir $(seq -f c%.0f 1000); for c in *; do echo \
            >$c/config; done"
        ))
        .run()
        .exited(0);
    for directory in [&home[..], "/var/lib/lxc"] {
        let fill = |first: usize| {
            let command = world
                .host
                .command(&format!("{AS_MAPPER} perl -e"))
                .arg(SOCKETS);
            command.arg(directory).arg(first.to_string()).start()
        };
        let servers = [1, 251, 501, 751].map(fill);
        for server in &servers {
            server.line();
        }
        assert_nobody_waits(&world);
    }
}

fn sparse_files_of_16_mib_are_cut_off(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    for (directory, file) in [
        (
            format!("{HOME}/.local/share/docker/containers"),
            "config.v2.json",
        ),
        (format!("{RUNTIME}/crun"), "status"),
        (
            format!("{RUNTIME}/containerd/io.containerd.runtime.v2.task/default"),
            "config.json",
        ),
    ] {
        let fill = |from: usize, to: usize| {
            let script = format!(
                "for number in $(seq -f %.0f {from} {to}); do
                    id=$(printf %064x $number); mkdir -p {directory}/$id; truncate -s 16M \
                {directory}/$id/{file}
                done"
            );
            world.mapper(&script).run().exited(0);
        };
        fill(1, 40);
        let before = traced(&world);
        fill(41, 80);
        assert_bounded(file, before, traced(&world));
        let said = assert_nobody_waits(&world);
        assert!(
            said.contains(&directory) && said.contains("cut off"),
            "{said}"
        );
        world.mapper(&format!("rm -r {directory}")).run().exited(0);
    }
}
