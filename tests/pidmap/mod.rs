//! `nsx pidmap`: compared with NSpid, with each level's namespace link, and with the procfs of each
//! namespace.

mod bad_input;
mod filter;
mod members;
mod trees;

use crate::{
    ls::chain,
    support::{
        Need, Process, Session, Test, both,
        filter::Filter,
        process::Outcome,
        procfs::{self, Pinned},
        until,
    },
};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    let areas = [
        chains(),
        bad_input::tests(),
        filter::tests(),
        members::tests(),
        trees::tests(),
    ];
    areas
        .into_iter()
        .flatten()
        .map(|test| test.needs([Need::Namespaces]))
        .collect()
}

fn chains() -> Vec<Test> {
    vec![
        both(a_chain_of_four_levels_agrees_with_the_kernel),
        both(a_pid_of_another_namespace_is_translated),
        both(the_callers_own_pids_are_those_it_sees),
        both(a_missing_process_is_told_apart_from_wrong_usage),
        both(pids_are_translated_between_any_two_namespaces),
        both(pids_are_read_from_standard_input),
        both(process_groups_and_sessions_are_translated_too),
        both(a_thread_is_translated_if_it_is_requested),
        both(the_owner_of_each_namespace_is_named),
        both(each_line_of_json_is_a_whole_document),
    ]
}

/// A process four PID namespaces down, and its ancestors from the caller's namespace downwards, one
/// per level.
struct Deep {
    _unshare: Process,
    levels: Vec<Pinned>,
}

impl Deep {
    fn new(session: &Session) -> Self {
        let deeper = "--pid --fork --kill-child --mount-proc";
        let words =
            format!("{deeper} unshare {deeper} unshare {deeper} unshare {deeper} sleep 100");
        let unshare = session.original_unshare(&words).start();
        unshare.program("sleep");
        let levels = std::iter::once(unshare.id())
            .chain(procfs::descendants(unshare.id()))
            .filter_map(Pinned::new);
        let deep = Self {
            levels: levels.collect(),
            _unshare: unshare,
        };
        assert_eq!(deep.levels.len(), 5);
        until("each is a level deeper", || {
            deep.levels
                .windows(2)
                .all(|pair| chain(&pair[1]).len() == chain(&pair[0]).len() + 1)
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

fn a_chain_of_four_levels_agrees_with_the_kernel(session: &Session) {
    let deep = Deep::new(session);
    for (depth, process) in deep.levels.iter().enumerate() {
        let (id, ids) = (process.id(), chain(process));
        assert_eq!(
            session.nsx(&format!("pidmap -q {id}")).output(),
            words(&ids)
        );

        let document = session.nsx(&format!("pidmap --json {id}")).output();
        let document: Value = serde_json::from_str(&document).unwrap();
        let row = &document["processes"][0];
        assert_eq!(row["pid"], id);
        assert_eq!(row["chain"], Value::from(ids.clone()));
        // The namespace of a level is the namespace that the ancestor on that level is in.
        let namespaces: Vec<String> = row["namespaces"]
            .as_array()
            .unwrap()
            .iter()
            .map(|inode| format!("pid:[{inode}]"))
            .collect();
        let expected: Vec<String> = deep.levels[..=depth]
            .iter()
            .map(|level| procfs::ns(level.id(), "pid"))
            .collect();
        assert_eq!(namespaces, expected);

        let table = session.nsx(&format!("pidmap {id}")).output();
        for (inode, own) in expected.iter().zip(&ids) {
            let inode = inode.trim_matches(|character: char| !character.is_ascii_digit());
            let of_level = |line: &str| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                fields
                    .windows(2)
                    .any(|pair| pair == [own.to_string().as_str(), inode])
            };
            assert!(
                table.lines().any(of_level),
                "no line with {own} {inode}: {table}"
            );
        }
    }
    let all = deep
        .levels
        .iter()
        .map(|level| level.id().to_string())
        .collect::<Vec<_>>()
        .join(" ");
    let expected: Vec<String> = deep
        .levels
        .iter()
        .map(|level| words(&chain(level)))
        .collect();
    assert_eq!(
        session.nsx(&format!("pidmap -q {all}")).output(),
        expected.join("\n")
    );
}

fn a_pid_of_another_namespace_is_translated(session: &Session) {
    let deep = Deep::new(session);
    for filter in [None, Some(Filter::PidTranslation)] {
        let run = |options: &str| {
            let command = session.nsx(&format!("pidmap {options}"));
            filter
                .map_or(command.clone(), |filter| command.under(filter))
                .run()
        };
        for (depth, level) in deep.levels.iter().enumerate() {
            // The PID of each process below in this level's namespace.
            for process in &deep.levels[depth..] {
                let there = chain(process)[chain(level).len() - 1];
                let outcome = run(&format!("-q --from {} {there}", level.id())).exited(0);
                assert_eq!(
                    outcome.text(),
                    process.id().to_string(),
                    "{filter:?}, level {depth}"
                );
            }
        }
        let deepest = deep.deepest().id();
        // The highest possible PID.
        assert_eq!(
            run(&format!("-q --from {deepest} 1 4194303"))
                .exited(1)
                .says(&["4194303"])
                .text(),
            deepest.to_string()
        );
        let outcome = run(&format!("--json --from {deepest} 1")).exited(0);
        let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
        assert_eq!(document["processes"][0]["from"], 1);
        assert_eq!(document["processes"][0]["pid"], deepest);
        assert_eq!(
            document["processes"][0]["chain"],
            Value::from(chain(deep.deepest()))
        );
    }
}

fn the_callers_own_pids_are_those_it_sees(session: &Session) {
    // With its own procfs, PID 1 has only that PID.
    let inside = "--pid --fork --kill-child --mount-proc nsx pidmap -q 1";
    assert_eq!(session.original_unshare(inside).output(), "1");
    // With its caller's procfs, it is still the process with PID 1 there; the chain starts at the
    // namespace of that procfs.
    let inside = "--pid --fork --kill-child nsx pidmap -q 1";
    let unshare = session.original_unshare(inside).output();
    let ids: Vec<&str> = unshare.split(' ').collect();
    assert!(
        ids.len() > 1 && ids.last() == Some(&"1") && ids[0] != "1",
        "{unshare}"
    );
}

fn a_missing_process_is_told_apart_from_wrong_usage(session: &Session) {
    let ended = session.command("true").start();
    let id = ended.id();
    ended.wait().exited(0);
    let gone = session
        .nsx(&format!("pidmap -q {id}"))
        .run()
        .exited(1)
        .says(&[&id.to_string()]);
    assert_eq!(gone.text(), "");
    let sleep = session.command("sleep 100").start();
    let both = session
        .nsx(&format!("pidmap -q {id} {}", sleep.id()))
        .run()
        .exited(1);
    assert_eq!(both.text(), words(&chain(sleep.pinned())));
    for absent in ["x", "1x", "99999999999999999999", "--from x 1"] {
        session
            .nsx(&format!("pidmap -q {absent}"))
            .run()
            .exited(1)
            .says(&["nothing has that name or id"]);
    }
    for wrong in ["0", "-1", "99999999999", "", "no:such", "--from 0 1"] {
        let outcome = session.nsx(&format!("pidmap -q {wrong}")).run().exited(2);
        assert_eq!(outcome.text(), "");
    }
    // A thread has an id, but is not a process.
    std::thread::scope(|scope| {
        let thread = || {
            let id = rustix::thread::gettid().as_raw_nonzero();
            session
                .nsx(&format!("pidmap -q {id}"))
                .run()
                .exited(1)
                .says(&[&id.to_string()]);
        };
        scope.spawn(thread).join().unwrap();
    });
}

/// Runs nsx pidmap as it is, and without the ioctls that translate: both must end and print alike.
#[track_caller]
fn both_ways(session: &Session, options: &str) -> Outcome {
    let command = || session.nsx(&format!("pidmap {options}"));
    let scanned = command().under(Filter::PidTranslation).run();
    let asked = command().run();
    assert_eq!(
        asked.status(),
        scanned.status(),
        "{asked}\nand without the ioctls {scanned}"
    );
    assert_eq!(asked.text(), scanned.text(), "{options}");
    asked
}

fn pids_are_translated_between_any_two_namespaces(session: &Session) {
    let deep = Deep::new(session);
    let other = session
        .original_unshare("--pid --fork --kill-child sleep 100")
        .start();
    let other = other.program("sleep").id();
    for (from, level) in deep.levels.iter().enumerate() {
        for (to, of) in deep.levels.iter().enumerate() {
            let ends = format!("-q --from {} --to {}", level.id(), of.id());
            for process in &deep.levels {
                let chain = chain(process);
                // The first of the five is in the caller's own namespace, so levels are counted
                // from there.
                let place = |level: usize| chain.get(chain_base(&deep) + level).copied();
                let Some(there) = place(from) else { continue };
                let outcome = both_ways(session, &format!("{ends} {there}"));
                match place(to) {
                    Some(expected) => assert_eq!(outcome.exited(0).text(), expected.to_string()),
                    None => assert_eq!(outcome.exited(1).says(&["not visible"]).text(), ""),
                }
            }
        }
        let beside = both_ways(session, &format!("-q --from {} --to {other} 1", level.id()));
        if from == 0 {
            beside.exited(1)
        } else {
            beside.exited(1).says(&["not visible"])
        };
    }
    // From here: the typed PIDs are the caller's.
    let there = both_ways(
        session,
        &format!("-q --to {} {}", deep.deepest().id(), deep.deepest().id()),
    )
    .exited(0);
    assert_eq!(
        there.text(),
        chain(deep.deepest()).last().unwrap().to_string()
    );
}

/// Returns the number of PIDs of a process in the caller's namespace, minus one: more than 0 if the
/// tests run below the namespace of their procfs.
fn chain_base(deep: &Deep) -> usize {
    chain(&deep.levels[0]).len() - 1
}

fn pids_are_read_from_standard_input(session: &Session) {
    let deep = Deep::new(session);
    let second = deep.levels[1].id();
    let inside: Vec<u64> = deep.levels[1..]
        .iter()
        .map(|process| chain(process)[chain_base(&deep) + 1])
        .collect();
    let here: Vec<String> = deep.levels[1..]
        .iter()
        .map(|process| process.id().to_string())
        .collect();
    for filter in [None, Some(Filter::PidTranslation)] {
        let run = |options: &str, input: String| {
            let command = session
                .nsx(&format!("pidmap {options}"))
                .input(input.as_bytes());
            filter
                .map_or(command.clone(), |filter| command.under(filter))
                .run()
        };
        let outcome = run(
            &format!("-q --from {second} -"),
            format!(" {}\n\n", words(&inside)),
        )
        .exited(0);
        assert_eq!(outcome.text(), here.join("\n"));
        // An operand in front, a last number without a line feed, and two words that are not
        // numbers.
        let outcome = run(
            &format!("-q --from {second} {} -", inside[1]),
            format!("x\n0 {}", inside[0]),
        );
        assert_eq!(
            outcome
                .exited(1)
                .says(&["x: a PID is a decimal number", "0: a PID is never 0"])
                .text(),
            format!("{}\n{}", here[1], here[0])
        );
    }
    // Without --from the PIDs are the caller's, and the answer is the chain.
    let outcome = session
        .nsx("pidmap -q -")
        .input(here[0].as_bytes())
        .run()
        .exited(0);
    assert_eq!(outcome.text(), words(&chain(&deep.levels[1])));
    let many = vec![inside[0].to_string(); 50_000].join("\n");
    let outcome = session
        .nsx(&format!("pidmap -q --from {second} -"))
        .input(many.as_bytes())
        .run()
        .exited(0);
    assert_eq!(outcome.text(), vec![here[0].as_str(); 50_000].join("\n"));
}

fn process_groups_and_sessions_are_translated_too(session: &Session) {
    let script = "setsid sleep 100 & wait";
    let unshare = session
        .original_unshare("--pid --fork --kill-child sh -c")
        .arg(script)
        .start();
    let sleep = unshare.program("sleep");
    let document = session
        .nsx(&format!("pidmap --json --with pgid,sid {}", sleep.id()))
        .output();
    let row = &serde_json::from_str::<Value>(&document).unwrap()["processes"][0];
    for (key, line) in [("pgid", "NSpgid"), ("sid", "NSsid")] {
        let expected: Vec<u64> = procfs::status(sleep.id(), line)
            .split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect();
        assert_eq!(row[key], Value::from(expected));
    }
    let table = session
        .nsx(&format!("pidmap --with pgid {}", sleep.id()))
        .output();
    assert!(
        table.lines().next().unwrap().contains(" PGID ") && !table.contains(" SID "),
        "{table}"
    );
}

fn a_thread_is_translated_if_it_is_requested(session: &Session) {
    // The test program waits in a thread of its own while it runs a test.
    let program = "--pid --fork --kill-child tests --sleep-in-a-thread";
    let unshare = session.original_unshare(program).start();
    let process = unshare.program("tests");
    let threads = || procfs::threads(process.id());
    until("there is a second thread", || threads().len() > 1);
    for thread in threads()
        .into_iter()
        .filter(|thread| *thread != process.id())
    {
        let ids: Vec<u64> = procfs::status(thread, "NSpid")
            .split_whitespace()
            .map(|id| id.parse().unwrap())
            .collect();
        let inside = ids.last().unwrap();
        let refused = both_ways(session, &format!("-q --from {} {inside}", process.id())).exited(1);
        assert_eq!(
            refused.says(&["thread of process 1", "--threads"]).text(),
            ""
        );
        let outcome = both_ways(
            session,
            &format!("-q --threads --from {} {inside}", process.id()),
        )
        .exited(0);
        assert_eq!(outcome.text(), thread.to_string());
        assert_eq!(
            both_ways(session, &format!("-q --threads {thread}"))
                .exited(0)
                .text(),
            words(&ids)
        );
        session
            .nsx(&format!("pidmap {thread}"))
            .run()
            .exited(1)
            .says(&["thread"]);
    }
}

fn the_owner_of_each_namespace_is_named(session: &Session) {
    let deep = Deep::new(session);
    let outcome = both_ways(session, &format!("--json {}", deep.deepest().id())).exited(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    let of = document["processes"][0]["of"].as_array().unwrap().clone();
    // Each namespace below the caller's lives and dies with its first process.
    let below = deep.levels[1..]
        .iter()
        .map(|level| format!("{} ({})", level.id(), procfs::comm(level.id())));
    let below: Vec<Value> = below.map(Value::from).collect();
    assert_eq!(of[of.len() - 4..], below);
    if procfs::ns("self", "pid") == "pid:[4026531836]" {
        assert_eq!(of[0], "host");
    }
    // Seen from inside, the namespaces above are not visible, and nsx says so.
    let inside = "--pid --fork --kill-child --mount-proc nsx pidmap --json 1";
    let outcome = session
        .original_unshare(inside)
        .run()
        .exited(0)
        .says(&["above this one"]);
    let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(document["processes"][0]["chain"], Value::from(vec![1]));
    assert_eq!(document["processes"][0]["of"], Value::from(vec!["here"]));
}

fn each_line_of_json_is_a_whole_document(session: &Session) {
    let deep = Deep::new(session);
    let ids: Vec<String> = deep
        .levels
        .iter()
        .map(|level| level.id().to_string())
        .collect();
    let lines = session
        .nsx(&format!("pidmap --json-lines {}", ids.join(" ")))
        .output();
    let whole = session
        .nsx(&format!("pidmap --json {}", ids.join(" ")))
        .output();
    let whole: Value = serde_json::from_str(&whole).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(whole["processes"], Value::from(lines));
}
