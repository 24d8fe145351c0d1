//! `nsx unshare`: the program's user and groups, inside and as seen from outside.

use crate::support::{Need, Session, Test, both, ordinary, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_user_namespace_alone_maps_no_id),
        both(root_is_mapped_to_the_caller),
        both(the_caller_is_mapped_to_itself),
        both(a_single_id_is_mapped_by_number_and_by_name),
        both(an_unknown_user_name_is_refused),
        both(setgroups_is_denied_or_allowed),
        root(another_user_owns_the_user_namespace),
        root(the_program_becomes_a_user_and_a_group),
        root(a_program_with_other_ids_dies_with_nsx_too),
        ordinary(an_id_that_is_not_mapped_is_refused),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// Prints user, group and both maps, each on a line with single spaces.
const PRINT_IDS: &str =
    "echo $(id -u) $(id -g); echo $(cat /proc/self/uid_map); echo $(cat /proc/self/gid_map)";

fn another_user_owns_the_user_namespace(session: &Session) {
    let script = format!("{PRINT_IDS}; cat /proc/self/setgroups");
    let output = session
        .nsx("unshare --owner 4242:4243 -r sh -c")
        .arg(&script)
        .output();
    assert_eq!(output, "0 0\n0 4242 1\n0 4243 1\ndeny");
    // The owner of the user namespace may enter it.
    let nsx = session
        .nsx("unshare --owner 4242:4242 -r --uts sleep 100")
        .start();
    let enter = format!(
        "setpriv --reuid=4242 --regid=4242 --clear-groups nsx enter {} id -u",
        nsx.program("sleep").id()
    );
    assert_eq!(session.command(&enter).output(), "0");
    for wrong in ["4242", "a:b", "1:2:3", "4294967295:0", "-1:0"] {
        session
            .nsx(&format!("unshare --owner={wrong} touch ran"))
            .run()
            .exited(125);
    }
    let other =
        "setpriv --reuid=4242 --regid=4242 --clear-groups nsx unshare --owner 1:1 touch ran";
    session.command(other).run().exited(125);
    assert!(!session.path("ran").exists());
}

/// Returns what a program prints with these single ids.
fn mapped(session: &Session, inside: (u32, u32)) -> String {
    let (user, group) = session.ids();
    format!("{0} {1}\n{0} {user} 1\n{1} {group} 1", inside.0, inside.1)
}

fn a_user_namespace_alone_maps_no_id(session: &Session) {
    // The overflow ids, see proc_sys_kernel(5).
    assert_eq!(
        session.nsx("unshare -U sh -c").arg(PRINT_IDS).output(),
        "65534 65534\n\n"
    );
}

fn root_is_mapped_to_the_caller(session: &Session) {
    for option in ["-r", "--map-root-user", "-rU", "--map-user=0 --map-group=0"] {
        let output = session
            .nsx(&format!("unshare {option} sh -c"))
            .arg(PRINT_IDS)
            .output();
        assert_eq!(output, mapped(session, (0, 0)), "{option}");
    }
}

fn the_caller_is_mapped_to_itself(session: &Session) {
    for option in ["-c", "--map-current-user"] {
        let output = session
            .nsx(&format!("unshare {option} sh -c"))
            .arg(PRINT_IDS)
            .output();
        assert_eq!(output, mapped(session, session.ids()), "{option}");
    }
}

fn a_single_id_is_mapped_by_number_and_by_name(session: &Session) {
    let number = |command: &str| session.shell(command).output().parse::<u32>().unwrap();
    let (daemon, mail) = (
        number("id -u daemon"),
        number("getent group mail | cut -d: -f3"),
    );
    for (options, ids) in [
        ("--map-user 1000 --map-group 1001", (1000, 1001)),
        ("--map-user=daemon --map-group=mail", (daemon, mail)),
        // The highest possible id: -1 is invalid.
        (
            "--map-user 4294967294 --map-group 4294967294",
            (4294967294, 4294967294),
        ),
    ] {
        let output = session
            .nsx(&format!("unshare {options} sh -c"))
            .arg(PRINT_IDS)
            .output();
        assert_eq!(output, mapped(session, ids), "{options}");
    }
    let output = session
        .nsx("unshare --map-user 1000 sh -c")
        .arg(PRINT_IDS)
        .output();
    assert_eq!(output, format!("1000 65534\n1000 {} 1\n", session.ids().0));
}

fn an_unknown_user_name_is_refused(session: &Session) {
    for option in ["--map-user", "--map-group", "-S", "-G"] {
        session
            .nsx(&format!("unshare -U {option} no-such-name touch ran"))
            .run()
            .exited(125)
            .says(&["no-such-name"]);
    }
    for id in ["4294967295", "4294967296", "-1", "0x10", ""] {
        session
            .nsx(&format!("unshare --map-user={id} touch ran"))
            .run()
            .exited(125);
    }
    assert!(!session.path("ran").exists());
}

fn setgroups_is_denied_or_allowed(session: &Session) {
    let rule = |options: &str| {
        session
            .nsx(&format!("unshare {options} cat /proc/self/setgroups"))
            .output()
    };
    assert_eq!(rule("-U"), "allow");
    assert_eq!(rule("-U --setgroups allow"), "allow");
    assert_eq!(rule("-U --setgroups deny"), "deny");
    assert_eq!(rule("-r"), "deny");
    assert_eq!(rule("-r --setgroups deny"), "deny");
    if session.is_root() {
        assert_eq!(
            rule("-r --setgroups allow"),
            "allow",
            "root may map a group and leave setgroups alone"
        );
    } else {
        session
            .nsx("unshare -r --setgroups allow touch ran")
            .run()
            .exited(125)
            .says(&["setgroups"]);
    }
    session
        .nsx("unshare -U --setgroups bogus touch ran")
        .run()
        .exited(125)
        .says(&["bogus", "allow", "deny"]);
    assert!(!session.path("ran").exists());
}

fn the_program_becomes_a_user_and_a_group(session: &Session) {
    let script = "echo $(id -u) $(id -g) $(id -G); grep CapEff /proc/self/status";
    for options in ["--uts -S 4243 -G 4244", "--pid --setuid 4243 --setgid 4244"] {
        let nsx = format!("setpriv --groups=4245,4246 -- nsx unshare {options} sh -c");
        let output = session.command(&nsx).arg(script).output();
        assert_eq!(
            output, "4243 4244 4244\nCapEff:\t0000000000000000",
            "{options}"
        );
    }
    let output = session
        .nsx("unshare --uts -G mail -S daemon sh -c")
        .arg("id -un; id -gn; id -Gn")
        .output();
    assert_eq!(output, "daemon\nmail\nmail");
}

fn a_program_with_other_ids_dies_with_nsx_too(session: &Session) {
    // The kernel forgets the death signal when a process changes its ids.
    let nsx = session
        .nsx("unshare --uts --fork -S 4243 -G 4244 sleep 100")
        .start();
    let sleep = nsx.program("sleep");
    nsx.signal(rustix::process::Signal::KILL);
    assert!(sleep.ended(std::time::Duration::from_secs(10)));
}

fn an_id_that_is_not_mapped_is_refused(session: &Session) {
    session
        .nsx("unshare -r -S 1 touch ran")
        .run()
        .exited(125)
        .says(&["user 1"]);
    assert!(!session.path("ran").exists());
    assert_eq!(session.nsx("unshare -r -S 0 id -u").output(), "0");
}
