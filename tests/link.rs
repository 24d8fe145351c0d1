//! `nsx link` and `nsx unlink`: links of a network that exists, compared with what `ip` shows.
//!
//! Each test has a /run and a network of its own that stand for the host's.

use crate::{
    support::{Need, Session, Test, both, ordinary, root},
    unshare::sets::host,
};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    let need_busybox = [Need::Tool("busybox")];
    vec![
        both(a_set_that_exists_is_linked_and_unlinked).needs(need_busybox),
        both(a_link_has_what_its_words_say),
        both(two_sets_are_cabled_to_each_other).needs(need_busybox),
        both(a_new_set_is_cabled_to_one_that_exists).needs(need_busybox),
        both(a_failure_leaves_neither_link_nor_line),
        both(a_kill_at_any_step_leaves_a_whole_link_or_none)
            .needs([Need::Tool("strace")])
            .alone(),
        both(the_end_of_a_set_takes_its_later_links_away),
        both(the_link_of_a_process_ends_with_its_network),
        both(a_plan_is_printed_and_no_link_is_made),
        both(wrong_targets_and_links_are_refused),
        both(an_interface_that_was_moved_comes_back),
        root(a_port_is_published_later).needs([Need::Tool("nft")]),
        ordinary(a_user_without_the_capability_is_told),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("ip")]))
    .collect()
}

fn a_set_that_exists_is_linked_and_unlinked(session: &Session) {
    let script = "
        nsx unshare --name web --net
        nsx unshare --name db --link veth
        nsx link lab:web veth
        address=$(nsx enter lab:web ip -br -4 addr show eth0 | tr -s ' ' | cut -d ' ' -f 3)
        nsx enter lab:db busybox ping -c 1 -W 5 ${address%/*} >/dev/null && echo answered
        nsx enter lab:db grep -c \"${address%/*} web\" /etc/hosts
        nsx enter lab:web ip -4 route show default | cut -d ' ' -f 1,2,4,5
        nsx unlink lab:web eth0
        nsx enter lab:web ip -o link | cut -d ' ' -f 2
        nsx enter lab:db grep -c \"${address%/*} web\" /etc/hosts || :
        grep -c eth0 /run/nsx/web || :
        nsx unlink lab:db eth0
        ip -o link | cut -d ' ' -f 2";
    assert_eq!(
        host(session, script).output(),
        "answered\n1\ndefault via dev eth0\nlo:\n0\n0\nlo:"
    );
}

fn a_link_has_what_its_words_say(session: &Session) {
    let script = "
        nsx unshare --name web --net
        nsx link lab:web veth,peer=lab0,bridge=br0,create,addr=10.0.0.2/24,gw=10.0.0.1 \
        veth,name=wan,addr=10.1.0.2/24,peeraddr=10.1.0.1/24,mtu=1400,mac=02:00:00:00:00:0a
        nsx enter lab:web ip -br -4 addr | sed 's/@[^ ]*//' | tr -s ' ' | cut -d ' ' -f 1,3
        nsx enter lab:web ip -4 route show default
        nsx enter lab:web cat /sys/class/net/wan/mtu /sys/class/net/wan/address
        ip -br -4 addr | sed 's/@[^ ]*//; s/nsxv[0-9]*/nsxv/' | tr -s ' ' | cut -d ' ' -f 1,3
        ip -o link show lab0 | grep -o 'master br0'";
    let expected = "lo 127.0.0.1/8\neth0 10.0.0.2/24\nwan 10.1.0.2/24\n\
        default via 10.0.0.1 dev eth0 proto static \n1400\n02:00:00:00:00:0a\n\
        br0 10.0.0.1/24\nnsxv 10.1.0.1/24\nmaster br0";
    assert_eq!(host(session, script).output(), expected);
}

fn two_sets_are_cabled_to_each_other(session: &Session) {
    let script = "
        nsx unshare --name one --net
        nsx unshare --name two --net
        nsx link lab:one veth,to=lab:two
        nsx link lab:one veth,to=lab:two,name=wan,peer=wan,addr=10.9.0.1/24,peeraddr=10.9.0.2/24
        for set in one two; do
            nsx enter lab:$set ip -br -4 addr | sed 's/@[^ ]*//' | tr -s ' ' | cut -d ' ' -f 1,3
        done
        nsx enter lab:one busybox ping -c 1 -W 5 10.213.0.2 >/dev/null && echo answered
        nsx enter lab:one busybox ping -c 1 -W 5 10.9.0.2 >/dev/null && echo answered
        ip -o link | cut -d ' ' -f 2
        nsx unlink lab:two wan
        nsx rm lab:one
        nsx enter lab:two ip -o link | cut -d ' ' -f 2";
    let expected = "lo 127.0.0.1/8\neth0 10.213.0.1/30\nwan 10.9.0.1/24\n\
        lo 127.0.0.1/8\neth0 10.213.0.2/30\nwan 10.9.0.2/24\n\
        answered\nanswered\nlo:\nlo:";
    assert_eq!(host(session, script).output(), expected);
}

fn a_new_set_is_cabled_to_one_that_exists(session: &Session) {
    let script = "
        nsx unshare --name one --net
        nsx unshare --name two --link veth,to=one,addr=10.9.0.2/24,gw=10.9.0.1
        nsx enter two busybox ping -c 1 -W 5 10.9.0.1 >/dev/null && echo answered
        nsx unshare --link veth,to=one sh -c 'ip -br -4 addr show eth0 | tr -s \" \" | cut -d \" \" -f 3'
        nsx rm lab:two
        # That of a program goes with its network, a moment after the end.
        for attempt in $(seq 100); do
            [ $(nsx enter one ip -o link | grep -c .) = 1 ] && break
            sleep 0.1
        done
        nsx enter one ip -o link | cut -d ' ' -f 2";
    assert_eq!(
        host(session, script).output(),
        "answered\n10.213.0.1/30\nlo:"
    );
}

fn a_failure_leaves_neither_link_nor_line(session: &Session) {
    for failing in [
        // The router is reached by no link that is up, and the second route is there already.
        "veth,bridge=br0,create,addr=10.0.0.2/24 veth,addr=10.2.0.2/24,gw=10.2.0.1",
        "veth,bridge=br0,create,addr=10.0.0.2/24 macvlan:d0,addr=10.3.0.2/24,gw=10.3.0.1",
        "veth,bridge=br0,create,addr=10.0.0.2/24 veth,to=lab:db,addr=10.4.0.2/24,gw=10.4.0.1",
        "veth,bridge=br0,create,addr=10.0.0.2/24 move:d1,addr=10.5.0.2/24,gw=10.5.0.1",
        // A record that cannot be written.
        "veth,bridge=br0,create,addr=10.0.0.2/24 macvlan:d0,addr=10.3.0.2/24 /full",
    ] {
        let (links, fill) = match failing.strip_suffix(" /full") {
            Some(links) => (links, "cat /dev/zero >/run/full 2>/dev/null || :"),
            None => (failing, ""),
        };
        let script = format!(
            "mount -t tmpfs -o size=64k tmpfs /run
            ip link add d0 type veth peer name d1
            ip link set d0 up
            nsx unshare --name web --link veth,peer=w0,addr=10.1.0.2/24,gw=10.1.0.1
            nsx unshare --name db --net
            cp /run/nsx/web before
            {fill}
            nsx link lab:web {links} 2>/dev/null || echo $?
            cmp before /run/nsx/web
            ls -A /run/nsx
            for set in web db; do nsx enter lab:$set ip -o link | cut -d ' ' -f 2; done
            ip -o link | cut -d ' ' -f 2 | sort"
        );
        assert_eq!(
            host(session, &script).output(),
            "2\ndb\nweb\nlo:\neth0@if4:\nlo:\nd0@d1:\nd1@d0:\nlo:\nw0@if2:",
            "{failing}"
        );
    }
}

fn a_kill_at_any_step_leaves_a_whole_link_or_none(session: &Session) {
    let script = "
        nsx unshare --name web --net
        nsx='nsx link lab:web veth'
        strace -qq -o calls $nsx
        nsx unlink lab:web eth0
        # Each fourth call; the first is strace's own exec.
        grep -o '^[a-z0-9_]*(' calls | tr -d '(' | awk '{ ++count[$1] } NR % 4 == 3 { print $1, count[$1] }' >steps
        while read call when; do
            sh -c \"exec strace -qq -o trace -e inject=$call:signal=KILL:when=$when $nsx\" \
            2>/dev/null || :
            for attempt in $(seq 100); do
                state=\"$(ip -o link | grep -c nsx0-) $(grep -c ^link= /run/nsx/web || :)\"
                # A process of its own finishes what it has begun.
                [ \"$state\" = '0 0' ] && [ $attempt -gt 3 ] && break
                [ \"$state\" = '1 1' ] && nsx unlink lab:web eth0 && break
                sleep 0.03
            done
            left=$(ip -o link | cut -d ' ' -f 2 | tr '\\n' ' ')
            [ \"$left\" = 'lo: ' ] || echo $call $when: $left
        done <steps
        [ $(grep -c . steps) -gt 20 ] && echo done";
    let outcome = host(session, script)
        .start()
        .wait_for(Duration::from_secs(120));
    assert_eq!(outcome.exited(0).text(), "done");
}

fn the_end_of_a_set_takes_its_later_links_away(session: &Session) {
    let script = "
        ip link add d0 type veth peer name d1
        nsx unshare --name web --net
        nsx link lab:web veth move:d1,name=moved macvlan:d0
        nsx enter lab:web ip -o link | cut -d ' ' -f 2 | cut -d @ -f 1
        nsx rm lab:web
        ip -o link | cut -d ' ' -f 2 | sort
        ls -A /run/nsx";
    assert_eq!(
        host(session, script).output(),
        "lo:\neth0\nmoved\neth1\nd0@d1:\nd1@d0:\nlo:"
    );
}

fn the_link_of_a_process_ends_with_its_network(session: &Session) {
    let script = "
        mkfifo ready
        unshare --net sh -c 'echo >ready; exec sleep 100' &
        read word <ready
        nsx link $! veth,addr=10.9.0.2/24,peeraddr=10.9.0.1/24
        nsenter --target $! --net ip -br -4 addr show eth0 | tr -s ' ' | cut -d ' ' -f 3
        for refused in 'veth --nat' move:lo pasta; do
            nsx link $! $refused 2>/dev/null || echo $?
        done
        kill $!
        for attempt in $(seq 100); do
            [ $(ip -o link | grep -c .) = 1 ] && echo gone && break
            sleep 0.1
        done";
    assert_eq!(host(session, script).output(), "10.9.0.2/24\n2\n2\n2\ngone");
}

fn a_plan_is_printed_and_no_link_is_made(session: &Session) {
    let script = "
        nsx unshare --name web --net
        nsx link --explain lab:web veth,peer=lab,bridge=br0,create,addr=10.0.0.2/24
        nsx enter lab:web ip -o link | cut -d ' ' -f 2
        ip -o link | cut -d ' ' -f 2";
    let plan = host(session, script).output();
    for expected in [
        "setns(lab:web, CLONE_NEWNET)",
        "RTM_NEWLINK(br0, bridge)",
        "RTM_NEWLINK(lab to eth0, veth)",
        "RTM_NEWADDR, RTM_SETLINK(eth0, IFF_UP)",
        "rename(/run/nsx/web)",
    ] {
        assert!(plan.contains(expected), "{plan}");
    }
    assert!(plan.ends_with("\nlo:\nlo:"), "{plan}");
}

fn wrong_targets_and_links_are_refused(session: &Session) {
    for (words, status, cause) in [
        ("link lab:web", 2, "required"),
        ("link $$ veth", 2, "the network that you are in"),
        ("link lab:none veth", 1, "lab:none"),
        ("link lab:web veth,to=lab:none", 1, "lab:none"),
        ("link lab:web veth,to=$$", 2, "both ends"),
        ("link lab:web veth,to=lab:web", 2, "both ends"),
        (
            "link lab:web veth,to=lab:db,peer=eth0",
            2,
            "eth0 in lab:db already",
        ),
        ("link lab:web veth,name=lo", 2, "lo in lab:web already"),
        (
            "link lab:web veth,name=w veth,name=w",
            2,
            "two links have the name w",
        ),
        ("link lab:web vath", 2, "not a kind of link"),
        ("link lab:web macvlan:none", 2, "no interface none"),
        ("unlink lab:web eth7", 1, "no interface eth7 in lab:web"),
        ("unlink lab:web lo", 2, "failed to remove lo"),
        ("unlink lab:web", 2, "required"),
        ("unlink lab:web a/b", 2, "a/b"),
        ("unlink $$ lo", 2, "the network that you are in"),
    ] {
        let script = format!(
            "nsx unshare --name web --net
            nsx unshare --name db --link veth
            cp /run/nsx/web before
            nsx {words} || echo $?
            cmp before /run/nsx/web
            nsx enter lab:web ip -o link | cut -d ' ' -f 2
            ip -o link | grep -c ."
        );
        let outcome = host(session, &script).run().exited(0).says(&[cause]);
        assert_eq!(outcome.text(), format!("{status}\nlo:\n3"), "{words}");
    }
}

fn an_interface_that_was_moved_comes_back(session: &Session) {
    let script = "
        ip link add d0 type veth peer name d1
        ip link set d1 up
        nsx unshare --name web --net
        nsx link lab:web move:d1,name=eth0,addr=10.9.0.2/24
        nsx enter lab:web ip -br -4 addr show eth0 | tr -s ' ' | cut -d ' ' -f 3
        nsx unlink lab:web eth0
        ip -o link show d1 | grep -o '[<,]UP'
        grep -c moved= /run/nsx/web || :";
    assert_eq!(host(session, script).output(), "10.9.0.2/24\n,UP\n0");
}

fn a_port_is_published_later(session: &Session) {
    let script = "
        sysctl -qw net.ipv4.ip_forward=1
        nsx unshare --name web --net
        nsx link lab:web --publish 8080:80 --nat
        nft list tables
        nft list ruleset | grep -c 'tcp dport 8080'
        nsx link lab:web veth,addr=10.1.0.2/24,gw=10.1.0.1 --publish 8081:80 || echo $?
        nsx unlink lab:web eth0
        nft list tables
        grep -c table= /run/nsx/web || :";
    let outcome = host(session, script).run().exited(0);
    let outcome = outcome.says(&["has --nat, --publish or an uplink already"]);
    assert_eq!(outcome.text(), "table inet nsx/nsx0/lab-web\n2\n2\n0");
}

fn a_user_without_the_capability_is_told(session: &Session) {
    let runtime = session.path("runtime");
    std::fs::create_dir(&runtime).unwrap();
    std::os::unix::fs::chown(&runtime, Some(session.ids().0), Some(session.ids().1)).unwrap();
    let nsx = |words: &str| session.nsx(words).env("XDG_RUNTIME_DIR", &runtime);
    nsx("unshare --name web -r --net").run().exited(0);
    let refused = nsx("link lab:web veth").run();
    let _ = nsx("rm lab:web").run().exited(0);
    refused.exited(2).says(&["requires CAP_NET_ADMIN"]);
}
