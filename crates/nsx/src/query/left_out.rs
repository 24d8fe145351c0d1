//! The part of a host that a list leaves out, in words.

use crate::text::escape;
use nsx_core::{
    census::{Census, Entry, Unseen},
    pid::Pid,
    proc::ProcRoot,
};
use serde::Serialize;

/// Up to this many processes are named.
const FEW: usize = 3;

/// The part of a host that a list leaves out.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut {
    unseen: Unseen,
    /// The processes that could not be read, in words, if they are few.
    named: Vec<String>,
    /// The number of rows for which a filter is neither true nor false.
    undecided: usize,
}

impl From<Unseen> for LeftOut {
    fn from(unseen: Unseen) -> Self {
        Self {
            unseen,
            ..Self::default()
        }
    }
}

impl LeftOut {
    /// Returns what a census did not see, as far as that could change what is shown of these
    /// namespaces.
    pub(crate) fn of<'a>(
        census: &Census,
        mut shown: impl Iterator<Item = &'a Entry>,
        proc: &ProcRoot,
    ) -> Self {
        let mut unseen = census.unseen;
        // PID 1 is in the host's namespaces. It neither belongs in another row nor needs a row.
        if census.hidden == [Pid::INIT] && shown.all(|entry| entry.is_whole) {
            (unseen.denied, unseen.failed) = (0, 0);
        }
        let named = if unseen.hidden() > 0 {
            named(&census.hidden, proc)
        } else {
            Vec::new()
        };
        Self {
            unseen,
            named,
            undecided: 0,
        }
    }

    /// Returns everything that a census did not see.
    pub(crate) fn all_of(census: &Census, proc: &ProcRoot) -> Self {
        Self {
            unseen: census.unseen,
            named: named(&census.hidden, proc),
            undecided: 0,
        }
    }

    /// Sets the number of rows for which a filter is neither true nor false.
    pub(crate) fn undecided(self, undecided: usize) -> Self {
        Self { undecided, ..self }
    }

    /// Returns whether a filter, which may be neither true nor false, shows a row.
    pub(crate) fn is_shown(&mut self, holds: Option<bool>) -> bool {
        self.undecided += usize::from(holds.is_none());
        holds == Some(true)
    }

    /// Returns the processes that may not be read, as the subject of a sentence: `process 1
    /// (systemd)`, `144 processes`.
    pub(crate) fn processes(&self) -> Option<String> {
        match self.unseen.hidden() {
            0 => None,
            count if self.named.len() == count => Some(match self.named.as_slice() {
                [only] => format!("process {only}"),
                several => format!("processes {}", several.join(", ")),
            }),
            count => Some(processes(count)),
        }
    }

    /// Returns the processes whose descriptors were not seen, in words.
    pub(crate) fn closed(&self) -> String {
        processes(self.unseen.closed)
    }

    /// Returns what is left out, one sentence each.
    pub(crate) fn notes(&self) -> Vec<String> {
        let Self { unseen, .. } = self;
        let mut notes = Vec::new();
        if let Some(processes) = self.processes() {
            let reason = if unseen.failed == 0 {
                ": permission denied"
            } else {
                ""
            };
            let hope = if rustix::process::geteuid().is_root() || unseen.denied == 0 {
                ""
            } else {
                "; root may see more"
            };
            notes.push(format!("{processes} could not be read{reason}{hope}"));
        }
        if unseen.closed > 0 {
            notes.push(format!(
                "the descriptors of {} could not be read",
                self.closed()
            ));
        }
        match unseen.sockets {
            0 => {}
            1 => notes.push("the network namespace of 1 socket is hidden".to_owned()),
            count => notes.push(format!(
                "the network namespace of {count} sockets is hidden"
            )),
        }
        match self.undecided {
            0 => {}
            1 => notes.push(
                "1 row is left out: the filter depends on what could not be seen of it".to_owned(),
            ),
            rows => notes.push(format!(
                "{rows} rows are left out: the filter depends on what could not be seen of them"
            )),
        }
        notes
    }

    /// Returns what is left out, for a JSON document.
    pub(crate) fn hidden(&self) -> Hidden {
        Hidden {
            undecided: self.undecided,
            ..Hidden::from(self.unseen)
        }
    }
}

fn processes(count: usize) -> String {
    format!(
        "{count} {}",
        if count == 1 { "process" } else { "processes" }
    )
}

/// Returns processes by id and name; no process if they are many.
fn named(pids: &[Pid], proc: &ProcRoot) -> Vec<String> {
    if pids.len() > FEW {
        return Vec::new();
    }
    let name = |pid: &Pid| match proc.status(*pid) {
        Ok(status) => format!("{pid} ({})", escape(&status.name)),
        Err(_) => pid.to_string(),
    };
    pids.iter().map(name).collect()
}

/// The counts of what a JSON document leaves out.
#[derive(Serialize)]
pub(crate) struct Hidden {
    processes: usize,
    /// Processes whose descriptors were not seen.
    closed: usize,
    /// Sockets whose network namespace was not seen.
    sockets: usize,
    /// Rows for which a filter is neither true nor false.
    undecided: usize,
}

impl From<Unseen> for Hidden {
    fn from(unseen: Unseen) -> Self {
        Self {
            processes: unseen.hidden(),
            closed: unseen.closed,
            sockets: unseen.sockets,
            undecided: 0,
        }
    }
}
