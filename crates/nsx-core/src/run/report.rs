//! The reports of a child on its steps, passed on to the observer of the run.

use super::{Event, Failure, board::Board};
use crate::plan::Plan;

/// The child's reports on its steps.
pub(super) struct Report<'p, 's> {
    pub(super) plan: &'p Plan,
    pub(super) observer: &'s mut dyn FnMut(Event),
    /// The page with its reports, unless that was read before.
    pub(super) board: Option<Board>,
}

impl<'p> Report<'p, '_> {
    /// Tells the observer that the program has set off, or what the child went on without. Returns
    /// whether the child failed.
    pub(super) fn settle(&mut self) -> bool {
        for skipped in self
            .board
            .map(|board| board.skipped(self.plan))
            .unwrap_or_default()
        {
            let planned = &self.plan.steps()[skipped.step];
            (self.observer)(Event::Skipped(Failure::new(planned, skipped.errno)));
        }
        let failed = self.failure().is_some();
        if !failed {
            (self.observer)(Event::Running);
        }
        failed
    }

    /// Returns the failure that kept the program from running, or PID 1 from going on.
    pub(super) fn failure(&self) -> Option<Failure> {
        let told = self.board?.failure(self.plan)?;
        Some(Failure::new(&self.plan.steps()[told.step], told.errno))
    }
}
