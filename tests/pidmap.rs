//! `nsx pidmap`: held against NSpid and against each level's own namespace link.

use crate::{
    ls::chain,
    support::{
        Need, Process, Session, Test, both,
        filter::Filter,
        procfs::{self, Pinned},
        until,
    },
};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_chain_agrees_with_the_kernel_four_deep),
        both(a_number_of_another_namespace_is_translated),
        both(the_callers_own_numbers_are_those_it_sees),
        both(what_is_not_there_is_told_apart_from_wrong_usage),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A process four PID namespaces down, and its ancestors from the caller's namespace down to it: one for each level.
struct Deep {
    _unshare: Process,
    levels: Vec<Pinned>,
}

impl Deep {
    fn new(session: &Session) -> Self {
        let deeper = "--pid --fork --kill-child --mount-proc";
        let words = format!("{deeper} unshare {deeper} unshare {deeper} unshare {deeper} sleep 100");
        let unshare = session.original_unshare(&words).start();
        unshare.program("sleep");
        let levels = std::iter::once(unshare.id()).chain(procfs::descendants(unshare.id())).filter_map(Pinned::new);
        let deep = Self { levels: levels.collect(), _unshare: unshare };
        assert_eq!(deep.levels.len(), 5);
        until("each is a level deeper", || {
            deep.levels.windows(2).all(|pair| chain(&pair[1]).len() == chain(&pair[0]).len() + 1)
        });
        deep
    }

    fn deepest(&self) -> &Pinned {
        &self.levels[4]
    }
}

fn words(ids: &[u64]) -> String {
    ids.iter().map(u64::to_string).collect::<Vec<_>>().join(" ")
}

fn a_chain_agrees_with_the_kernel_four_deep(session: &Session) {
    let deep = Deep::new(session);
    for (depth, process) in deep.levels.iter().enumerate() {
        let (id, ids) = (process.id(), chain(process));
        assert_eq!(session.nsx(&format!("pidmap -q {id}")).output(), words(&ids));

        let document = session.nsx(&format!("pidmap --json {id}")).output();
        let document: Value = serde_json::from_str(&document).unwrap();
        let row = &document["processes"][0];
        assert_eq!(row["pid"], id);
        assert_eq!(row["chain"], Value::from(ids.clone()));
        // A level's namespace is the one that the ancestor on that level is in itself.
        let namespaces: Vec<String> =
            row["namespaces"].as_array().unwrap().iter().map(|inode| format!("pid:[{inode}]")).collect();
        let expected: Vec<String> = deep.levels[..=depth].iter().map(|level| procfs::ns(level.id(), "pid")).collect();
        assert_eq!(namespaces, expected);

        let table = session.nsx(&format!("pidmap {id}")).output();
        for (inode, own) in expected.iter().zip(&ids) {
            let inode = inode.trim_matches(|character: char| !character.is_ascii_digit());
            let of_level = |line: &str| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                fields.windows(2).any(|pair| pair == [own.to_string().as_str(), inode])
            };
            assert!(table.lines().any(of_level), "no line with {own} {inode}: {table}");
        }
    }
    let all = deep.levels.iter().map(|level| level.id().to_string()).collect::<Vec<_>>().join(" ");
    let expected: Vec<String> = deep.levels.iter().map(|level| words(&chain(level))).collect();
    assert_eq!(session.nsx(&format!("pidmap -q {all}")).output(), expected.join("\n"));
}

fn a_number_of_another_namespace_is_translated(session: &Session) {
    let deep = Deep::new(session);
    for filter in [None, Some(Filter::PidTranslation)] {
        let run = |options: &str| {
            let command = session.nsx(&format!("pidmap {options}"));
            filter.map_or(command.clone(), |filter| command.under(filter)).run()
        };
        for (depth, level) in deep.levels.iter().enumerate() {
            // What each process below is called in this level's namespace.
            for process in &deep.levels[depth..] {
                let there = chain(process)[chain(level).len() - 1];
                let outcome = run(&format!("-q --from {} {there}", level.id())).exited(0);
                assert_eq!(outcome.text(), process.id().to_string(), "{filter:?}, level {depth}");
            }
        }
        let deepest = deep.deepest().id();
        // The highest id that there can be.
        assert_eq!(
            run(&format!("-q --from {deepest} 1 4194303")).exited(1).says(&["4194303"]).text(),
            deepest.to_string()
        );
        let outcome = run(&format!("--json --from {deepest} 1")).exited(0);
        let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        assert_eq!(document["processes"][0]["from"], 1);
        assert_eq!(document["processes"][0]["pid"], deepest);
        assert_eq!(document["processes"][0]["chain"], Value::from(chain(deep.deepest())));
    }
}

fn the_callers_own_numbers_are_those_it_sees(session: &Session) {
    // With a procfs of its own, PID 1 has that one id.
    let inside = "--pid --fork --kill-child --mount-proc nsx pidmap -q 1";
    assert_eq!(session.original_unshare(inside).output(), "1");
    // With its caller's, it is still the process that it calls 1; the chain starts with what that procfs shows.
    let inside = "--pid --fork --kill-child nsx pidmap -q 1";
    let unshare = session.original_unshare(inside).output();
    let ids: Vec<&str> = unshare.split(' ').collect();
    assert!(ids.len() > 1 && ids.last() == Some(&"1") && ids[0] != "1", "{unshare}");
}

fn what_is_not_there_is_told_apart_from_wrong_usage(session: &Session) {
    let ended = session.command("true").start();
    let id = ended.id();
    ended.wait().exited(0);
    let gone = session.nsx(&format!("pidmap -q {id}")).run().exited(1).says(&[&id.to_string()]);
    assert_eq!(gone.text(), "");
    let sleep = session.command("sleep 100").start();
    let both = session.nsx(&format!("pidmap -q {id} {}", sleep.id())).run().exited(1);
    assert_eq!(both.text(), words(&chain(sleep.pinned())));
    for absent in ["x", "1x", "99999999999999999999", "--from x 1"] {
        session.nsx(&format!("pidmap -q {absent}")).run().exited(1).says(&["nothing has that name or id"]);
    }
    for wrong in ["0", "-1", "99999999999", "", "no:such", "--from 0 1"] {
        let outcome = session.nsx(&format!("pidmap -q {wrong}")).run().exited(2);
        assert_eq!(outcome.text(), "");
    }
    // A thread has an id, but is no process.
    std::thread::scope(|scope| {
        let thread = || {
            let id = rustix::thread::gettid().as_raw_nonzero();
            session.nsx(&format!("pidmap -q {id}")).run().exited(1).says(&[&id.to_string()]);
        };
        scope.spawn(thread).join().unwrap();
    });
}
