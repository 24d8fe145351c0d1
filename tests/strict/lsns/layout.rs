//! The forms of output: raw, JSON, and column widths, on terminals and without UTF-8.

use super::{ODD, SCENE, all_same, in_scene, later, nsx_gives, options_same, scene};
use crate::{
    strict::beside_newest,
    support::{Need, Session, Test, both},
};
use serde_json::Value;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = vec![
        both(raw),
        both(json),
        both(without_utf8),
        both(json_on_one_line_is_the_same),
    ];
    tests.extend(beside_newest([
        both(terminals).needs([Need::Tool("script")])
    ]));
    tests
}

fn raw(session: &Session) {
    let options = [
        "-r",
        "-r -n",
        "-r -l",
        "-r -T",
        "-r -Tparent",
        "-r --output-all",
        "-r -t net",
    ];
    options_same(session, &scene(), &options);
    options_same(
        session,
        &scene(),
        later(&["-r -T -t uts -o USER,PID,COMMAND"]),
    );
}

fn json(session: &Session) {
    let scene = format!("{ODD}{SCENE}");
    let options = [
        "-J -l",
        "-J -T",
        "-J -Tparent",
        "-J -Tprocess",
        "-J --output-all -l",
        "-J --output-all -T",
        "-J --output-all",
        "-J -l -t net",
        "-J -Tprocess -o NS",
        "-J -n -t time -l",
        "--json --list",
    ];
    options_same(session, &scene, &options);
    let later = later(&[
        "-J -T -t uts -o UID,USER,PPID,PID,NPROCS,PATH,PNS,ONS,NETNSID,NSFS,COMMAND",
        "-J -T -t uts -o NS,UID,COMMAND",
    ]);
    options_same(session, &scene, later);
    // An independent parser accepts the JSON.
    for (line, [_, nsx]) in in_scene(
        session,
        &scene,
        &["lsns -J", "lsns -J -T --output-all", "lsns -J -l -t uts"],
    ) {
        let text: Vec<u8> = nsx.stdout.chars().map(|byte| byte as u8).collect();
        let value: Value =
            serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(
            value["namespaces"]
                .as_array()
                .is_some_and(|rows| !rows.is_empty()),
            "{line}"
        );
    }
}

fn json_on_one_line_is_the_same(session: &Session) {
    nsx_gives(
        session,
        "",
        &[
            (
                "LIBSMARTCOLS_JSON=lines lsns -J -l -t time -o type,pid -Q 'PID == 1'",
                "{\"type\":\"time\",\"pid\":1}\n",
            ),
            (
                "LIBSMARTCOLS_JSON=lines lsns -J -l -t time -o NS -Q 'PID == 0'",
                "",
            ),
        ],
    );
    let line = "LIBSMARTCOLS_JSON=compact lsns -J -T -o TYPE,NS";
    let pretty = line.replace("LIBSMARTCOLS_JSON=compact ", "");
    let seen = in_scene(session, &format!("{ODD}{SCENE}"), &[line, &pretty]);
    let [compact, pretty] =
        [0, 1].map(|place: usize| serde_json::from_str::<Value>(&seen[place].1[1].stdout).unwrap());
    assert_eq!(compact, pretty);
    assert_eq!(seen[0].1[1].stdout.lines().count(), 1);
}

fn without_utf8(session: &Session) {
    for locale in [
        "LC_ALL=C",
        "LC_ALL= LC_CTYPE=C.UTF-8 LANG=C",
        "LC_ALL= LANG=C",
        "LC_ALL=POSIX LANG=C.UTF-8",
    ] {
        let options = ["", "-T", "-r", "-t net"]
            .iter()
            .chain(later(&["-J -T -t net"]));
        let lines: Vec<String> = options
            .map(|options| format!("{locale} lsns {options}"))
            .collect();
        all_same(
            session,
            &scene(),
            &lines.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
}

/// Runs lsns on a terminal of this width.
pub(super) fn on_terminal(width: &str, options: &str) -> String {
    format!("script -qec 'stty cols {width} -opost; lsns {options}' /dev/null")
}

fn terminals(session: &Session) {
    let mut lines = Vec::new();
    for width in ["80", "40", "160"] {
        for options in [
            "",
            "-l",
            "-T",
            "-Tparent",
            "-n",
            "-u",
            "-t net",
            "--output-all",
            "-r",
            "-J -l -t net",
        ] {
            lines.push(on_terminal(width, options));
        }
    }
    for width in ["60", "61", "62", "63"] {
        lines.push(on_terminal(width, "-o COMMAND,NS,COMMAND"));
        lines.push(on_terminal(width, "-T -o COMMAND,NS,COMMAND,COMMAND"));
    }
    lines.extend(["1", "20", "500", "0"].map(|width| on_terminal(width, "-o PID,COMMAND,TYPE")));
    // The width in the variable is ignored.
    lines.push(format!("COLUMNS=30 {}", on_terminal("70", "")));
    lines.push("COLUMNS=30 lsns".to_owned());
    all_same(
        session,
        &scene(),
        &lines.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}
