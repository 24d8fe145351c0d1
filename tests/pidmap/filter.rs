//! `nsx pidmap --filter`: compared with sed, which has the same expressions.

use super::{Deep, chain_base};
use crate::{
    ls::chain,
    support::{Session, Test, both, filter::Filter, until},
};
use std::{fs::OpenOptions, io::Write};

pub(super) fn tests() -> Vec<Test> {
    vec![
        both(matches_are_translated_and_the_rest_is_unchanged),
        both(numbers_without_a_translation_stay_and_are_counted),
        both(a_line_comes_out_before_the_next_goes_in),
        both(an_invalid_expression_is_wrong_usage),
    ]
}

fn matches_are_translated_and_the_rest_is_unchanged(session: &Session) {
    let deep = Deep::new(session);
    let second = deep.levels[1].id();
    let number = |level: usize| chain(&deep.levels[level])[chain_base(&deep) + 1];
    let (a, b) = (number(1), number(3));
    let (here_a, here_b) = (deep.levels[1].id(), deep.levels[3].id());
    // Any bytes, an empty line, and no line feed at the end.
    let mut log = format!("pid={a} x {a}\n\nno match \u{202e}\x1b\npid={b} pid={a}\n").into_bytes();
    log.extend(b"\xff\xfe\0 pid=");
    log.extend(format!("{b}").bytes());
    for filter in [None, Some(Filter::PidTranslation)] {
        let run = |options: &str, expression: &str| {
            let command = session
                .nsx(&format!("pidmap --from {second} {options}--filter"))
                .arg(expression)
                .input(&log);
            filter
                .map_or(command.clone(), |filter| command.under(filter))
                .run()
                .exited(0)
                .stdout
        };
        let sed = |both: &str| {
            let mark = |id: u64, here: u32| {
                let new = if both.is_empty() {
                    here.to_string()
                } else {
                    format!("{id}{both}{here}")
                };
                format!("s/pid={id}\\b/pid=@{new}/g;")
            };
            let script = format!("{}{}s/@//g", mark(a, here_a), mark(b, here_b));
            session
                .command("sed -E")
                .arg(script)
                .input(&log)
                .run()
                .exited(0)
                .stdout
        };
        assert_eq!(run("", r"pid=(\d+)"), sed(""));
        assert_eq!(run("--both ", r"pid=(\d+)"), sed("→"));
        assert_eq!(run("", "nothing of this"), log);
    }
}

fn numbers_without_a_translation_stay_and_are_counted(session: &Session) {
    let deep = Deep::new(session);
    let (first, second) = (deep.levels[1].id(), deep.levels[2].id());
    let log = b"pid=1 pid=4194303 pid=none pid=99999999999\n";
    let run = |options: &str| {
        session
            .nsx(&format!("pidmap {options}--filter"))
            .arg(r"pid=(\w+)")
            .input(log)
            .run()
    };
    let outcome = run(&format!("--from {second} "))
        .exited(1)
        .says(&["3 ids were left"]);
    let expected = format!("pid={second} pid=4194303 pid=none pid=99999999999");
    assert_eq!(outcome.text(), expected);
    assert!(!outcome.to_string().contains("group"), "{outcome}");
    let whole = session
        .nsx("pidmap --filter")
        .arg("pid=[0-9]+")
        .input(b"pid=1\n")
        .run()
        .exited(1);
    assert_eq!(
        whole
            .says(&["1 id was left", "put the number into one"])
            .stdout,
        b"pid=1\n"
    );
    // The first process of a namespace is not visible in the one below.
    let outcome = run(&format!("--from {first} --to {second} ")).exited(1);
    assert_eq!(outcome.stdout, log);
}

fn a_line_comes_out_before_the_next_goes_in(session: &Session) {
    let deep = Deep::new(session);
    let id = deep.deepest().id();
    session.shell("mkfifo log").run().exited(0);
    let nsx = session
        .shell(&format!(
            "exec nsx pidmap --from {id} --filter 'pid=([0-9]+)' <log"
        ))
        .start();
    let mut log = OpenOptions::new()
        .write(true)
        .open(session.path("log"))
        .unwrap();
    let mut expected = Vec::new();
    for line in [
        "a pid=1\n",
        "nothing\n",
        "pid=1 and ",
        "pid=1\n",
        "\n",
        "no line feed: pid=1",
    ] {
        log.write_all(line.as_bytes()).unwrap();
        expected.extend(line.replace("pid=1", &format!("pid={id}")).bytes());
        if line.ends_with('\n') {
            until("the line is written", || nsx.stdout() == expected);
        }
    }
    drop(log);
    assert_eq!(nsx.wait().exited(0).stdout, expected);
}

fn an_invalid_expression_is_wrong_usage(session: &Session) {
    for expression in ["(", "[", "*", r"\q"] {
        let outcome = session
            .nsx("pidmap --filter")
            .arg(expression)
            .input(b"1\n")
            .run()
            .exited(2);
        assert_eq!(outcome.text(), "");
    }
    for wrong in [
        "pidmap --both 1",
        "pidmap --filter x 1",
        "pidmap --filter x --json",
    ] {
        session.nsx(wrong).run().exited(2);
    }
}
