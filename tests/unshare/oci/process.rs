//! Restrictions on a bundle's program, compared with runc's: limits, umask, hidden paths, filters,
//! time; and the program's home directory.

use super::beside::{assert_same, bundle, run};
use crate::support::{Cgroups, Host, Need, Session, Test, both, root};
use serde_json::{Value, json};
use std::fs;

pub(super) fn tests() -> Vec<Test> {
    let runc = [Need::Tool("runc"), Need::Tool("ip")];
    let tests = [
        root(limits_score_and_umask_are_those_of_runc).needs(runc),
        root(hidden_paths_are_those_of_runc).needs(runc),
        root(filters_of_system_calls_are_those_of_runc).needs(runc),
        root(home_is_that_of_runc).needs(runc),
        both(limits_are_set_in_a_new_user_namespace),
        both(a_filter_holds_the_program_and_its_children),
        both(clocks_are_set),
        both(invalid_process_settings_are_refused),
    ];
    tests
        .into_iter()
        .map(|test| test.needs([Need::Namespaces, Need::Tool("busybox")]))
        .collect()
}

fn limits_score_and_umask_are_those_of_runc(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let script = "cat /proc/self/limits /proc/self/oom_score_adj; umask; touch /tmp/x; busybox \
    stat -c %a /tmp/x";
    let process = |process: Value| {
        let mut bundle = bundle(script, &process);
        bundle["mounts"]
            .as_array_mut()
            .unwrap()
            .push(json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}));
        bundle
    };
    let limit =
        |name: &str, soft: u64, hard: u64| json!({"type": name, "soft": soft, "hard": hard});
    let bundles = [
        process(json!({})),
        process(json!({"user": {"uid": 0, "gid": 0, "umask": 0o27}})),
        process(json!({"user": {"uid": 1000, "gid": 5, "umask": 0}})),
        process(json!({"oomScoreAdj": 321})),
        process(json!({"oomScoreAdj": -321, "user": {"uid": 7, "gid": 7}})),
        process(json!({"rlimits": [
            limit("RLIMIT_NOFILE", 100, 200), limit("RLIMIT_CORE", 0, u64::MAX), limit("RLIMIT_CPU", 50, 60),
            limit("RLIMIT_AS", 1 << 40, 1 << 41), limit("RLIMIT_NICE", 3, 4), limit("RLIMIT_RTTIME", 5, 6),
            limit("RLIMIT_STACK", 1 << 20, 1 << 22), limit("RLIMIT_MEMLOCK", u64::MAX, u64::MAX),
        ]})),
        // Raised, and lowered again.
        process(json!({"user": {"uid": 9, "gid": 9}, "rlimits": [
            limit("RLIMIT_NOFILE", 1 << 20, 1 << 20), limit("RLIMIT_SIGPENDING", 10, 10), limit("RLIMIT_NOFILE", 7, 8),
        ]})),
        process(json!({"rlimits": [limit("RLIMIT_FLY", 1, 1)]})),
        process(json!({"rlimits": [limit("RLIMIT_NOFILE", 9, 8)]})),
    ];
    // Lowering a score and raising a limit requires CAP_SYS_RESOURCE, which a test machine may
    // lack.
    let ran = assert_same(
        &host,
        session,
        "mkdir root/proc; mkdir -m 1777 root/tmp",
        &bundles,
    );
    assert!((4..=7).contains(&ran), "{ran}");
}

fn hidden_paths_are_those_of_runc(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let script = "cat /file; ls -A /directory; busybox stat -c '%a %F' /directory; echo x > \
    /protected/x; ls /protected; \
        echo x > /proc/sys/kernel/hostname; cat /proc/keys; ls /proc/acpi; echo x > /file; \
        busybox awk '$5 ~ /protected|directory|sys/ { print $5, $6 } $5 ~ /file|keys/ { print $5 \
    }' /proc/self/mountinfo";
    let mut bundle = bundle(script, &json!({}));
    bundle["linux"]["maskedPaths"] = json!([
        "/file",
        "/directory",
        "/missing",
        "/proc/keys",
        "/proc/acpi",
        "/protected/inner"
    ]);
    bundle["linux"]["readonlyPaths"] = json!([
        "/protected",
        "/proc/sys",
        "/missing/too",
        "/protected/inner"
    ]);
    let prepare = "mkdir -p root/proc root/directory root/protected/inner; echo secret | tee \
    root/file root/directory/file";
    assert_eq!(assert_same(&host, session, prepare, &[bundle]), 1);
    let changed = session
        .shell("ls bundles/0/nsx/root/protected; cat bundles/0/nsx/root/file")
        .output();
    assert_eq!(changed, "inner\nsecret");
}

/// A profile with these rules, as engines write it.
fn profile(default: &str, rules: Value) -> Value {
    json!({
        "defaultAction": default, "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": rules,
    })
}

fn filters_of_system_calls_are_those_of_runc(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let script = "busybox grep -E '^(NoNewPrivs|Seccomp)' /proc/self/status; mkdir /tmp/x; echo \
    $?; busybox chmod 700 /tmp; \
        echo $?; (busybox hostid; busybox sync); echo $?; busybox unshare -u true; echo $?; \
    busybox nice -n 5 true; echo $?";
    let mut bundles = Vec::new();
    for seccomp in [
        profile(
            "SCMP_ACT_ALLOW",
            json!([{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO"}]),
        ),
        profile(
            "SCMP_ACT_ALLOW",
            json!([{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]),
        ),
        profile(
            "SCMP_ACT_ALLOW",
            json!([{"names": ["sync"], "action": "SCMP_ACT_KILL"}]),
        ),
        profile(
            "SCMP_ACT_ALLOW",
            json!([{"names": ["sync"], "action": "SCMP_ACT_KILL_PROCESS"}]),
        ),
        profile(
            "SCMP_ACT_ALLOW",
            json!([{"names": ["sync"], "action": "SCMP_ACT_TRAP"}]),
        ),
        profile(
            "SCMP_ACT_ALLOW",
            json!([{"names": ["sync", "no_such_call"], "action": "SCMP_ACT_LOG"}]),
        ),
        profile("SCMP_ACT_LOG", json!([])),
        // CLONE_NEWUTS, in three ways.
        profile(
            "SCMP_ACT_ALLOW",
            json!([{"names": ["unshare"], "action": "SCMP_ACT_ERRNO", "args": [
            {"index": 0, "value": 0x0400_0000, "op": "SCMP_CMP_EQ"}]}]),
        ),
        profile(
            "SCMP_ACT_ALLOW",
            json!([{"names": ["unshare"], "action": "SCMP_ACT_ERRNO", "args": [
            {"index": 0, "value": 0x0400_0000, "op": "SCMP_CMP_NE"}]}]),
        ),
        profile(
            "SCMP_ACT_ALLOW",
            json!([{"names": ["unshare"], "action": "SCMP_ACT_ERRNO", "args": [
            {"index": 0, "value": 0x7e02_0000, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]}]),
        ),
        profile(
            "SCMP_ACT_ALLOW",
            json!([
            {"names": ["chmod", "fchmodat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5, "args": [
                {"index": 1, "value": 1, "op": "SCMP_CMP_GE"}, {"index": 1, "value": 0o777, "op": "SCMP_CMP_LE"}]},
            {"names": ["setpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13}]),
        ),
    ] {
        for more in [
            json!({}),
            json!({"noNewPrivileges": true}),
            json!({"noNewPrivileges": true, "user": {"uid": 5, "gid": 5}}),
        ] {
            let mut one = bundle(script, &more);
            one["mounts"]
                .as_array_mut()
                .unwrap()
                .push(json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}));
            one["linux"]["seccomp"] = seccomp.clone();
            bundles.push(one);
        }
    }
    let ran = assert_same(
        &host,
        session,
        "mkdir root/proc; mkdir -m 1777 root/tmp",
        &bundles,
    );
    assert_eq!(ran, bundles.len());
    // The minimum for a shell, without newer calls.
    let names = [
        "access",
        "arch_prctl",
        "brk",
        "capget",
        "capset",
        "close",
        "dup",
        "dup2",
        "execve",
        "exit_group",
        "fcntl",
        "fstat",
        "futex",
        "getcwd",
        "getegid",
        "geteuid",
        "getgid",
        "getpgrp",
        "getpid",
        "getppid",
        "getrandom",
        "getuid",
        "ioctl",
        "lseek",
        "mmap",
        "mprotect",
        "munmap",
        "newfstatat",
        "open",
        "openat",
        "pipe",
        "pipe2",
        "poll",
        "prctl",
        "prlimit64",
        "read",
        "readlink",
        "rseq",
        "rt_sigaction",
        "rt_sigprocmask",
        "rt_sigreturn",
        "set_robust_list",
        "set_tid_address",
        "setgid",
        "setgroups",
        "setuid",
        "sigaltstack",
        "stat",
        "uname",
        "wait4",
        "write",
        "writev",
        "epoll_ctl",
        "nanosleep",
        "clone",
        "madvise",
        "sched_getaffinity",
        "gettid",
        "tgkill",
        "epoll_pwait",
        "epoll_create1",
        "eventfd2",
        "fstatfs",
        "getdents64",
        "statfs",
        "chdir",
        "faccessat2",
        "faccessat",
        "sched_yield",
        "exit",
        "clone3",
        "close_range",
        "umask",
    ];
    let allowed = json!([{"names": names.to_vec(), "action": "SCMP_ACT_ALLOW"}]);
    let mut strict = bundle(
        "echo ran; busybox mkdir /y; busybox grep Seccomp: /proc/self/status",
        &json!({"noNewPrivileges": true}),
    );
    strict["linux"]["seccomp"] = profile("SCMP_ACT_ERRNO", allowed);
    let [[runc, nsx]] =
        <[_; 1]>::try_from(run(&host, session, "mkdir root/proc", &[strict])).unwrap();
    assert_eq!(
        (&runc, runc.output.starts_with("ran\n")),
        (&nsx, true),
        "{runc:?}"
    );
}

fn home_is_that_of_runc(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let process = |user: u32, env: &[&str]| {
        let env: Vec<_> = ["PATH=/bin"].iter().chain(env).collect();
        bundle(
            "echo \"${HOME-unset}\"",
            &json!({"user": {"uid": user, "gid": 0}, "env": env}),
        )
    };
    let mut bundles = vec![
        process(0, &[]),
        process(7, &[]),
        process(8, &[]),
        process(9, &[]),
        process(7, &["HOME=/x"]),
        process(7, &["HOME="]),
    ];
    // The file that is mounted there counts, not the one in the root directory.
    let mut mounted = process(7, &[]);
    let passwd =
        json!({"destination": "/etc/passwd", "source": "/run/passwd", "options": ["bind"]});
    mounted["mounts"].as_array_mut().unwrap().push(passwd);
    bundles.push(mounted);
    host.shell("echo seven:x:7:7::/mounted:/bin/sh > /run/passwd")
        .run()
        .exited(0);
    let prepare = "mkdir root/proc root/etc; printf '%s\\n' root:x:0:0::/root:/bin/sh \
    seven:x:7:7::/srv/seven:/bin/sh \
        eight:x:8:8:::/bin/sh > root/etc/passwd";
    assert_eq!(
        assert_same(&host, session, prepare, &bundles),
        bundles.len()
    );
    assert_eq!(
        assert_same(&host, session, "mkdir root/proc", &bundles[..2]),
        2
    );
}

/// Writes a bundle that maps user 0 to the test's user.
fn mapped(session: &Session, script: &str, process: Value, linux: Value) {
    if !session.path("root").exists() {
        crate::unshare::root_directory::small_root(session);
    }
    let (user, group) = session.ids();
    let mut bundle = bundle(script, &process);
    let map = |id| json!([{"containerID": 0, "hostID": id, "size": 1}]);
    bundle["linux"]["uidMappings"] = map(user);
    bundle["linux"]["gidMappings"] = map(group);
    bundle["linux"]["namespaces"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "user"}));
    if let Some(namespaces) = linux.get("namespaces").and_then(Value::as_array) {
        bundle["linux"]["namespaces"]
            .as_array_mut()
            .unwrap()
            .extend(namespaces.clone());
    }
    let others = linux
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| *name != "namespaces");
    others.for_each(|(name, value)| bundle["linux"][name.as_str()] = value.clone());
    fs::write(session.path("config.json"), bundle.to_string()).unwrap();
}

fn limits_are_set_in_a_new_user_namespace(session: &Session) {
    let limits = json!([{"type": "RLIMIT_NOFILE", "soft": 70, "hard": 80}]);
    let process =
        json!({"rlimits": limits, "oomScoreAdj": 300, "user": {"uid": 0, "gid": 0, "umask": 0o77}});
    mapped(
        session,
        "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; umask",
        process,
        json!({}),
    );
    assert_eq!(
        session.nsx("unshare --from-oci .").output(),
        "70\n80\n300\n0077"
    );
    // A user who may raise a limit raises it, though nobody may in a new user namespace.
    let raises =
        "prlimit --nofile=64:64 prlimit --nofile=70:80 true 2>/dev/null && echo yes || echo no";
    let may_raise = session.shell(raises).output() == "yes";
    let outcome = session
        .command("prlimit --nofile=64:64 nsx unshare --from-oci .")
        .run();
    match may_raise {
        true => assert_eq!(outcome.exited(0).text(), "70\n80\n300\n0077"),
        false => drop(
            outcome
                .exited(125)
                .says(&["failed to set the resource limits", "not permitted"]),
        ),
    }
}

fn a_filter_holds_the_program_and_its_children(session: &Session) {
    let rules =
        json!([{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]);
    for (no_new_privs, options) in [
        (false, ""),
        (true, ""),
        (false, "--init "),
        (true, "--init "),
    ] {
        let seccomp = profile("SCMP_ACT_ALLOW", rules.clone());
        let process = json!({"noNewPrivileges": no_new_privs});
        mapped(
            session,
            "sh -c 'mkdir /tmp/x; echo $?'",
            process,
            json!({ "seccomp": seccomp }),
        );
        let outcome = session
            .nsx(&format!("unshare {options}--from-oci ."))
            .run()
            .exited(0);
        assert_eq!(outcome.text(), "1", "{options} {outcome}");
        let outcome = outcome.says(&["No space left on device"]);
        assert!(
            !String::from_utf8_lossy(&outcome.stderr).contains("not carried out"),
            "{outcome}"
        );
    }
}

fn clocks_are_set(session: &Session) {
    let offsets =
        json!({"boottime": {"secs": 86_400_000, "nanosecs": 5}, "monotonic": {"secs": 7}});
    let linux = json!({"namespaces": [{"type": "time"}], "timeOffsets": offsets});
    mapped(
        session,
        "cat /proc/self/timens_offsets; busybox cut -d. -f1 /proc/uptime",
        json!({}),
        linux,
    );
    let output = session.nsx("unshare --from-oci .").output();
    let lines: Vec<Vec<_>> = output
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines[..2],
        [
            vec!["monotonic", "7", "0"],
            vec!["boottime", "86400000", "5"]
        ],
        "{output}"
    );
    assert!(lines[2][0].parse::<u64>().unwrap() > 86_400_000, "{output}");
}

fn invalid_process_settings_are_refused(session: &Session) {
    let refused = |process: Value, linux: Value, reasons: &[&str]| {
        mapped(session, "echo ran", process, linux);
        let outcome = session
            .nsx("unshare --from-oci .")
            .run()
            .exited(125)
            .says(reasons);
        assert_eq!(outcome.text(), "");
    };
    let limit = |name: &str, soft: u64, hard: u64| json!({"rlimits": [{"type": name, "soft": soft, "hard": hard}]});
    refused(
        limit("RLIMIT_FLY", 1, 1),
        json!({}),
        &["process.rlimits", "RLIMIT_FLY"],
    );
    refused(
        limit("RLIMIT_NOFILE", 9, 8),
        json!({}),
        &["failed to set the resource limits"],
    );
    refused(
        json!({"cwd": "tmp"}),
        json!({}),
        &["process.cwd", "absolute", "tmp"],
    );
    refused(
        json!({"capabilities": {"effective": ["CAP_KILL"]}}),
        json!({}),
        &["effective", "permitted"],
    );
    refused(
        json!({}),
        json!({"timeOffsets": {"boottime": {"secs": 1}}}),
        &["linux.timeOffsets needs a time namespace"],
    );
    let offsets =
        json!({"timeOffsets": {"realtime": {"secs": 1}}, "namespaces": [{"type": "time"}]});
    refused(json!({}), offsets, &["no clock realtime"]);
    refused(
        json!({}),
        json!({"seccomp": {"defaultAction": "SCMP_ACT_FLY"}}),
        &["linux.seccomp", "no action SCMP_ACT_FLY"],
    );
    refused(
        json!({}),
        json!({"seccomp": {"defaultAction": "SCMP_ACT_NOTIFY"}}),
        &["SCMP_ACT_NOTIFY needs a supervisor"],
    );
    refused(
        json!({}),
        json!({"rootfsPropagation": "sideways"}),
        &["linux.rootfsPropagation", "sideways"],
    );
}
