//! Limits and the like from a user's file: they are set with the program's privileges inside, after
//! joining.

use super::world::{AS_MAPPER, BUNDLE, Named, RUNTIME, World};
use crate::support::{Cgroups, Session, Test, procfs, root};

pub(super) fn tests() -> Vec<Test> {
    vec![root(a_users_file_raises_no_limit_with_roots_privileges)]
}

fn a_users_file_raises_no_limit_with_roots_privileges(session: &Session) {
    let world = World::new(session, Cgroups::AsOutside);
    // The user's limits and score, which the user cannot raise.
    let script = format!(
        r#"echo 300 >/proc/self/oom_score_adj
        {AS_MAPPER} prlimit --nofile=100:200 --memlock=65536:65536 unshare --user --map-root-user --mount sleep 1000 & pid=$!
        until [ "$(cat /proc/$pid/comm)" = sleep ]; do sleep 0.01; done
        echo $pid; wait"#
    );
    let container = world.host.shell(&script).start();
    let pid = container.line().parse().unwrap();
    world.crun(
        &format!("{RUNTIME}/crun"),
        "web",
        Named::of(&world.host, pid),
    );
    let limits = r#"{"type":"RLIMIT_NOFILE","soft":150,"hard":180},{"type":"RLIMIT_CORE","soft":0,"hard":0},
        {"type":"RLIMIT_MEMLOCK","soft":18446744073709551615,"hard":18446744073709551615}"#;
    let config = format!(
        r#"{{"process":{{"user":{{"uid":0,"gid":0}},"cwd":"/","env":["PATH=/bin"],"oomScoreAdj":-1000,"rlimits":[{limits}]}}}}"#
    );
    world
        .mapper(&format!("echo '{config}' >{BUNDLE}/config.json"))
        .run()
        .exited(0);

    let enter = |words: &str| {
        world
            .host
            .command(&format!("nsx enter oci:mapper@web {words}"))
            .output()
    };
    let plan = enter("--explain true");
    let line = |word: &str| plan.lines().position(|line| line.contains(word));
    let joins = line("CLONE_NEWUSER").unwrap_or_else(|| panic!("{plan}"));
    for word in ["oom_score_adj", "RLIMIT_NOFILE", "RLIMIT_MEMLOCK"] {
        assert!(
            line(word).is_none_or(|line| line > joins),
            "{word} comes before {joins}: {plan}"
        );
    }
    let program = world
        .host
        .command("nsx enter oci:mapper@web -- sleep 1000")
        .start();
    let sleep = program.program("sleep").id();
    let score = std::fs::read_to_string(format!("/proc/{sleep}/oom_score_adj")).unwrap();
    assert!(score.trim().parse::<i32>().unwrap() >= 0, "{score}");
    let limits = std::fs::read_to_string(format!("/proc/{sleep}/limits")).unwrap();
    let limit = |name: &str| {
        let rest = limits
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        rest.split_whitespace()
            .take(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(limit("Max open files"), ["150", "180"]);
    // Nothing beyond root's own command.
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    let own = own
        .lines()
        .find(|line| line.starts_with("Max locked memory"))
        .unwrap();
    assert!(
        own.contains("unlimited") || limit("Max locked memory")[1] != "unlimited",
        "{limits}"
    );
    assert_ne!(procfs::ns(sleep, "user"), procfs::ns("self", "user"));
}
