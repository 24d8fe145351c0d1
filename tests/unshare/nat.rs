//! `nsx unshare --nat` and `--publish`: ways out of and into a new network, with what `nft`, `ip` and
//! `ss` say of them.
//!
//! Each test has a /run and a network of its own that stand for the host's, with a second network
//! behind it that stands for the world.

use crate::support::{Command, Need, Session, Test, both};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(connections_from_inside_have_the_hosts_address),
        both(a_published_port_is_reached_from_everywhere),
        both(an_ipv6_port_is_published_on_one_address),
        both(datagrams_are_published),
        both(inside_nothing_reaches_the_hosts_loopback_addresses),
        both(the_end_of_the_program_takes_table_cable_and_bridge_away),
        both(a_kill_of_nsx_takes_table_cable_and_bridge_away),
        both(a_sets_table_goes_with_the_set),
        both(what_a_killed_set_left_is_replaced),
        both(two_sets_find_each_other_by_name),
        both(a_port_is_given_once),
        both(a_host_that_does_not_forward_is_told_how),
        both(a_host_without_nft_is_told_how),
        both(wrong_ports_and_links_are_refused_before_anything_is_made),
        both(a_chain_that_drops_what_is_forwarded_is_named),
        both(a_plan_is_printed_and_nothing_is_made),
        both(a_kill_at_any_step_leaves_nothing)
            .needs([Need::Tool("strace")])
            .alone(),
    ]
    .into_iter()
    .map(|test| {
        test.needs([
            Need::Namespaces,
            Need::Tool("ip"),
            Need::Tool("nft"),
            Need::Tool("busybox"),
        ])
    })
    .collect()
}

/// The world: `world COMMAND` runs there.
const WORLD: &str = "
ip link set lo up
mount -t tmpfs tmpfs /run
mkdir /run/here; cd /run/here
mkfifo ready go stop
unshare --net sh -ec 'ip link set lo up; echo $$ >ready; read word <go' &
read world <ready
world() { nsenter --target $world --net \"$@\"; }
ip link add wan type veth peer name eth0 netns $world
ip addr add 192.0.2.2/24 dev wan
ip addr add fd02::2/64 dev wan nodad
ip link set wan up
world ip addr add 192.0.2.1/24 dev eth0
world ip addr add fd02::1/64 dev eth0 nodad
world ip link set eth0 up
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
# Waits until a program listens on a port of the network that the words before enter.
listening() { port=$1; shift; until \"$@\" ss -Htuln | grep -q \":$port \"; do sleep 0.05; done; }
# The links that are not the world's, and the tables.
left() { ip -o link | grep -v -e lo: -e wan || :; nft list tables; }
";

/// A shell whose network and /run stand for the host's.
fn host(session: &Session, script: &str) -> Command {
    let map = session.map_root();
    session
        .command(&format!(
            "unshare {map}--mount --net --pid --fork --mount-proc --kill-child sh -ec"
        ))
        .arg(format!("{WORLD}{script}\necho >go"))
        .directory(session.directory())
}

fn connections_from_inside_have_the_hosts_address(session: &Session) {
    // The world has no route to the addresses inside, and would answer nobody else.
    // A server whose input has ended would hang up, maybe before the client has written.
    let script = "
        mkfifo open
        for address in 192.0.2.1 fd02::1; do
            world busybox nc -l -p 7777 <>open >heard &
            listening 7777 world
            case $address in
                fd*) link='--link veth,addr=fd10::2/64,gw=fd10::1';;
                *) link=;;
            esac
            nsx unshare --nat $link sh -c \"echo hello | busybox nc -w 5 $address 7777\"
            wait $!
            cat heard
        done";
    assert_eq!(host(session, script).output(), "hello\nhello");
}

/// Starts a program inside that says `inside` to everyone.
const SERVE: &str = "busybox nc -ll -p 80 -e echo inside";

fn a_published_port_is_reached_from_everywhere(session: &Session) {
    let script = format!(
        "nsx unshare --name web --publish 8080:80
        nsx enter web {SERVE} &
        listening 80 nsx enter web
        for address in 127.0.0.1 192.0.2.2; do busybox nc -w 5 $address 8080 </dev/null; done
        world busybox nc -w 5 192.0.2.2 8080 </dev/null
        # A neighbour on the bridge.
        nsx unshare --link veth busybox nc -w 5 192.0.2.2 8080 </dev/null
        nft list ruleset | grep -c 'tcp dport 8080 dnat ip to 10.213.*:80'
        nsx rm lab:web
        left"
    );
    let output = host(session, &script).output();
    assert_eq!(output, "inside\ninside\ninside\ninside\n2");
}

fn an_ipv6_port_is_published_on_one_address(session: &Session) {
    let script = format!(
        "ip addr add fd02::3/64 dev wan nodad
        nsx unshare --name web --link veth,addr=fd10::2/64,gw=fd10::1 --publish '[fd02::2]:8080:80'
        nsx enter web {SERVE} &
        listening 80 nsx enter web
        world busybox nc -w 5 fd02::2 8080 </dev/null
        world busybox nc -w 2 fd02::3 8080 </dev/null 2>/dev/null || echo refused
        nsx rm lab:web"
    );
    assert_eq!(host(session, &script).output(), "inside\nrefused");
}

fn datagrams_are_published(session: &Session) {
    let script = "
        nsx unshare --name web --publish 5353:53/udp
        nft list ruleset | grep -c 'udp dport 5353 dnat ip to 10.213.*:53'
        nsx rm lab:web
        left";
    assert_eq!(host(session, script).output(), "2");
}

fn inside_nothing_reaches_the_hosts_loopback_addresses(session: &Session) {
    let script = "
        busybox nc -ll -p 7777 -e echo secret & server=$!
        listening 7777 env
        nsx unshare --name web --publish 8080:80
        nsx enter web sh -ec '
            ip addr del 127.0.0.1/8 dev lo
            set -- $(ip -4 route show default)
            ip route add 127.0.0.1/32 via $3 dev eth0
            echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet'
        try() { nsx enter web busybox nc -w 2 127.0.0.1 7777 </dev/null 2>/dev/null || echo dropped; }
        try
        # Without that rule it is reached.
        nft flush chain inet nsx/nsx0/lab-web guard
        try
        nsx rm lab:web
        kill $server";
    assert_eq!(host(session, script).output(), "dropped\nsecret");
}

fn the_end_of_the_program_takes_table_cable_and_bridge_away(session: &Session) {
    let script = "
        nsx unshare --nat --publish 8080:80 sh -c 'exit 7' || echo $?
        left
        nsx unshare --nat sh -c 'kill -9 $$' || echo $?
        left
        nsx unshare --nat nosuch-program 2>/dev/null || echo $?
        left
        nsx unshare --nat -w /nonexistent true 2>/dev/null || echo $?
        left
        # A bridge with another port stays.
        nsx unshare --link veth sh -c 'echo >ready; read word <stop' &
        read word <ready
        nsx unshare --nat true
        ip -br link show nsx0 | cut -d ' ' -f 1
        echo >stop
        wait $!
        left";
    assert_eq!(host(session, script).output(), "7\n137\n127\n125\nnsx0");
}

fn a_kill_of_nsx_takes_table_cable_and_bridge_away(session: &Session) {
    let script = "
        nsx unshare --nat sh -c 'echo >ready; sleep 100' &
        read word <ready
        left | grep -c -e nsx0 -e table
        kill -9 $!
        for attempt in $(seq 100); do [ \"$(left)\" = '' ] && break; sleep 0.05; done
        left";
    assert_eq!(host(session, script).output(), "3");
}

fn a_sets_table_goes_with_the_set(session: &Session) {
    let script = "
        nsx unshare --name web --nat
        nsx unshare --name db --nat --publish 8080:80
        nft list tables | grep -c lab-
        nsx rm lab:web
        nft list tables
        nsx rm lab:db
        left
        ls -A /run/nsx";
    assert_eq!(
        host(session, script).output(),
        "2\ntable inet nsx/nsx0/lab-db"
    );
}

fn what_a_killed_set_left_is_replaced(session: &Session) {
    let script = "
        for next in 'unshare --name web --nat --publish 8080:80' 'rm lab:web'; do
            nsx unshare --name web --nat --publish 8080:80
            kill -9 $(sed -n s/^pid=//p /run/nsx/web)
            nft list tables
            until ! nsx enter lab:web true 2>/dev/null; do sleep 0.05; done
            nsx $next
            case $next in unshare*) nsx rm lab:web;; esac
            left
        done
        ls -A /run/nsx";
    let table = "table inet nsx/nsx0/lab-web";
    assert_eq!(host(session, script).output(), format!("{table}\n{table}"));
}

fn two_sets_find_each_other_by_name(session: &Session) {
    let script = "
        nsx unshare --name web --link veth
        nsx unshare --name db --link veth
        nsx enter web busybox ping -c 1 -W 5 db >/dev/null && echo answered
        nsx enter db busybox ping -c 1 -W 5 web >/dev/null && echo answered
        nsx enter web grep -c -e web -e db /etc/hosts
        nsx rm lab:db
        nsx enter web grep -c -e web -e db /etc/hosts
        nsx rm lab:web
        ls -A /run/nsx";
    assert_eq!(host(session, script).output(), "answered\nanswered\n2\n1");
}

fn a_port_is_given_once(session: &Session) {
    let script = "
        busybox nc -ll -p 8081 -e true & server=$!
        listening 8081 env
        nsx unshare --publish 8081:80 true || echo $?
        kill $server
        nsx unshare --name web --publish 8080:80
        nsx unshare --publish 192.0.2.2:8080:81 true || echo $?
        nsx unshare --publish 8080:80/udp true && echo the other protocol
        nsx rm lab:web
        left";
    let outcome = host(session, script).run().exited(0);
    let outcome = outcome.says(&["port 8081 is in use", "port 8080 is in use"]);
    assert_eq!(outcome.text(), "125\n125\nthe other protocol");
}

fn a_host_that_does_not_forward_is_told_how(session: &Session) {
    let script = "
        echo 0 >/proc/sys/net/ipv4/ip_forward
        nsx unshare --nat true || echo $?
        nsx unshare --publish 8080:80 true || echo $?
        cat /proc/sys/net/ipv4/ip_forward
        echo 0 >/proc/sys/net/ipv6/conf/all/forwarding
        nsx unshare --nat --link veth,addr=fd10::2/64,gw=fd10::1 true || echo $?
        left";
    let outcome = host(session, script).run().exited(0);
    let outcome = outcome.says(&[
        "sysctl net.ipv4.ip_forward=1",
        "sysctl net.ipv6.conf.all.forwarding=1",
    ]);
    assert_eq!(outcome.text(), "125\n125\n0\n125");
}

fn a_host_without_nft_is_told_how(session: &Session) {
    let script = "
        mount --bind /dev/null $(command -v nft)
        nsx unshare --nat true || echo $?
        ip -o link | grep -v -e lo: -e wan || :";
    let outcome = host(session, script).run().exited(0);
    let outcome = outcome.says(&["there is no program nft", "apt install nftables"]);
    assert_eq!(outcome.text(), "125");
}

fn wrong_ports_and_links_are_refused_before_anything_is_made(session: &Session) {
    for (words, cause) in [
        ("--publish 80", "[IP:]HOST:INSIDE"),
        ("--publish 0:80", "1 to 65535"),
        (
            "--publish 203.0.113.1:8080:80",
            "not an address of this host",
        ),
        ("--publish [fd02::2]:8080:80", "the family of fd02::2"),
        (
            "--nat --link veth,addr=10.9.0.2/24",
            "need a veth link with a gateway",
        ),
        (
            "--nat --link macvlan:wan,addr=10.9.0.2/24",
            "need a veth link with a gateway",
        ),
        ("--nat --pin netns:blue", "keep the set with --name"),
        ("--nat --no-fork", "--no-fork"),
        ("--link veth --no-fork", "--no-fork"),
    ] {
        let script = format!("nsx unshare {words} true || echo $?\nleft");
        let outcome = host(session, &script).run().exited(0);
        let outcome = outcome.says(&[cause]);
        assert_eq!(outcome.text(), "125", "{words}");
    }
}

fn a_chain_that_drops_what_is_forwarded_is_named(session: &Session) {
    let script = "
        nft add table ip filter
        nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
        nsx unshare --nat true";
    let outcome = host(session, script).run().exited(0);
    outcome.says(&["FORWARD of the table ip filter", "nsx0"]);
}

fn a_plan_is_printed_and_nothing_is_made(session: &Session) {
    let script = "
        nsx unshare --nat --publish 127.0.0.1:8080:80 --explain
        left";
    let plan = host(session, script).output();
    for expected in ["nft -j -f -", "127.0.0.1:8080:80", "this host's address"] {
        assert!(plan.contains(expected), "{plan}");
    }
    assert!(!plan.contains("table inet"), "{plan}");
}

fn a_kill_at_any_step_leaves_nothing(session: &Session) {
    let script = "
        nsx='nsx unshare --nat --publish 8080:80'
        strace -qq -o calls $nsx true
        # The first call is strace's own exec.
        grep -o '^[a-z0-9_]*(' calls | tr -d '(' | awk 'NR > 1 { print $1, ++count[$1] }' >steps
        while read call when; do
            sh -c \"exec strace -qq -o trace -e inject=$call:signal=KILL:when=$when $nsx true\" \
            2>/dev/null || :
            for attempt in $(seq 200); do [ \"$(left)\" = '' ] && break; sleep 0.05; done
            left=$(left)
            [ \"$left\" = '' ] || echo $call $when: $left
        done <steps
        [ $(grep -c . steps) -gt 50 ] && echo done";
    let outcome = host(session, script)
        .start()
        .wait_for(Duration::from_secs(240));
    assert_eq!(outcome.exited(0).text(), "done");
}
