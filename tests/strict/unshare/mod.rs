//! `unshare`: each option, its messages, the view from inside, and inherited state.

mod program;
mod since;

use super::{Side, assert_gives, assert_same, run};
use crate::support::{Need, Session, Test, both, root};

pub(crate) fn tests() -> Vec<Test> {
    let areas = [options(), program::tests(), since::tests()];
    areas.into_iter().flatten().collect()
}

fn options() -> Vec<Test> {
    vec![
        both(usage),
        both(wrong_words_give_the_same),
        both(each_kind_of_namespace_gives_the_same),
        both(ids),
        root(ranges_of_ids_give_the_same).needs([Need::Tool("newuidmap")]),
        both(mounts_root_and_working_directory_are_the_same),
        both(clocks).needs([Need::Kernel(5, 6)]),
        both(capabilities).needs([Need::Kernel(5, 6)]),
        root(persistent_files).needs([Need::Tool("taskset")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
    .collect()
}

#[track_caller]
fn all_same(session: &Session, scripts: &[&str]) {
    for script in scripts {
        assert_same(session, script);
    }
}

fn usage(session: &Session) {
    all_same(
        session,
        &[
            "unshare --bogus",
            "unshare -z",
            "unshare -rm=/x",
            "unshare -R",
            "unshare --root",
            "unshare --fork=1 true",
            "unshare --map-ro id -u",
            "unshare --prop private -r id -u",
            "unshare -r -- id -u",
            "unshare -- -x",
            "unshare -r id -u --fork",
            "unshare --version >/dev/full",
            "unshare --help >/dev/full",
            "unshare --help >&-",
            "unshare -h --bogus | head -n 4",
            "unshare --setgroups foo --bogus",
        ],
    );
    let ambiguous = "unshare: option '--map' is ambiguous; possibilities: '--map-user' \
    '--map-users' '--map-group' \
                     '--map-groups' '--map-root-user' '--map-current-user' '--map-auto' \
    '--map-subids'\n\
                     Try 'unshare --help' for more information.\n";
    assert_gives(session, (2, 41), "unshare --map", 1, "", ambiguous);
    let version = "unshare from util-linux 2.42.2\n";
    assert_eq!(run(session, Side::Nsx, "unshare --version").stdout, version);
    assert_eq!(
        session.nsx("compat unshare -V").run().exited(0).stdout,
        version.as_bytes()
    );
    session
        .nsx("compat bogus")
        .run()
        .exited(2)
        .says(&["bogus", "unshare"]);
}

fn wrong_words_give_the_same(session: &Session) {
    all_same(
        session,
        &[
            "unshare --setgroups foo true",
            "unshare --propagation foo true",
            "unshare --propagation '' true",
            "unshare --kill-child=FOO true",
            "unshare --kill-child=9 true",
            "unshare --kill-child= true",
            "unshare --kill-child=RTMIN true",
            "unshare -S abc true",
            "unshare -S '' true",
            "unshare -S 0x0 true",
            "unshare -S 99999999999999999999999 true",
            "unshare -G abc true",
            "unshare --monotonic x -T true",
            "unshare --monotonic 99999999999999999999 -T true",
            "unshare --boottime '' -T true",
            "unshare --setgroups allow -r true",
            "unshare --setgroups=allow --map-group 0 true",
        ],
    );
    for (script, stderr) in [
        (
            "--map-user nosuch",
            "failed to parse uid 'nosuch': Invalid argument",
        ),
        (
            "--map-group nosuch",
            "failed to parse gid 'nosuch': Invalid argument",
        ),
        ("--map-users 1:2", "invalid mapping '1:2'"),
        ("--map-groups 1:2:x", "invalid mapping '1:2:x'"),
        ("--owner 1", "failed to parse owner"),
        (
            "--monotonic 5",
            "options --monotonic and --boottime require unsharing of a time namespace (-T)",
        ),
    ] {
        let stderr = format!("unshare: {stderr}\n");
        // 2.42 gives no reason.
        let since = if stderr.contains("Invalid argument") {
            (2, 43)
        } else {
            (2, 42)
        };
        assert_gives(
            session,
            since,
            &format!("unshare {script} true"),
            1,
            "",
            &stderr,
        );
    }
}

fn each_kind_of_namespace_gives_the_same(session: &Session) {
    let apart = "for kind in cgroup ipc mnt net pid time user uts; do test \"$(readlink \
    /proc/self/ns/$kind)\" = \
                 \"$(readlink /proc/$PPID/ns/$kind)\" || echo $kind; done; cut -d: -f1 \
    /proc/net/dev | tail -n +3";
    let r = session.map_root();
    for option in [
        "-m", "-u", "-i", "-n", "-p", "-U", "-C", "-T", "-muin", "--mount", "--uts", "--ipc",
        "--net",
    ]
    .into_iter()
    .chain(["--pid", "--user", "--cgroup", "--time", ""])
    {
        assert_same(session, &format!("unshare {r}{option} -f sh -c '{apart}'"));
    }
    all_same(
        session,
        &[
            "unshare -rn ip -br link",
            "unshare -rC cat /proc/self/cgroup",
            "unshare -rp sh -c 'sh -c \"echo \\$\\$; :\"; true'",
            "unshare -u true",
            "unshare -m true",
        ],
    );
}

fn ids(session: &Session) {
    let show =
        "sh -c 'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups'";
    for options in [
        "-r",
        "-c",
        "-U",
        "-r -c",
        "-c -r",
        "--map-user 7",
        "--map-group 7",
        "--map-user bin --map-group bin",
        "-r --map-user 7",
        "--map-user 7 -r",
        "-c --map-group 9",
        "-U --setgroups allow",
        "-U --setgroups deny",
        "-r -S 0",
        "-r -G 0",
        "--setgroups deny",
        "--setgroups allow",
    ] {
        assert_same(session, &format!("unshare {options} {show}"));
    }
    let not_mapped = "unshare: setuid() failed: Invalid argument\n";
    assert_gives(session, (2, 42), "unshare -r -S 5 true", 1, "", not_mapped);
    if !session.is_root() {
        let unknown = "unshare: you (user 4242) don't exist.\n";
        assert_gives(session, (2, 42), "unshare --map-auto true", 1, "", unknown);
    }
}

/// A shell function that sets `child` to the only child of a process, once it has one.
pub(super) const CHILD_OF: &str = "child_of() { until child=$(tr -d ' ' \
</proc/$1/task/$1/children) && [ -n \"$child\" ]; \
                                   do sleep 0.01; done 2>/dev/null; }; ";

/// A system on which user 4242 has a name and ranges of ids, in a mount namespace of its own; then
/// `script` as that user.
pub(super) fn as_user_with_ranges(script: &str) -> String {
    let script = script.replace('\'', "'\\''");
    let system = "cp /etc/passwd passwd; echo tester:x:4242:4242::/:/bin/sh >>passwd; echo \
    tester:100000:65536 >ids; \
                  mount --bind passwd /etc/passwd; mount --bind ids /etc/subuid; mount --bind ids \
    /etc/subgid; \
                  install -d -o 4242 -g 4242 home; chmod a+x .. .; cd home; ";
    let run = format!("exec setpriv --reuid=4242 --regid=4242 --clear-groups sh -c '{script}'");
    format!(
        "/usr/bin/unshare -m sh -ec '{}'",
        format!("{system}{run}").replace('\'', "'\\''")
    )
}

fn ranges_of_ids_give_the_same(session: &Session) {
    let show = "sh -c 'cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups'";
    for options in ["--map-auto", "--map-users auto", "--map-groups auto"] {
        assert_same(
            session,
            &as_user_with_ranges(&format!("unshare {options} {show}")),
        );
    }
    for options in [
        "--map-users 100000,0,10",
        "--map-users 5,0,10",
        "--map-users 100000,0,10 --map-groups 7,0,10",
    ] {
        assert_same(
            session,
            &as_user_with_ranges(&format!("unshare {options} {show}")),
        );
    }
    // A range of groups needs no denial of setgroups; a single group does.
    for options in [
        "-r --map-auto",
        "-c --map-auto",
        "--map-groups 100000,0,5 --map-group 0",
        "-r --map-users 100000,0,5",
    ] {
        let script = format!("unshare {options} --setgroups allow cat /proc/self/setgroups");
        assert_same(session, &as_user_with_ranges(&script));
    }
    assert_same(
        session,
        &as_user_with_ranges(
            "unshare=$(command -v unshare); PATH=/nonexistent $unshare --map-auto true",
        ),
    );
    for (options, map) in [
        ("-r --map-auto", "0 4242 1 1 100000 65536"),
        (
            "-c --map-auto",
            "4242 4242 1 0 100000 4242 4243 104242 61294",
        ),
        ("-r --map-subids", "0 4242 1 100000 100000 65536"),
        (
            "--map-users 0:100000:10 --map-users 20:100100:5 -r",
            "0 4242 1 1 100000 9 20 100100 5",
        ),
    ] {
        let script =
            as_user_with_ranges(&format!("echo $(unshare {options} cat /proc/self/uid_map)"));
        assert_gives(session, (2, 41), &script, 0, &format!("{map}\n"), "");
    }
    let both = "echo $(unshare --map-groups 0:100000:5 --map-group 0 --setgroups allow cat \
    /proc/self/gid_map)";
    assert_gives(
        session,
        (2, 41),
        &as_user_with_ranges(both),
        0,
        "0 4242 1 1 100000 4\n",
        "",
    );
    let direct = "echo $(unshare --map-users 0:0:10 --map-users 20:30:5 --map-groups all cat \
    /proc/self/uid_map)";
    assert_gives(session, (2, 41), direct, 0, "0 0 10 20 30 5\n", "");
}

fn mounts_root_and_working_directory_are_the_same(session: &Session) {
    all_same(
        session,
        &[
            "unshare -rm sh -c 'grep -c shared /proc/self/mountinfo'",
            "unshare -rm unshare -m --propagation slave sh -c 'grep -c master /proc/self/mountinfo'",
            "unshare -rm --propagation shared sh -c 'grep -c shared /proc/self/mountinfo'",
            "unshare -rm --propagation shared unshare -m --propagation unchanged grep -c shared: \
            /proc/self/mountinfo",
            "unshare -rm --propagation shared unshare -m --propagation slave grep -c master: \
            /proc/self/mountinfo",
            "unshare -rpf --mount-proc sh -c 'cd /proc && echo [0-9]*; grep \" /proc \" mounts | \
            tail -n 1'",
            "unshare -rpf --mount-proc --propagation slave sh -c 'grep -c \" /proc \" \
            /proc/self/mountinfo'",
            "mkdir -p p; unshare -rpf --mount-proc=p cat p/1/comm",
            "mkdir -p p; unshare -rpf --mount-proc=$PWD/p --propagation shared cat p/1/comm",
            "unshare -rm --mount-proc=/nonexistent true",
            "unshare -m --propagation slave --mount-proc=/nonexistent true",
            "unshare -rm --propagation slave --mount-proc=/nonexistent true",
            "unshare -rm --propagation shared --mount-proc=/nonexistent true",
            "unshare -rm --propagation unchanged --mount-proc=/etc/passwd/x true",
            "unshare -rm --propagation shared --mount-proc=/etc/passwd true",
            "unshare -rm --propagation shared unshare -pfm --propagation slave --mount-proc sh -c \
             'grep \" /proc \" /proc/self/mountinfo | grep -c master:'",
            "unshare -rm --mount-proc= true",
            "unshare -rR / pwd",
            "unshare -rR / -w /usr/lib pwd",
            "unshare -w /usr/lib pwd",
            "unshare -rR /nonexistent true",
            "unshare -rR /etc/passwd true",
            "unshare -rR '' true",
            "mkdir -p r; unshare -rR r /bin/true",
        ],
    );
    let directory = "unshare: cannot change directory to /nonexistent: No such file or directory\n";
    assert_gives(
        session,
        (2, 42),
        "unshare -w /nonexistent true",
        1,
        "",
        directory,
    );
}

fn clocks(session: &Session) {
    let show = "cat /proc/self/timens_offsets";
    all_same(
        session,
        &[
            &format!("unshare -rT --boottime 5 --monotonic 100 {show}"),
            &format!("unshare -rT --monotonic ' 7' {show}"),
            &format!("unshare -rTf --boottime -5 {show}"),
            "unshare -rT --monotonic 99999999999999 true",
        ],
    );
}

fn capabilities(session: &Session) {
    for options in [
        "-r",
        "-U",
        "-c",
        "-c --keep-caps",
        "-U --keep-caps",
        "-rf --keep-caps",
        "--keep-caps",
    ] {
        assert_same(
            session,
            &format!("unshare {options} grep Cap /proc/self/status"),
        );
    }
}

fn persistent_files(session: &Session) {
    let outer = |script: &str| {
        let script = script.replace('\'', "'\\''");
        // On one processor: Linux 6.18 allows binding a mount namespace only in one with a lower
        // number, and each processor has its own range of numbers.
        let processor =
            "$(sed -n 's/^Cpus_allowed_list:[^0-9]*\\([0-9]*\\).*/\\1/p' /proc/self/status)";
        format!(
            "exec taskset -c {processor} /usr/bin/unshare -m sh -c 'mount -t tmpfs none .; cd .; \
            {script}'"
        )
    };
    for (option, kind) in [
        ("mount", "mnt"),
        ("uts", "uts"),
        ("ipc", "ipc"),
        ("net", "net"),
        ("cgroup", "cgroup"),
        ("time", "time"),
        ("fork --pid", "pid"),
    ] {
        let script = format!(
            "cd $PWD; : >file; unshare --{option}=file readlink /proc/self/ns/{kind} >seen; echo \
            $?; \
             test \"{kind}:[$(stat -c %i file)]\" = \"$(cat seen)\" && echo bound; stat -fc %T file"
        );
        assert_same(session, &outer(&script));
    }
    all_same(
        session,
        &[
            &outer("unshare --uts=missing/file true"),
            &outer("cd $PWD; : >file; unshare --pid=file true"),
        ],
    );
    let net = outer("cd $PWD; : >file; unshare -r --net=file true; stat -fc %T file");
    assert_gives(session, (2, 42), &net, 0, "nsfs\n", "");
    let user = outer(
        "cd $PWD; : >file; unshare -r --user=file readlink /proc/self/ns/user >seen; stat -fc %T \
        file",
    );
    assert_gives(session, (2, 42), &user, 0, "nsfs\n", "");
}
