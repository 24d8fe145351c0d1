//! `nsx unshare --link pasta`, `slirp4netns` and `move`: links that a program or the host lends.
//!
//! Each test has a network of its own that stands for the host's, and a /dev/net/tun that its user
//! may open.

use crate::support::{Command, Need, Session, Test, both};

pub(crate) fn tests() -> Vec<Test> {
    let programs = [Need::Tool("pasta"), Need::Tool("slirp4netns")];
    vec![
        both(an_uplink_reaches_the_host_and_ends_with_the_program).needs(programs),
        both(an_uplink_publishes_a_port).needs(programs),
        both(an_uplink_ends_with_the_set).needs(programs),
        both(a_resolver_that_answers_is_named_inside).needs(programs),
        both(an_uplink_ends_when_nsx_is_killed).needs(programs),
        both(a_missing_program_or_device_is_told_how).needs(programs),
        both(a_moved_interface_comes_back),
        both(a_moved_interface_comes_back_from_a_set),
        both(an_interface_that_cannot_move_is_refused),
        both(a_kernel_without_ipvlan_is_named),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("ip"), Need::Tool("busybox")]))
    .collect()
}

/// A network with a default route, and functions that tests need.
const SCRIPT: &str = "
mount -t tmpfs tmpfs /run
mkdir /run/here; cd /run/here
ip link set lo up
ip link add d0 type veth peer name d1
ip addr add 192.0.2.2/24 dev d0
ip link set d0 up
ip link set d1 up
ip route add default via 192.0.2.1
mkfifo ready
export XDG_RUNTIME_DIR=/run
# Prints the uplinks that run, after a moment for those that are ending.
uplinks() { cat /proc/[0-9]*/comm 2>/dev/null | grep -e '^pass*t' -e '^pasta' -e '^slirp4netns' || :; }
left() { for attempt in $(seq 100); do [ \"$(uplinks)\" = '' ] && break; sleep 0.05; done; uplinks; }
listening() { port=$1; shift; until \"$@\" ss -Htln | grep -q \":$port \"; do sleep 0.05; done; }
";

/// A shell with a network, a /run and a /dev/net/tun of its own.
fn host(session: &Session, script: &str) -> Command {
    let map = session.map_root();
    session
        .command_with_tun(&format!(
            "unshare {map}--mount --net --pid --fork --mount-proc --kill-child sh -ec"
        ))
        .arg(format!("{SCRIPT}{script}"))
        .directory(session.directory())
}

/// Runs a script with each program in the variable `uplink`, and checks that both print the same.
fn both_print(session: &Session, script: &str, expected: &str) {
    for uplink in ["pasta", "slirp4netns"] {
        let output = host(session, &format!("uplink={uplink}\n{script}")).output();
        assert_eq!(output, expected, "{uplink}");
    }
}

fn an_uplink_reaches_the_host_and_ends_with_the_program(session: &Session) {
    let script = "
        busybox nc -ll -p 7777 -e echo hello & server=$!
        listening 7777 env
        for user in '' -r; do
            # The host is the router of pasta's network, and 10.0.2.2 in that of slirp4netns.
            nsx unshare $user --link $uplink,mtu=1400 sh -ec '
                ip -4 route show default | grep -o \"dev .*\" | cut -d \" \" -f 1,2
                ip link show eth0 | grep -o -e \"state U[A-Z]*\"
                set -- $(ip -4 route show default)
                for attempt in $(seq 20); do
                    # A connection of which one end has ended is not kept by pasta.
                    answer=$(sleep 1 | timeout 2 busybox nc $3 7777 | head -n 1)
                    [ \"$answer\" = hello ] && echo hello && break
                    sleep 0.1
                done'
            left
        done
        kill $server";
    let once = "dev eth0\nstate UNKNOWN\nhello";
    both_print(session, script, &format!("{once}\n{once}"));
}

fn an_uplink_publishes_a_port(session: &Session) {
    let script = "
        nsx unshare --link $uplink --publish 8080:80 busybox nc -ll -p 80 -e echo inside &
        listening 8080 env
        for attempt in $(seq 50); do
            [ \"$(busybox nc -w 5 127.0.0.1 8080 </dev/null)\" = inside ] && echo inside && break
            sleep 0.1
        done
        nsx unshare --link $uplink --publish 8080:80 true 2>error || echo $?
        grep -o 'port 8080 is in use' error
        kill $!
        left";
    both_print(session, script, "inside\n125\nport 8080 is in use");
}

fn an_uplink_ends_with_the_set(session: &Session) {
    let script = "
        nsx unshare --name web --link $uplink --publish 8080:80
        nsx enter web ip -br link | grep -c eth0
        [ \"$(uplinks)\" ] && echo runs
        nsx rm lab:web
        left
        nsx unshare --name web --link $uplink --publish 8080:80
        kill -9 $(sed -n s/^pid=//p /run/nsx/web)
        until ! nsx enter lab:web true 2>/dev/null; do sleep 0.05; done
        nsx unshare --name web --uts
        left
        nsx rm lab:web
        ls -A /run/nsx";
    both_print(session, script, "1\nruns");
}

fn a_resolver_that_answers_is_named_inside(session: &Session) {
    let script = "
        echo 'nameserver 127.0.0.53' >resolv.conf
        mount --bind resolv.conf /etc/resolv.conf
        nsx unshare --link $uplink grep -v -e '^#' /etc/resolv.conf | sed 's/ [0-9].*/ an address/'
        nsx unshare --link $uplink grep -c 127.0.0.53 /etc/resolv.conf || :
        cat /etc/resolv.conf";
    both_print(
        session,
        script,
        "nameserver an address\n0\nnameserver 127.0.0.53",
    );
}

fn an_uplink_ends_when_nsx_is_killed(session: &Session) {
    let script = "
        nsx unshare --link $uplink sh -c 'echo >ready; sleep 100' &
        read word <ready
        [ \"$(uplinks)\" ] && echo runs
        kill -9 $!
        left";
    both_print(session, script, "runs");
}

fn a_missing_program_or_device_is_told_how(session: &Session) {
    for (uplink, package) in [("pasta", "passt"), ("slirp4netns", "slirp4netns")] {
        let script = format!(
            "program=$(command -v {uplink})
            mount --bind /dev/null $program
            nsx unshare --link {uplink} true || echo $?
            umount $program
            mount -t tmpfs tmpfs /dev/net
            nsx unshare --link {uplink} true || echo $?"
        );
        let outcome = host(session, &script).run().exited(0);
        let program = format!("there is no program {uplink}");
        let install = format!("apt install {package}");
        let outcome = outcome.says(&[&program, &install, "/dev/net/tun", "modprobe tun"]);
        assert_eq!(outcome.text(), "125\n125", "{uplink}");
    }
}

/// Says whether d1 is here, and whether it is set up.
const INTERFACES: &str = "
case $(ip -o link show d1 2>/dev/null) in
    '') echo none;;
    *[\\<,]UP[,\\>]*) echo d1 UP;;
    *) echo d1 DOWN;;
esac";

fn a_moved_interface_comes_back(session: &Session) {
    let script = format!(
        "nsx unshare --link move:d1,addr=192.0.2.1/24 sh -ec '
            ip -br -4 addr show d1 | tr -s \" \" | cut -d \" \" -f 3
            busybox ping -c 1 -W 5 192.0.2.2 >/dev/null && echo answered'
        {INTERFACES}
        nsx unshare --link move:d1,name=wan sh -c 'ip link show wan >/dev/null; kill -9 $$' || echo $?
        {INTERFACES}
        nsx unshare --link move:d1 nosuch-program 2>/dev/null || echo $?
        {INTERFACES}
        nsx unshare --link move:d1 sh -c 'echo >ready; sleep 100' &
        read word <ready
        {INTERFACES}
        kill -9 $!
        until ip link show d1 >/dev/null 2>&1; do sleep 0.05; done
        sleep 0.1
        {INTERFACES}"
    );
    assert_eq!(
        host(session, &script).output(),
        "192.0.2.1/24\nanswered\nd1 UP\n137\nd1 UP\n127\nd1 UP\nnone\nd1 UP"
    );
}

fn a_moved_interface_comes_back_from_a_set(session: &Session) {
    let script = format!(
        "ip link set d1 down
        nsx unshare --name web --link move:d1
        {INTERFACES}
        nsx rm lab:web
        {INTERFACES}
        nsx unshare --explain --link move:d1 | grep -c 'comes back'
        ls -A /run/nsx"
    );
    assert_eq!(host(session, &script).output(), "none\nd1 DOWN\n1");
}

fn an_interface_that_cannot_move_is_refused(session: &Session) {
    for (interface, cause) in [
        ("lo", "lo cannot leave"),
        ("br0", "br0 cannot leave"),
        ("eth9", "there is no interface eth9"),
    ] {
        let script = format!(
            "ip link add br0 type bridge
            nsx unshare --link move:{interface} true || echo $?"
        );
        let outcome = host(session, &script).run().exited(0);
        assert_eq!(outcome.says(&[cause]).text(), "125");
    }
}

fn a_kernel_without_ipvlan_is_named(session: &Session) {
    // `ip` says whether this kernel has it.
    let script = "
        if ip link add i0 link d0 type ipvlan 2>/dev/null; then
            ip link del i0
            nsx unshare --link ipvlan:d0,addr=192.0.2.3/24 ip -d link show eth0 | grep -o 'ipvlan  *mode l2'
        else
            nsx unshare --link ipvlan:d0 true 2>error || echo $?
            grep -c 'no driver for ipvlan links' error
        fi";
    let output = host(session, script).output();
    assert!(
        output == "125\n1" || output.starts_with("ipvlan"),
        "{output}"
    );
}
