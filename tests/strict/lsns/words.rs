//! Answers to the command line: usage, words that are not valid, and the list of columns.

use crate::{
    strict::{SIDES, Side, assert_gives, assert_same, run},
    support::{Need, Session, Test, both},
};
use serde_json::Value;

pub(super) fn tests() -> Vec<Test> {
    vec![
        both(usage),
        both(wrong_words_give_the_same),
        both(unused_pids_give_the_same),
        both(columns_are_listed),
    ]
}

fn usage(session: &Session) {
    for script in [
        "lsns --bogus",
        "lsns -z",
        "lsns -o",
        "lsns --no",
        "lsns --o",
        "lsns --raw=1",
        "lsns --version >/dev/full",
        "lsns --help >/dev/full",
        "lsns --help >&-",
        "lsns -h --bogus | head -n 2",
        "lsns -t foo --bogus",
    ] {
        assert_same(session, script);
    }
    let version = "lsns from util-linux 2.42.2\n";
    assert_eq!(run(session, Side::Nsx, "lsns -V --bogus").stdout, version);
    assert_eq!(
        session.nsx("compat lsns --vers").run().exited(0).stdout,
        version.as_bytes()
    );
    for (words, one, other) in [
        ("-J -r --bogus", "--json", "--raw"),
        ("-r -n -J", "--raw", "--json"),
        ("-rJ", "--raw", "--json"),
        ("-p 1 -P", "--task", "--persistent"),
        ("-P -p 1 -J -r", "--persistent", "--task"),
        ("-P -J -r -p 1", "--json", "--raw"),
    ] {
        let error = format!("lsns: options {one} and {other} cannot be combined\n");
        assert_gives(session, (2, 42), &format!("lsns {words}"), 1, "", &error);
    }
    assert_eq!(run(session, Side::Nsx, "lsns >&-").status, "exit status: 0");
    // util-linux gives the reason only if the list is short.
    let full = run(session, Side::Nsx, "lsns >/dev/full");
    assert_eq!(
        (full.status.as_str(), full.stderr.as_str()),
        (
            "exit status: 1",
            "lsns: write error: No space left on device\n"
        )
    );
}

fn wrong_words_give_the_same(session: &Session) {
    for words in [
        "-p abc",
        "-p ''",
        "-p 1x",
        "-p 0x1",
        "-p 2147483648",
        "-p 99999999999999999999",
        "abc",
        "''",
        "-- -1",
        "99999999999999999999",
        "-p 1 1",
        "-p 1 abc",
        "-t foo",
        "-t ''",
        "-t NET",
        "-t net,uts",
        "-o FOO",
        "-o NS,FOO",
        "-o NS,",
        "-o TYPE,NS,",
        "-o ''",
        "-o +",
        "-o +FOO",
        "-o NS,,PID",
        "-o ,NS",
        "-o NS,,",
        "-Tfoo",
        "-T=foo",
        "--tree=foo",
        "--tree=",
        "--tree==foo",
        "-o FOO -t foo",
        "-o FOO abc",
        "-o FOO -p 1 1",
        "-p x -o FOO",
    ] {
        assert_same(session, &format!("lsns {words}"));
    }
}

fn unused_pids_give_the_same(session: &Session) {
    for number in ["0", "-1", "+0", "00", "-2147483648"] {
        let error =
            format!("lsns: invalid PID argument: '{number}': Numerical result out of range\n");
        for words in [
            format!("-p {number}"),
            format!("-p {number} -t net"),
            format!("-p {number} abc"),
        ] {
            assert_gives(session, (2, 42), &format!("lsns {words}"), 1, "", &error);
        }
    }
}

fn columns_are_listed(session: &Session) {
    let names = "NS\nTYPE\nPATH\nNPROCS\nPID\nPPID\nCOMMAND\nUID\nUSER\nNETNSID\nNSFS\nPNS\nONS\n";
    assert_gives(
        session,
        (2, 41),
        "lsns -H -r | cut -d ' ' -f 1 | grep -v HOLDER",
        0,
        names,
        "",
    );
    for side in SIDES
        .into_iter()
        .filter(|side| *side == Side::Nsx || Need::UtilLinux(2, 41).is_met())
    {
        let columns: Value =
            serde_json::from_str(&run(session, side, "lsns -J -H").stdout).unwrap();
        let columns = columns["lsns-columns"].as_array().unwrap();
        let types: Vec<_> = columns
            .iter()
            .map(|column| column["type"].as_str().unwrap())
            .collect();
        let (number, text) = ("<integer>", "<string>");
        let expected = [
            number, text, text, number, number, number, text, number, text, text, text, number,
            number,
        ];
        assert_eq!(types, expected, "{side:?}");
        assert!(columns.iter().all(|column| {
            column["description"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        }));
    }
    let text = run(session, Side::Nsx, "lsns --list-columns").stdout;
    assert_eq!(text.lines().count(), 13);
}
