//! Facts that were looked up while a request was made, for people who want to know what a program
//! will find and why.

/// Facts, in the order in which they were looked up.
#[derive(Debug, Default)]
pub struct Findings(Vec<Finding>);

/// A fact about the target or about the program.
///
/// Both texts may contain bytes that the target chose. Escape them before a terminal shows them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The thing that was looked at, such as `its cgroup`.
    pub about: String,
    /// The fact, which goes on after the thing: `is the one you are in`.
    pub text: String,
    /// The attention that the fact deserves.
    pub weight: Weight,
    /// A request that avoids what the fact says.
    pub remedy: Option<Remedy>,
}

/// A change of an [`Enter`](super::Enter) that avoids what a finding says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// To join the target's PID namespace too.
    JoinPid,
    /// To join the target's PID namespace too, or to leave the files as they are.
    JoinPidOrLeaveFiles,
}

/// The attention that a finding deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Everything is as expected.
    Checked,
    /// Something is left out or replaced, as it has to be.
    Skipped,
    /// Something that the caller should know.
    Note,
}

impl Findings {
    /// Adds a fact that is as expected.
    pub fn checked(&mut self, about: impl Into<String>, text: impl Into<String>) {
        self.push(about.into(), text.into(), Weight::Checked);
    }

    /// Adds something that is left out or replaced.
    pub fn skipped(&mut self, about: impl Into<String>, text: impl Into<String>) {
        self.push(about.into(), text.into(), Weight::Skipped);
    }

    /// Adds something that the caller should know.
    pub fn note(&mut self, about: impl Into<String>, text: impl Into<String>) {
        self.push(about.into(), text.into(), Weight::Note);
    }

    /// Adds something that the caller should know and can avoid.
    pub(super) fn note_with_remedy(&mut self, about: &str, text: &str, remedy: Remedy) {
        self.0.push(Finding {
            about: about.to_owned(),
            text: text.to_owned(),
            weight: Weight::Note,
            remedy: Some(remedy),
        });
    }

    fn push(&mut self, about: String, text: String, weight: Weight) {
        self.0.push(Finding {
            about,
            text,
            weight,
            remedy: None,
        });
    }

    /// Returns the facts in order.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter()
    }
}
