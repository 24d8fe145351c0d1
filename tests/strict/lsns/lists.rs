//! Rows, their order in trees, and the value of each column.

use super::{ODD, SCENE, later, nsx_gives, options_same, scene};
use crate::support::{Session, Test, both, root};

pub(super) fn tests() -> Vec<Test> {
    vec![
        both(lists_and_trees_are_the_same),
        both(columns),
        both(rows_of_one_process_are_the_same),
        both(processes_of_one_namespace_are_the_same),
        root(users),
        both(filters),
    ]
}

fn lists_and_trees_are_the_same(session: &Session) {
    options_same(
        session,
        &scene(),
        &[
            "",
            "-l",
            "-n",
            "-u",
            "-W",
            "--list --noheadings --nowrap --notruncate",
            "-T",
            "-Towner",
            "-T=owner",
            "-Tparent",
            "-Tprocess",
            "--tree",
            "--tree=parent",
            "-l -T",
            "-T -l",
            "-Tprocess -l",
            "-T -Tprocess",
            "-Tprocess -T",
            "-t uts",
            "-t net",
            "-t net -l",
            "-t uts -t pid -t uts",
            "-t mnt -t ipc -t user -t cgroup -t time",
            "-t uts -Tprocess",
            "-t user -n -T",
            "12345",
            "1 abc",
            "18446744073709551615",
        ],
    );
    let later = later(&[
        "-t uts -T",
        "-t uts -Tparent",
        "-t pid -T",
        "-t pid -Tparent",
        "-t mnt -Tparent",
        "-p 0 1",
    ]);
    options_same(session, &scene(), later);
}

fn columns(session: &Session) {
    let all = "--output-all";
    options_same(
        session,
        &scene(),
        &[
            all,
            "--output-all -l",
            "--output-all -T",
            "--output-all -Tparent",
            "--output-all -Tprocess",
            "--output-all -o COMMAND,NS",
            "-o COMMAND,NS --output-all",
            "--output-all -o +NS -t uts",
            "-o NS",
            "-o ns,Type",
            "-o +PATH",
            "-o +PNS,ons",
            "-o COMMAND,NS,COMMAND,NS",
            "-T -o NS,NS,COMMAND",
            "-T -o TYPE,NS",
            "-T -o TYPE,PNS,ONS,PID",
            "-Tparent -o TYPE,PNS,ONS,PID",
            "-Tprocess -o TYPE,NS",
            "-Tprocess -o COMMAND",
            "-l -o PPID,PID,UID,USER",
            "-l -o PATH,NPROCS",
            "-l -o PATH,NPROCS -n",
        ],
    );
    let later = later(&[
        "-T -t uts -o TYPE,PID",
        "-T -t uts -o PID",
        "-T -t pid -o UID,USER,PPID,NPROCS,PATH,NETNSID,NSFS,COMMAND",
    ]);
    options_same(session, &scene(), later);
    // From a PID of three digits on, the column is as wide as for five.
    let numbers = format!(
        "{}echo 980 >/proc/sys/kernel/ns_last_pid && unshare -u sleep 1000 & until [ $(sleeps) -eq \
        10 ]; do :; done; ",
        scene()
    );
    if session.is_root() {
        options_same(
            session,
            &numbers,
            &[
                "",
                "-l -o PPID,PID",
                "-o PID",
                "-n -o TYPE,PID",
                "-t user -o TYPE,PID",
            ],
        );
    }
}

fn rows_of_one_process_are_the_same(session: &Session) {
    let options: Vec<String> = [
        "",
        "-l",
        "-T",
        "-Tparent",
        "-t net",
        "-r",
        "-J -l",
        "-o NS,PNS",
    ]
    .iter()
    .chain(later(&["-t pid -T", "-t pid -Tparent"]))
    .flat_map(|options| {
        [
            "1",
            "$(lsns -l -n -t pid -o PID | tail -n 1)",
            "$(lsns -l -n -t user -o PID | tail -n 1)",
        ]
        .map(|pid| format!("{options} -p {pid}"))
    })
    .chain(["-p 1 -p 2 -t uts".to_owned()])
    .collect();
    let scene = format!("{ODD}{SCENE}");
    options_same(
        session,
        &scene,
        &options.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

fn processes_of_one_namespace_are_the_same(session: &Session) {
    let options: Vec<String> = [
        "",
        "-l",
        "-n",
        "-r",
        "-J",
        "-J -l",
        "-T",
        "-Tparent",
        "-Tprocess",
        "--output-all",
        "-o PID",
        "-o +PATH",
        "-o NS,TYPE,NPROCS,PATH,UID",
        "-Towner -o NS,TYPE,NPROCS,PATH,UID",
        "-T -u -W -o user,pid,ns,netnsid,nprocs,ns",
        "-t net",
        "-t uts",
        "-u -W",
    ]
    .iter()
    // Namespaces that lsns itself is not in: its own PID differs each time.
    .flat_map(|options| {
        [
            "$(of net 2)",
            "$(of user 2)",
            "$(of pid 2)",
            "$(of uts 3) extra",
        ]
        .map(|ns| format!("{options} {ns}"))
    })
    .collect();
    let scene = format!("{ODD}{SCENE}");
    options_same(
        session,
        &scene,
        &options.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

fn users(session: &Session) {
    let scene = scene()
        + "as() { setpriv --reuid=$1 --regid=$1 --clear-groups \"${@:2}\"; }; \
           as 4242 unshare -r unshare -Ur unshare -npf sleep 1000 & as 1 unshare -r sleep 1000 & \
        as 4242 sleep 1000 & \
           until [ $(sleeps) -eq 12 ]; do :; done; ";
    let later = later(&[
        "-T -t net -o NS,USER,UID,PID",
        "-Tparent -t pid -o NS,USER,UID,PID",
        "-J -T -t net -o NS,USER,UID,PID",
        "-p $(lsns -l -n -t net -o PID | tail -n 1) -t pid -T",
    ]);
    options_same(
        session,
        &scene,
        &[&["", "-l -o +UID", "-T"], later].concat(),
    );
}

fn filters(session: &Session) {
    nsx_gives(
        session,
        "",
        &[
            (
                "lsns -l -n -o TYPE -Q 'TYPE == \"time\" && PID == 1'",
                "time\n",
            ),
            (
                "lsns -l -n -o TYPE -Q 'PID EQ 1 AND NOT (TYPE =~ \"^[^p]\")'",
                "pid\n",
            ),
            ("lsns -l -n -o TYPE,PID -Q 'NS > 4G'", ""),
            (
                "lsns -l -r -n -o PID -Q 'PPID == 0 && type == \"net\"'",
                "1\n",
            ),
            (
                "lsns -l -n -t net -o NSFS -W -Q 'NSFS =~ \"b c\"'",
                "/mnt/a,/mnt/b c,/mnt/longer-than-the-others-are\n",
            ),
            (
                "lsns -J -l -t net -o PID -Q 'COMMAND =~ \"nothing[ ]such\"'",
                "{\n   \"namespaces\": [\n\n   ]\n}\n",
            ),
            (
                "lsns -n -o PID -Q 'NPROCS >= 1K || false' && lsns -Q 'PNS == \"x\"'",
                "",
            ),
            (
                "lsns -Q 'NS =='",
                "lsns: failed to parse \"NS ==\": syntax error, unexpected end of file\n",
            ),
            (
                "lsns -Q 'FOO == 1'; echo $?",
                "1\nlsns: unknown column: FOO\nlsns: failed to initialize filter\n",
            ),
            (
                "lsns -Q ' '; echo $?",
                "1\nlsns: failed to parse \" \": syntax error, unexpected end of file\n",
            ),
            ("lsns -l -n -t time -o TYPE -Q ''", "time\ntime\n"),
        ],
    );
}
