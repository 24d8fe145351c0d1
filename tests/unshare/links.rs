//! `nsx unshare --link`: cables into the new network, compared with those that `ip` makes.
//!
//! Each test has a network of its own that stands for the host's.

use crate::support::{Command, Need, Session, Test, both, ordinary, root};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    let need_ip = [Need::Namespaces, Need::Tool("ip")];
    let need_busybox = [Need::Tool("busybox")];
    vec![
        both(a_cable_to_a_bridge_is_the_one_that_ip_makes).needs(need_ip),
        both(packets_and_streams_cross_a_cable)
            .needs(need_ip)
            .needs(need_busybox),
        both(a_link_alone_has_an_address_and_a_route_through_the_own_bridge)
            .needs(need_ip)
            .needs(need_busybox),
        both(two_programs_on_the_own_bridge_reach_each_other)
            .needs(need_ip)
            .needs(need_busybox),
        both(the_own_bridge_takes_a_network_that_nothing_uses).needs(need_ip),
        both(two_macvlans_on_one_parent_reach_each_other)
            .needs(need_ip)
            .needs(need_busybox),
        both(several_links_have_names_in_order).needs(need_ip),
        both(a_failure_leaves_no_link_and_no_bridge).needs(need_ip),
        both(the_end_of_the_program_takes_both_ends_away).needs(need_ip),
        both(a_kill_at_any_step_leaves_no_link_and_no_bridge)
            .needs(need_ip)
            .needs([Need::Tool("strace")])
            .alone(),
        both(a_plan_is_printed_and_nothing_is_made).needs(need_ip),
        both(wrong_links_are_refused_before_anything_is_made).needs(need_ip),
        ordinary(a_user_without_the_capability_is_told),
        root(a_user_namespace_of_its_own_can_be_linked).needs(need_ip),
    ]
}

/// A shell whose network stands for the host's.
fn host(session: &Session, script: &str) -> Command {
    let map = session.map_root();
    session
        .command(&format!("unshare {map}--net sh -ec"))
        .arg(format!("ip link set lo up\n{script}"))
}

/// A script that prints the links, addresses and routes of a network, without what differs from one
/// to the next.
const STATE: &str = r"
sleep 0.2 # until the links are running
ip -d -o link show eth0 | grep -o -e 'mtu [0-9]*' -e 'state [A-Z]*' -e ' veth '
ip -br -4 addr | sed 's/@[^ ]*//'
ip -o -6 addr show scope global | sed 's/^[0-9]*: *//; s/\\.*//; s/ nodad//'
ip -4 route | sed 's/ proto [a-z]*//g'
ip -6 route show default | sed 's/ proto [a-z]*//g; s/ pref.*//'
";

fn a_cable_to_a_bridge_is_the_one_that_ip_makes(session: &Session) {
    std::fs::write(session.path("state"), STATE).unwrap();
    let by_hand = host(
        session,
        "mkfifo ready go
        ip link add br0 type bridge
        ip addr add 10.0.0.1/24 dev br0
        ip addr add fd00::1/64 dev br0 nodad
        ip link set br0 up
        unshare --net sh -ec 'echo $$ >ready; read word <go; sh state' >inside &
        read pid <ready
        ip link add veth-host type veth peer name eth0 netns $pid
        ip link set veth-host master br0 up
        inside() { nsenter --target $pid --net ip $@; }
        inside link set lo up
        inside addr add 10.0.0.2/24 broadcast + dev eth0
        inside addr add fd00::2/64 dev eth0 nodad
        inside link set eth0 up
        inside route add default via 10.0.0.1
        inside route add default via fd00::1
        echo >go
        wait
        cat inside
        ip -br -4 addr show br0 | tr -s ' ' | cut -d ' ' -f 1,3",
    );
    let expected = by_hand.directory(session.directory()).output();
    assert!(expected.contains("default via 10.0.0.1"), "{expected}");
    let with_nsx = host(
        session,
        "nsx unshare --link veth,peer=veth-host,bridge=br0,create,\
addr=10.0.0.2/24,addr=fd00::2/64,gw=10.0.0.1,gw=fd00::1 sh state
        ip -br -4 addr show br0 | tr -s ' ' | cut -d ' ' -f 1,3",
    );
    let made = with_nsx.directory(session.directory()).output();
    assert_eq!(made, expected);
}

fn packets_and_streams_cross_a_cable(session: &Session) {
    let script = "
        nsx unshare --link veth,addr=10.9.0.2/24,gw=10.9.0.1,addr=fd09::2/64,gw=fd09::1 sh -ec '
            busybox ping -c 1 -W 5 10.9.0.1 >/dev/null && echo answered
            busybox ping -6 -c 1 -W 5 fd09::1 >/dev/null && echo answered
            until echo over the cable | busybox nc -w 5 10.9.0.1 7777; do sleep 0.1; done' &
        mkfifo open
        # A server whose input has ended hangs up before the client has written.
        busybox nc -l -p 7777 <>open
        wait";
    assert_eq!(
        host(session, script)
            .directory(session.directory())
            .output(),
        "answered\nanswered\nover the cable"
    );
}

fn a_link_alone_has_an_address_and_a_route_through_the_own_bridge(session: &Session) {
    let script = "
        nsx unshare --link veth sh -ec '
            set -- $(ip -4 route show default); echo $1 $2 $4 $5
            busybox ping -c 1 -W 5 $3 >/dev/null && echo answered
            ip -br -4 addr show eth0 | sed \"s/.* 10.213.*[.].*\\/16 */an address/\"'
        ip -o link | cut -d ' ' -f 2";
    // The bridge goes with its last port.
    assert_eq!(
        host(session, script).output(),
        "default via dev eth0\nanswered\nan address\nlo:"
    );
}

fn two_programs_on_the_own_bridge_reach_each_other(session: &Session) {
    let script = "
        mkfifo ready go
        nsx unshare --link veth sh -ec 'ip -br -4 addr show eth0 >ready; read word <go' &
        read name state address <ready
        nsx unshare --link veth busybox ping -c 1 -W 5 ${address%/*} >/dev/null && echo answered
        echo >go
        wait";
    let answered = host(session, script).directory(session.directory());
    assert_eq!(answered.output(), "answered");
}

fn the_own_bridge_takes_a_network_that_nothing_uses(session: &Session) {
    let script = "
        ip link add d0 type veth peer name d1
        ip addr add 10.213.7.7/24 dev d0
        ip link set d0 up
        ip route add 10.214.0.0/15 dev d0
        mkfifo ready go
        nsx unshare --link veth sh -c 'echo >ready; read word <go' &
        read word <ready
        ip -br -4 addr show nsx0 | tr -s ' ' | cut -d ' ' -f 3
        ip addr add 10.217.0.1/16 dev d0
        nsx unshare --link veth ip -br -4 route show default | cut -d ' ' -f 3
        echo >go
        wait";
    // A bridge that is there keeps its network.
    let networks = host(session, script).directory(session.directory());
    assert_eq!(networks.output(), "10.216.0.1/16\n10.216.0.1");
}

fn two_macvlans_on_one_parent_reach_each_other(session: &Session) {
    let script = "
        ip link add d0 type veth peer name d1
        ip link set d0 up
        ip link set d1 up
        mkfifo ready go
        nsx unshare --link macvlan:d0,addr=10.9.0.2/24 sh -ec 'echo >ready; read word <go' &
        read word <ready
        nsx unshare --link macvlan:d0,name=lan,addr=10.9.0.3/24 sh -ec '
            ip -d -o link show lan | grep -o \"macvlan mode bridge\"
            busybox ping -c 1 -W 5 10.9.0.2 >/dev/null && echo answered'
        echo >go
        wait";
    let answered = host(session, script).directory(session.directory());
    assert_eq!(answered.output(), "macvlan mode bridge\nanswered");
}

fn several_links_have_names_in_order(session: &Session) {
    let script = "
        nsx unshare --link veth,addr=10.1.0.2/24 --link veth,name=wan,addr=10.2.0.2/24,mtu=1400 \
        --link veth,addr=10.3.0.2/24,mac=02:00:00:00:00:0a ip -br -4 addr | sed 's/@[^ ]*//' | \
        tr -s ' ' | cut -d ' ' -f 1,3
        nsx unshare --link veth,mtu=1400,mac=02:00:00:00:00:0a,addr=10.1.0.2/24 sh -c \
        'cat /sys/class/net/eth0/mtu /sys/class/net/eth0/address'";
    let state = host(session, script).output();
    let expected = [
        "lo 127.0.0.1/8",
        "eth0 10.1.0.2/24",
        "wan 10.2.0.2/24",
        "eth1 10.3.0.2/24",
        "1400",
        "02:00:00:00:00:0a",
    ];
    assert_eq!(state, expected.join("\n"));
}

/// Prints the names of the links outside, once those of the program are gone: the kernel takes them
/// away after the program's end.
const LEFT: &str = "
        for attempt in $(seq 100); do
            [ \"$(ip -o link | wc -l)\" = \"$before\" ] && break
            sleep 0.1
        done
        ip -o link | cut -d ' ' -f 2";

fn a_failure_leaves_no_link_and_no_bridge(session: &Session) {
    for failing in [
        "nosuch-program",
        "-w /nonexistent true",
        "--fork nosuch-program",
        "--fork -w /nonexistent true",
        "--link veth,name=wan,bridge=br0,addr=10.0.0.3/24,mac=02:00:00:00:00:0a,mtu=65536 true",
        // The kernel refuses the second address with the first, of the same network.
        "--link veth,name=0123456789abcdef true",
    ] {
        let script = format!(
            "before=$(ip -o link | wc -l)
            nsx unshare --link veth,bridge=br0,create,addr=10.0.0.2/24,gw=10.0.0.1 {failing} \
            2>/dev/null && echo ran
            {LEFT}"
        );
        assert_eq!(host(session, &script).output(), "lo:", "{failing}");
    }
}

fn the_end_of_the_program_takes_both_ends_away(session: &Session) {
    let script = format!(
        "ip link add br0 type bridge
        before=$(ip -o link | wc -l)
        nsx unshare --link veth,bridge=br0,addr=10.0.0.2/24 true
        nsx unshare --link veth,bridge=br0,addr=10.0.0.2/24 sh -c 'kill -9 $$' || :
        nsx unshare --fork --link veth,bridge=br0,addr=10.0.0.2/24 sh -c 'kill -9 $PPID' || :
        {LEFT}"
    );
    assert_eq!(host(session, &script).output(), "lo:\nbr0:");
}

fn a_kill_at_any_step_leaves_no_link_and_no_bridge(session: &Session) {
    let script = "nsx='nsx unshare --fork --no-kill-child --link veth,bridge=br0,create,addr=10.0.0.2/24,gw=10.0.0.1'
        before=$(ip -o link | wc -l)
        strace -qq -o calls $nsx touch ran
        ip link del br0
        # The first call is strace's own exec.
        grep -o '^[a-z0-9_]*(' calls | tr -d '(' | awk 'NR > 1 { print $1, ++count[$1] }' >steps
        while read call when; do
            rm -f ran
            sh -c \"exec strace -qq -o trace -e inject=$call:signal=KILL:when=$when $nsx touch ran\" \
            2>/dev/null || :
            for attempt in $(seq 100); do
                links=$(ip -o link | wc -l)
                [ $links = $before ] && break
                # A bridge stays once the program runs.
                [ -e ran ] && [ $links = $((before + 1)) ] && ip link del br0 && break
                sleep 0.05
            done
            left=$(ip -o link | cut -d ' ' -f 2 | tr '\\n' ' ')
            [ \"$left\" = 'lo: ' ] || echo $call $when: $left
        done <steps
        [ $(grep -c . steps) -gt 50 ] && echo done";
    let outcome = host(session, script)
        .directory(session.directory())
        .start()
        .wait_for(Duration::from_secs(120));
    assert_eq!(outcome.exited(0).text(), "done");
}

fn a_plan_is_printed_and_nothing_is_made(session: &Session) {
    let script = "
        nsx unshare --explain --link veth,peer=lab,bridge=br0,create,addr=10.0.0.2/24,gw=10.0.0.1
        ip -o link | cut -d ' ' -f 2";
    let plan = host(session, script).output();
    for expected in [
        "RTM_NEWLINK(br0, bridge)",
        "RTM_NEWLINK(lab to eth0, veth)",
        "10.0.0.2/24",
    ] {
        assert!(plan.contains(expected), "{plan}");
    }
    assert!(plan.ends_with("\nlo:"), "{plan}");
}

fn wrong_links_are_refused_before_anything_is_made(session: &Session) {
    for (link, cause) in [
        ("veth,bridge=br9", "there is no bridge br9"),
        ("veth,bridge=d0", "d0 is not a bridge but veth"),
        ("veth,bridge=lo", "lo is not a bridge but a device"),
        ("veth,peer=d0", "there is an interface d0 already"),
        ("macvlan:eth9", "there is no interface eth9"),
        ("veth,addr=10.0.0.2/24,gw=10.0.1.1", "the gateway 10.0.1.1"),
        ("veth,gw=10.0.0.1", "the gateway 10.0.0.1"),
        ("veth,addr=10.0.0.2", "10.0.0.2/24"),
        ("veth,name=0123456789abcdef", "longer than 15 bytes"),
        ("veth --link veth,name=eth0", "two links have the name eth0"),
        ("tap", "veth, macvlan:PARENT"),
    ] {
        let script = format!(
            "ip link add d0 type veth peer name d1
            nsx unshare --link {link} true || echo $?
            ip -o link | cut -d ' ' -f 2"
        );
        let outcome = host(session, &script).run().exited(0);
        let outcome = outcome.says(&[cause]);
        assert_eq!(outcome.text(), "125\nlo:\nd1@d0:\nd0@d1:", "{link}");
    }
}

fn a_user_without_the_capability_is_told(session: &Session) {
    let refused = session.nsx("unshare -r --link veth true").run();
    refused.exited(125).says(&["requires CAP_NET_ADMIN"]);
}

fn a_user_namespace_of_its_own_can_be_linked(session: &Session) {
    let script = "nsx unshare -r --link veth,addr=10.0.0.2/24 ip -br -4 addr show eth0 | tr -s ' '";
    let address = host(session, script).output();
    assert!(address.ends_with(" 10.0.0.2/24 "), "{address}");
}
