//! The findings made before anything is done: shown by `--explain`, and by `--verbose` too if
//! something is left out.

use crate::{out, text::escape};

/// The things that were looked at and their results, in order.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

#[derive(Debug)]
struct Finding {
    what: String,
    came: String,
    weight: Weight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// As it should be.
    Checked,
    /// Something is left out, or is otherwise than the words say, as it has to be.
    Skipped,
    /// The caller should know.
    Told,
}

impl Findings {
    pub(super) fn checked(&mut self, what: &str, came: &str) {
        self.push(what, came, Weight::Checked);
    }

    pub(super) fn skipped(&mut self, what: &str, came: &str) {
        self.push(what, came, Weight::Skipped);
    }

    pub(super) fn told(&mut self, what: &str, came: &str) {
        self.push(what, came, Weight::Told);
    }

    fn push(&mut self, what: &str, came: &str, weight: Weight) {
        self.0.push(Finding {
            what: what.to_owned(),
            came: came.to_owned(),
            weight,
        });
    }

    /// Says on standard error what has to be said.
    pub(super) fn say(&self, verbose: bool) {
        let said = |finding: &&Finding| match finding.weight {
            Weight::Checked => false,
            Weight::Skipped => verbose,
            Weight::Told => true,
        };
        for Finding { what, came, .. } in self.0.iter().filter(said) {
            out::note(&escape(format!("{what}: {came}").as_bytes()));
        }
    }

    /// A line each, for who reads a plan.
    pub(super) fn lines(&self) -> impl Iterator<Item = (String, String)> {
        self.0
            .iter()
            .map(|Finding { what, came, .. }| (escape(what.as_bytes()), escape(came.as_bytes())))
    }
}
