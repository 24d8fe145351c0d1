//! Options and results of releases since 2.40, as the reference of util-linux describes them.

use crate::strict::assert_gives;
use crate::support::{Need, Session, Test, both, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(options_of_later_releases_give_what_the_reference_says),
        both(an_interpreter_comes_with_a_procfs),
        root(a_range_of_one_id_is_a_range),
        root(the_callers_ids_are_mapped_also_for_another_owner),
        root(the_invalid_id_is_refused),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
    .collect()
}

fn options_of_later_releases_give_what_the_reference_says(session: &Session) {
    let r = session.map_root();
    for (since, script, stdout) in [
        (
            (2, 43),
            format!("A=1 B=2 unshare {r}--clear-env /usr/bin/env"),
            "",
        ),
        (
            (2, 43),
            format!(
                "A=1 B=2 C=3 unshare {r}--whitelist-env A --whitelist-env C,D /usr/bin/env | \
            sort"
            ),
            "A=1\nC=3\n",
        ),
        (
            (2, 42),
            "unshare -r --forward-signals sh -c 'trap \"echo got; exit 7\" TERM; : >ready; while \
            :; do sleep 0.01; done' & \
             until [ -e ready ]; do sleep 0.01; done; kill -TERM $!; wait $!; echo $?"
                .to_owned(),
            "got\n7\n",
        ),
        (
            (2, 41),
            "unshare -rpf --mount-binfmt ls /proc/sys/fs/binfmt_misc".to_owned(),
            "register\nstatus\n",
        ),
        (
            (2, 41),
            "unshare -rpf -l :x:M::XYZ::/bin/sh:F ls /proc/sys/fs/binfmt_misc".to_owned(),
            "register\nstatus\nx\n",
        ),
        (
            (2, 42),
            "unshare --owner $(id -u):$(id -g) -r id -u".to_owned(),
            "0\n",
        ),
    ] {
        assert_gives(session, since, &script, 0, stdout, "");
    }
}

fn an_interpreter_comes_with_a_procfs(session: &Session) {
    let load = "-l :yx:E::abcd::/bin/true:";
    let refused = "unshare: mount /proc failed: Operation not permitted\n";
    for (options, stdout) in [
        ("", "/proc/1\n"),
        ("--mount-binfmt=/mnt", "/proc/1\n"),
        // A /proc that is requested alone is mounted elsewhere.
        ("--mount-proc=/mnt", "many\n"),
    ] {
        let show = "sh -c 'set -- /proc/[0-9]*; [ $# = 1 ] && echo $1 || echo many'";
        assert_gives(
            session,
            (2, 42),
            &format!("unshare -rpf {load} {options} {show}"),
            0,
            stdout,
            "",
        );
    }
    for options in ["-l foo", "-l ''", "--mount-binfmt", load] {
        assert_gives(
            session,
            (2, 42),
            &format!("unshare -r {options} true"),
            1,
            "",
            refused,
        );
    }
    let given = format!("unshare -r --mount-binfmt=/mnt {load} ls /mnt");
    assert_gives(session, (2, 42), &given, 0, "register\nstatus\nyx\n", "");
    let both = "unshare -rpf --mount-proc=/mnt --mount-binfmt sh -c 'echo /mnt/[0-9]*'";
    assert_gives(session, (2, 42), both, 0, "/mnt/1\n", "");
}

fn a_range_of_one_id_is_a_range(session: &Session) {
    for (options, setgroups, map) in [
        ("--map-users=0:0:1 --map-groups=0:0:1", "allow", "0 0 1"),
        ("--map-users=0:0:1 --map-groups=5:0:1", "allow", "5 0 1"),
        ("--map-groups=0:0:1 -r", "allow", "0 0 1"),
        ("--map-users=0:0:1 --map-group=0", "deny", "0 0 1"),
        ("--map-users=0:0:2 -r", "deny", "0 0 1"),
    ] {
        let script = format!(
            "unshare {options} sh -c 'cat /proc/self/setgroups; echo $(cat /proc/self/gid_map)'"
        );
        assert_gives(
            session,
            (2, 42),
            &script,
            0,
            &format!("{setgroups}\n{map}\n"),
            "",
        );
    }
}

fn the_callers_ids_are_mapped_also_for_another_owner(session: &Session) {
    let show =
        "sh -c 'echo $(id -u) $(cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups)'";
    for (options, seen) in [
        ("--owner=1007:1007 -r", "65534 0 0 1 0 0 1 allow"),
        ("--owner=1007:1008 -c", "65534 0 0 1 0 0 1 allow"),
        ("--owner=1007:1007 -rf", "65534 0 0 1 0 0 1 allow"),
        ("--owner=0:0 -c", "0 0 0 1 0 0 1 allow"),
        ("--owner=0:1008 -r", "0 0 0 1 0 0 1 allow"),
        ("--owner=1007:1008 --map-user=5", "65534 5 0 1 allow"),
        ("--owner=1007:1008 --map-group=5", "65534 5 0 1 allow"),
        (
            "--owner=1007:1008 -r --setgroups=allow",
            "65534 0 0 1 0 0 1 allow",
        ),
        (
            "--owner=1007:1008 -r --map-users=1:2000:10",
            "65534 0 0 1 1 2000 10 0 0 1 allow",
        ),
        (
            "--owner=1007:1008 --map-users=0:1007:1 --map-groups=0:1008:1",
            "0 0 1007 1 0 1008 1 allow",
        ),
        ("--owner=1007:1008", "65534 allow"),
    ] {
        assert_gives(
            session,
            (2, 42),
            &format!("unshare {options} {show}"),
            0,
            &format!("{seen}\n"),
            "",
        );
    }
}

fn the_invalid_id_is_refused(session: &Session) {
    for (options, call) in [
        ("-S", "setuid()"),
        ("-G", "setgid()"),
        ("-S 5 -G", "setgid()"),
    ] {
        let error = format!("unshare: {call} failed: Invalid argument\n");
        assert_gives(
            session,
            (2, 42),
            &format!("unshare {options} 4294967295 true"),
            1,
            "",
            &error,
        );
    }
}
