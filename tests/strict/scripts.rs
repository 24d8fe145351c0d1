//! Scripts of the kind that call `unshare` in the wild: they work unchanged with nsx first in PATH.

use super::{
    assert_same,
    unshare::{CHILD_OF, as_user_with_ranges},
};
use crate::support::{Need, Session, Test, both, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_rootless_build_chroot).needs([Need::Tool("newuidmap"), Need::Tool("chroot")]),
        both(a_network_of_loopback_alone).needs([Need::Tool("ip")]),
        both(a_trap_that_kills_the_wrapper),
        both(exec_unshare),
        both(a_network_namespace_that_stays).needs([Need::Tool("nsenter"), Need::Tool("ip")]),
        both(three_levels),
        both(kill_child_in_a_pipeline),
        both(statuses_through_wait),
        both(under_setsid),
        both(under_timeout),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
    .collect()
}

fn a_rootless_build_chroot(session: &Session) {
    let script = r#"
        mkdir root root/usr root/build
        unshare -r --map-auto -m sh -ec '
            mount --rbind /usr root/usr
            for name in bin lib lib64 sbin; do ln -s usr/$name root/$name; done
            chown 5:6 root/build
            exec chroot root /bin/sh -c "cd /build; id -u; echo built >artefact; stat -c %u:%g . artefact; cat artefact"
        '
        stat -c %u:%g root/build"#;
    assert_same(session, &as_user_with_ranges(script));
}

fn a_network_of_loopback_alone(session: &Session) {
    let script = "unshare -r --net sh -ec 'ip -br link; ip link set lo up; ip -br addr; ip route get 127.0.0.1'";
    assert_same(session, script);
}

fn a_trap_that_kills_the_wrapper(session: &Session) {
    let script = r#"
        exec 2>/dev/null # a shell may or may not have a word for the signal
        unshare -r --pid --kill-child sleep 100 &
        wrapper=$!
        trap 'kill -KILL $wrapper; wait $wrapper; echo "the wrapper ended with $?"; until ! grep -q "^State:.[RSD]" /proc/$child/status 2>/dev/null; do sleep 0.01; done; echo clean' EXIT
        child_of $wrapper
        until grep -q sleep /proc/$child/comm; do sleep 0.01; done
        exit 3"#;
    assert_same(session, &(CHILD_OF.to_owned() + script));
}

fn exec_unshare(session: &Session) {
    assert_same(
        session,
        "echo before $#; exec unshare -r --uts sh -c 'echo inside as $(id -u) with $0 $1; exit 9' a 'b c'; echo never",
    );
}

fn a_network_namespace_that_stays(session: &Session) {
    let script = "unshare -rm sh -ec ' : >blue; unshare --net=blue ip link set lo up; nsenter --net=blue ip -br addr; \
                  stat -fc %T blue; umount blue; stat -c %s blue'";
    assert_same(session, script);
}

fn three_levels(session: &Session) {
    let inner = "echo $(cat /proc/self/uid_map); hostname; cut -d: -f1 /proc/net/dev | tail -n +3";
    assert_same(
        session,
        &format!(
            "unshare -rm unshare -ru sh -c 'hostname deep; exec unshare -cn sh -c \"{}\"'",
            inner.replace('$', "\\$")
        ),
    );
}

fn kill_child_in_a_pipeline(session: &Session) {
    assert_same(
        session,
        "unshare -rpf --kill-child --mount-proc sh -c 'echo one; echo two; exit 4' | tail -n 1; echo $?",
    );
    assert_same(session, "unshare -rpf --kill-child yes 2>/dev/null | head -n 2");
}

fn statuses_through_wait(session: &Session) {
    let script = r#"
        unshare -rf sh -c 'exit 7' & first=$!
        unshare -rf sh -c 'kill -TERM $$' & second=$!
        unshare -r nosuch 2>/dev/null & third=$!
        exec 2>/dev/null # a shell may or may not have a word for the signal
        wait $first; echo $?; wait $second; echo $?; wait $third; echo $?"#;
    assert_same(session, script);
}

fn under_setsid(session: &Session) {
    let script = "setsid -w unshare -rf sh -c 'set -- $(cat /proc/$PPID/stat); test $6 = $1 && echo its own session; exit 5'; echo $?";
    assert_same(session, script);
}

fn under_timeout(session: &Session) {
    assert_same(session, "timeout 0.3 unshare -rf sleep 100; echo $?");
    assert_same(session, "timeout 0.3 unshare -r sleep 100; echo $?");
}
