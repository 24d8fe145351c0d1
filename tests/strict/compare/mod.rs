//! Random command lines from the grammar of the options, run with both programs. Differences are
//! reported by class.
//!
//! A seed always gives the same command lines. `NSX_TEST_SEED` and `NSX_TEST_COUNT` choose other
//! command lines and more of them. All command lines run in their own PID and mount namespaces,
//! which end every process that a program leaves behind.

mod grammar;
mod known;

use super::{Seen, beside_newest, lsns::in_scene, without_process_ids};
use crate::support::{Need, Session, Test, both};
use grammar::Grammar;
use known::{KNOWN, Known};
use std::{collections::BTreeMap, env, fmt::Write};

pub(crate) fn tests() -> Vec<Test> {
    beside_newest([
        both(random_command_lines_give_the_same),
        both(each_known_class_still_differs),
    ])
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// The number of command lines of each program that are run by default.
const COUNT: u64 = 60;

/// The number of command lines that run in one scene.
const AT_ONCE: usize = 30;

/// A target in its own namespaces, `$T`, and a network namespace that is not the scene's, `$N`.
const SCENE: &str = "unshare -rmuinpCTf sleep 1000 & \
    until T=$(tr -d ' ' </proc/$!/task/$!/children) && [ -n \"$T\" ] && grep -qx sleep \
/proc/$T/comm; do :; done 2>/dev/null; \
    N=$(stat -Lc %i /proc/$T/ns/net); ";

fn number(variable: &str) -> Option<u64> {
    env::var(variable)
        .ok()
        .map(|text| text.parse().expect(variable))
}

fn random_command_lines_give_the_same(session: &Session) {
    let mut grammar = Grammar::new(number("NSX_TEST_SEED").unwrap_or(18));
    let count = number("NSX_TEST_COUNT").unwrap_or(COUNT);
    let lines: Vec<String> = (0..count).flat_map(|_| grammar.lines()).collect();
    let mut classes: BTreeMap<[String; 2], Vec<String>> = BTreeMap::new();
    for some in lines.chunks(AT_ONCE) {
        let some: Vec<&str> = some.iter().map(String::as_str).collect();
        for (line, both) in in_scene(session, SCENE, &some) {
            let class = both.each_ref().map(class);
            if class[0] != class[1] && !KNOWN.iter().any(|known| known.covers(&line, &class)) {
                classes.entry(class).or_default().push(line);
            }
        }
    }
    let mut text = String::new();
    for ([original, nsx], lines) in &classes {
        let _ = writeln!(
            text,
            "{} of: {}\n  util-linux: {original}\n  nsx: {nsx}",
            lines.len(),
            lines[0]
        );
    }
    assert!(
        classes.is_empty(),
        "{} classes of differences\n{text}",
        classes.len()
    );
}

fn each_known_class_still_differs(session: &Session) {
    let who = |known: &&Known| session.is_root() || !known.root;
    let known: Vec<&Known> = KNOWN.iter().filter(who).collect();
    // A scene must show something.
    let lines: Vec<&str> = known
        .iter()
        .map(|known| known.example)
        .chain(["echo"])
        .collect();
    for ((line, both), known) in in_scene(session, SCENE, &lines).into_iter().zip(known) {
        let class = both.each_ref().map(class);
        assert!(
            class[0] != class[1] && known.covers(&line, &class),
            "{}: {line}: {class:?}",
            known.reason
        );
    }
}

/// Returns the output without parts that differ from run to run: PIDs and descriptors.
fn class(seen: &Seen) -> String {
    let text = without_process_ids(&format!("{} {} {}", seen.status, seen.stdout, seen.stderr));
    let mut class = String::new();
    let mut digits = String::new();
    for character in text.chars().chain(['\0']) {
        if character.is_ascii_digit() {
            digits.push(character);
            continue;
        }
        // Short numbers are user ids, statuses and the like, which must be the same.
        class += if digits.len() > 2 { "N" } else { &digits };
        digits.clear();
        class.push(character);
    }
    class.trim_end_matches('\0').trim_end().replace('\n', "\\n")
}
