//! Scripts as people write them with `unshare` and `nsenter`: they work unchanged with nsx first in
//! PATH.

use super::{
    assert_same,
    nsenter::beside,
    unshare::{CHILD_OF, as_user_with_ranges},
};
use crate::support::{Need, Session, Test, both, ordinary, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_rootless_chroot_builds_alike).needs([Need::Tool("newuidmap"), Need::Tool("chroot")]),
        both(a_network_has_loopback_alone).needs([Need::Tool("ip")]),
        both(a_trap_kills_the_wrapper_alike),
        both(exec_unshare),
        both(a_network_namespace_stays).needs([Need::Tool("nsenter"), Need::Tool("ip")]),
        both(three_levels),
        both(kill_child_works_in_a_pipeline),
        both(statuses_through_wait_are_the_same),
        both(under_setsid),
        both(under_timeout),
        root(the_network_of_a_container_is_entered).needs([Need::Tool("ip")]),
        root(a_privileged_pod_gets_a_shell_on_the_host),
        root(namespaces_are_entered_by_their_files),
        root(a_mount_is_made_in_a_container),
        both(commands_are_read_from_standard_input),
        ordinary(a_rootless_network_is_set_up).needs([Need::Tool("ip")]),
        both(a_function_runs_for_each_of_many),
        both(exec_nsenter),
        both(nsenter_runs_under_timeout),
        root(unshare_and_nsenter_meet).needs([Need::Tool("ip")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
    .collect()
}

fn a_rootless_chroot_builds_alike(session: &Session) {
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

fn a_network_has_loopback_alone(session: &Session) {
    let script = "unshare -r --net sh -ec 'ip -br link; ip link set lo up; ip -br addr; ip route \
    get 127.0.0.1'";
    assert_same(session, script);
}

fn a_trap_kills_the_wrapper_alike(session: &Session) {
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
        "echo before $#; exec unshare -r --uts sh -c 'echo inside as $(id -u) with $0 $1; exit 9' \
        a 'b c'; echo never",
    );
}

fn a_network_namespace_stays(session: &Session) {
    let script = "unshare -rm sh -ec ' : >blue; unshare --net=blue ip link set lo up; nsenter \
    --net=blue ip -br addr; \
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

fn kill_child_works_in_a_pipeline(session: &Session) {
    assert_same(
        session,
        "unshare -rpf --kill-child --mount-proc sh -c 'echo one; echo two; exit 4' | tail -n 1; \
        echo $?",
    );
    assert_same(
        session,
        "unshare -rpf --kill-child yes 2>/dev/null | head -n 2",
    );
}

fn statuses_through_wait_are_the_same(session: &Session) {
    let script = r#"
        unshare -rf sh -c 'exit 7' & first=$!
        unshare -rf sh -c 'kill -TERM $$' & second=$!
        unshare -r nosuch 2>/dev/null & third=$!
        exec 2>/dev/null # a shell may or may not have a word for the signal
        wait $first; echo $?; wait $second; echo $?; wait $third; echo $?"#;
    assert_same(session, script);
}

fn under_setsid(session: &Session) {
    let script = "setsid -w unshare -rf sh -c 'set -- $(cat /proc/$PPID/stat); test $6 = $1 && \
    echo its own session; exit 5'; echo $?";
    assert_same(session, script);
}

fn under_timeout(session: &Session) {
    assert_same(session, "timeout 0.3 unshare -rf sleep 100; echo $?");
    assert_same(session, "timeout 0.3 unshare -r sleep 100; echo $?");
}

fn the_network_of_a_container_is_entered(session: &Session) {
    // As people do if an image has no ip.
    let script = r#"
        docker() { echo $T; }
        pid=$(docker inspect -f '{{.State.Pid}}' web)
        nsenter -t $pid -n ip link set lo up
        nsenter -t $pid -n ip -br address
        nsenter --target $(docker inspect --format {{.State.Pid}} web) --net ip -o link | wc -l
        nsenter -t "$pid" -n sh -c 'cut -d: -f1 /proc/net/dev' | tail -n +3"#;
    assert_same(session, &beside("-nf", script));
}

fn a_privileged_pod_gets_a_shell_on_the_host(session: &Session) {
    // The pod shares the PIDs of a host whose PID 1 is a shell here.
    let pod = r#"
        nsenter -t 1 -m -u -i -n hostname
        nsenter --target 1 --mount --uts --ipc --net --pid -- sh -c "hostname; echo \$PWD"
        nsenter -t 1 -m -u -i -n -p -- sh -c "exit 3"; echo $?
        nsenter --mount=/proc/1/ns/mnt -- ls /mnt/of-the-host
        chroot /proc/1/root nsenter -t 1 -a hostname
        echo hostname | nsenter -t 1 -a /bin/sh"#;
    let host = format!(
        "hostname node7; mount -t tmpfs none /mnt; touch /mnt/of-the-host; unshare -muin sh -c \
        'hostname pod; umount /mnt; {pod}'"
    );
    let script = format!(
        "/usr/bin/unshare -muinpf --mount-proc sh -c '{}'",
        host.replace('\'', "'\\''")
    );
    assert_same(session, &script);
}

fn namespaces_are_entered_by_their_files(session: &Session) {
    let script = r#"
        nsenter --uts=/proc/$T/ns/uts hostname inner
        nsenter --mount=/proc/$T/ns/mnt --uts=/proc/$T/ns/uts --ipc=/proc/$T/ns/ipc --net=/proc/$T/ns/net -- \
            sh -c 'hostname; cut -d: -f1 /proc/net/dev | tail -n +3'
        nsenter -u/proc/$T/ns/uts -n/proc/$T/ns/net hostname
        test "$(hostname)" = inner || echo the host has its own"#;
    assert_same(session, &beside("-muinf", script));
}

fn a_mount_is_made_in_a_container(session: &Session) {
    let script = r#"
        nsenter -t $T -m -- mount -t tmpfs injected /mnt
        nsenter -t $T -m -- grep -c injected /proc/self/mountinfo
        grep -c injected /proc/self/mountinfo
        nsenter -t $T -m -r -w sh -c 'echo hello >/mnt/file; df --output=source /mnt/file | tail -n 1'
        cat /proc/$T/root/mnt/file"#;
    assert_same(session, &beside("-mf", script));
}

fn commands_are_read_from_standard_input(session: &Session) {
    let u = if session.is_root() {
        ""
    } else {
        "-U --preserve-credentials"
    };
    let script = format!(
        "nsenter -t $T {u} -u sh -s one two <<END\nhostname inner\necho $((6 * 7)) $(hostname) \\$2\nEND\n\
         printf 'a\\nb\\n' | nsenter -t $T {u} -p tac | while read line; do echo $line; done"
    );
    assert_same(
        session,
        &beside("-rupf", &script).replace("$(hostname)", "\\$(hostname)"),
    );
}

fn a_rootless_network_is_set_up(session: &Session) {
    // As helpers of rootless engines and their users do.
    let script = r#"
        mkdir start; cd start
        nsenter --preserve-credentials -U -n -t $T ip link set lo up
        nsenter -U -n -t $T --preserve-credentials ip -br link
        nsenter -t $T --user --net --mount --preserve-credentials --wd=$PWD sh -c 'id -u; basename $PWD'
        nsenter -U -t $T true || echo "not without --preserve-credentials""#;
    assert_same(session, &beside("-rnmf", script));
}

fn a_function_runs_for_each_of_many(session: &Session) {
    let u = if session.is_root() {
        ""
    } else {
        "-U --preserve-credentials"
    };
    let script = format!(
        "in_ns() {{ pid=$1; shift; nsenter --target \"$pid\" {u} --uts -- \"$@\"; }}; set -e; \
         for number in 1 2 3; do in_ns $T hostname box$number; in_ns $T hostname; done; \
         if in_ns $T false; then echo never; else echo \"failed with $?\"; fi; in_ns 4194303 true \
        || echo gone"
    );
    assert_same(session, &beside("-ruf", &script));
}

fn exec_nsenter(session: &Session) {
    let u = if session.is_root() {
        ""
    } else {
        "-U --preserve-credentials"
    };
    let script = format!(
        "trap - EXIT; (exec nsenter -t $T {u} -u sh -c 'echo inside with $0 $1; exit 9' a 'b c'); \
        echo $?; kill -KILL $T"
    );
    assert_same(session, &beside("-ruf", &script));
}

fn nsenter_runs_under_timeout(session: &Session) {
    let u = if session.is_root() {
        ""
    } else {
        "-U --preserve-credentials"
    };
    for option in ["-u", "-p"] {
        let script = format!("timeout 0.3 nsenter -t $T {u} {option} sleep 100; echo $?");
        assert_same(session, &beside("-rupf", &script));
    }
}

fn unshare_and_nsenter_meet(session: &Session) {
    let script = r#"
        unshare -n sleep 100 & one=$!
        unshare -n sleep 100 & other=$!
        for pid in $one $other; do until grep -q sleep /proc/$pid/comm; do sleep 0.01; done; done
        ip link add nsxt-a netns $one type veth peer name nsxt-b netns $other
        nsenter -t $one -n ip address add 10.9.9.1/24 dev nsxt-a
        nsenter -t $other -n ip address add 10.9.9.2/24 dev nsxt-b
        nsenter -t $one -n ip link set nsxt-a up
        nsenter -t $other -n ip link set nsxt-b up
        nsenter -t $one -n ip -o -4 address | awk '{ print $2, $4 }'
        nsenter -t $other -n ip -o route | cut -d' ' -f1-3
        kill $one $other"#;
    assert_same(session, script);
}
