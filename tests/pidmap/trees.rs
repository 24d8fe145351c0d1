//! Random trees of PID namespaces: every pair of them is compared with the procfs of each
//! namespace.

use super::both_ways;
use crate::support::{Process, Session, Test, both, procfs, until};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use serde_json::Value;
use std::{collections::BTreeMap, fs};

pub(super) fn tests() -> Vec<Test> {
    vec![both(translations_agree_with_the_procfs_of_every_namespace)]
}

/// A tree as a list: each namespace except the first is created in an earlier one, and each process
/// joins one.
#[derive(Clone, Debug)]
struct Shape {
    parents: Vec<prop::sample::Index>,
    joiners: Vec<prop::sample::Index>,
}

fn shapes() -> impl Strategy<Value = Shape> {
    let places = |count| prop::collection::vec(any::<prop::sample::Index>(), count);
    (places(1..5), places(0..4)).prop_map(|(parents, joiners)| Shape { parents, joiners })
}

/// The namespaces and processes of a shape. Each has a first process that sleeps, and a procfs.
struct Grown {
    /// Started programs, which end with this.
    _processes: Vec<Process>,
    /// The PID of the first process of each namespace, in the caller's namespace.
    firsts: Vec<u32>,
}

/// Returns how long a process sleeps, which identifies the process in each procfs.
fn tag(place: usize) -> String {
    (1000 + place).to_string()
}

impl Grown {
    fn new(session: &Session, shape: &Shape) -> Self {
        let mut grown = Self {
            _processes: Vec::new(),
            firsts: Vec::new(),
        };
        let isolate = "--pid --fork --kill-child --mount-proc sleep";
        grown.start(session.original_unshare(isolate).arg(tag(0)).start(), 0);
        for (place, parent) in shape.parents.iter().enumerate() {
            let joined = grown.join(session, parent.index(place + 1));
            grown.start(
                joined
                    .args("unshare")
                    .args(isolate)
                    .arg(tag(place + 1))
                    .start(),
                place + 1,
            );
        }
        let namespaces = grown.firsts.len();
        for (place, into) in shape.joiners.iter().enumerate() {
            let process = grown
                .join(session, into.index(namespaces))
                .arg("sleep")
                .arg(tag(namespaces + place))
                .start();
            process.program("sleep");
            grown._processes.push(process);
        }
        grown
    }

    /// A command that enters a namespace.
    fn join(&self, session: &Session, place: usize) -> crate::support::Command {
        let user = session.enter_user();
        session.command(&format!(
            "nsenter --target {} {user}--pid --mount",
            self.firsts[place]
        ))
    }

    fn start(&mut self, process: Process, place: usize) {
        let first = process.program("sleep").id();
        until("it has a procfs of its own", || {
            self.listed(first).get(&tag(place)) == Some(&1)
        });
        self.firsts.push(first);
        self._processes.push(process);
    }

    /// Returns the processes in the procfs of a namespace: the tag of each sleeping process, and
    /// its PID there.
    fn listed(&self, first: u32) -> BTreeMap<String, u64> {
        let view = format!("/proc/{first}/root/proc");
        let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u64>().ok();
        let entries = fs::read_dir(&view)
            .into_iter()
            .flatten()
            .filter_map(|entry| number(entry.ok()?));
        let sleeps = entries.filter_map(|id| {
            let command = fs::read(format!("{view}/{id}/cmdline")).ok()?;
            let command = String::from_utf8(command).ok()?;
            Some((
                command
                    .strip_prefix("sleep\0")?
                    .strip_suffix('\0')?
                    .to_owned(),
                id,
            ))
        });
        sleeps.collect()
    }
}

fn translations_agree_with_the_procfs_of_every_namespace(session: &Session) {
    let mut runner = TestRunner::new(Config {
        cases: 4,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&shapes(), |shape| {
        let grown = Grown::new(session, &shape);
        let lists: Vec<_> = grown
            .firsts
            .iter()
            .map(|&first| grown.listed(first))
            .collect();
        for (from, in_from) in grown.firsts.iter().zip(&lists) {
            for (to, in_to) in grown.firsts.iter().zip(&lists) {
                let numbers: Vec<_> = in_from.values().map(u64::to_string).collect();
                let options = format!("--json --from {from} --to {to} {}", numbers.join(" "));
                let visible_everywhere = in_from.keys().all(|tag| in_to.contains_key(tag));
                let outcome = both_ways(session, &options).exited(i32::from(!visible_everywhere));
                let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
                let rows = document["processes"].as_array().unwrap();
                prop_assert_eq!(rows.len(), in_from.len());
                for ((tag, number), row) in in_from.iter().zip(rows) {
                    prop_assert_eq!(&row["from"], number);
                    let expected = in_to.get(tag).map_or(Value::Null, |&number| number.into());
                    prop_assert_eq!(&row["to"], &expected, "{} in {:?}", tag, shape);
                    // And the PID here belongs to the process with that tag.
                    let id = u32::try_from(row["pid"].as_u64().unwrap()).unwrap();
                    let command = fs::read(format!("/proc/{id}/cmdline")).unwrap();
                    prop_assert_eq!(command, format!("sleep\0{tag}\0").into_bytes());
                    prop_assert_eq!(procfs::comm(id), "sleep");
                }
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
