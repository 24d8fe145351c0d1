//! The reports of a joiner and the program's process to nsx, in memory that they share: neither may
//! have a descriptor for it.
//!
//! There is a page for each. The joiner's is kept from the program's process, which a target may
//! take over as soon as it sees it: what it could write there would lead nsx to another process. On
//! its own page it can only say why it failed.

use crate::{
    pid::Pid,
    plan::{Plan, PlannedStep},
    sys::shared::Page,
};
use rustix::io::Errno;
use std::{sync::atomic::AtomicU32, time::Duration};

/// The exit status of a child that did not become the program; nsx has the reason from the board.
pub(super) const NOT_RUN: i32 = 125;

/// Both pages.
#[derive(Clone, Copy)]
pub(super) struct Board {
    joiner: Page,
    program: Page,
}

/// A step that was not taken, by its index in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) step: usize,
    pub(super) errno: Errno,
    /// A number that the joiner adds, 0 for none.
    pub(super) detail: u32,
}

/// On the joiner's page: the id of the program's process, the failure and the steps that were
/// skipped.
const PID: usize = 0;
const FAILURE: usize = 1;
const SKIPPED: usize = 4;
const FIRST_SKIPPED: usize = 5;

/// The most skipped steps that there is room for.
const MOST_SKIPPED: usize = 256;

/// On the other page: whether the program's process is ready, whether it may go on, and why it
/// failed.
const READY: usize = 0;
const GO: usize = 1;
const PROGRAM_FAILURE: usize = 2;

impl Board {
    /// Returns a new one, to be made before the joiner is.
    pub(super) fn new() -> Result<Self, Errno> {
        let [joiner, program] = Page::map()?;
        Ok(Self { joiner, program })
    }

    /// Keeps the joiner's page from the children of this process, the joiner.
    pub(super) fn keep_joiners_page(self) -> Result<(), Errno> {
        self.joiner.keep_from_children()
    }

    /// Returns the index for the id of the program's process.
    pub(super) fn pid_word(self) -> &'static AtomicU32 {
        self.joiner.word(PID)
    }

    /// Returns the program's process, in the joiner's and nsx's PID namespace, as soon as there is
    /// one.
    pub(super) fn pid(self) -> Option<Pid> {
        Pid::from_raw(self.joiner.get(PID).cast_signed())
            .filter(|pid| pid.as_raw_nonzero().get() > 0)
    }

    /// Tells that the joiner goes on without a step.
    pub(super) fn skip(self, step: usize, errno: Errno) {
        let count = self.joiner.get(SKIPPED) as usize;
        if count < MOST_SKIPPED {
            write(self.joiner, FIRST_SKIPPED + 2 * count, step, errno);
            self.joiner.set(SKIPPED, count as u32 + 1);
        }
    }

    /// Returns the steps that the joiner went on without.
    pub(super) fn skipped(self, plan: &Plan) -> Vec<Told> {
        let count = (self.joiner.get(SKIPPED) as usize).min(MOST_SKIPPED);
        (0..count)
            .filter_map(|index| read(self.joiner, FIRST_SKIPPED + 2 * index, plan))
            .collect()
    }

    /// Tells that the joiner goes no further.
    pub(super) fn fail(self, step: usize, errno: Errno, detail: u32) {
        self.joiner.set(FAILURE + 2, detail);
        write(self.joiner, FAILURE, step, errno);
    }

    /// Returns the step at which the joiner stopped, with its error.
    pub(super) fn failure(self, plan: &Plan) -> Option<Told> {
        Some(Told {
            detail: self.joiner.get(FAILURE + 2),
            ..read(self.joiner, FAILURE, plan)?
        })
    }

    /// Records the outcome of a step, and returns whether the joiner goes on to the next one.
    pub(super) fn settle(
        self,
        step: usize,
        planned: &PlannedStep,
        outcome: Result<(), Errno>,
    ) -> bool {
        match outcome {
            Ok(()) => true,
            Err(errno) if planned.may_fail(errno) => {
                self.skip(step, errno);
                true
            }
            Err(errno) => {
                self.fail(step, errno, 0);
                false
            }
        }
    }

    /// Tells the joiner that the program's process is tied to nsx.
    pub(super) fn is_ready(self) {
        self.program.set(READY, 1);
    }

    /// Waits for that, for no longer than `limit`. Returns whether it is.
    pub(super) fn wait_until_ready(self, limit: Duration) -> bool {
        self.program.wait(READY, Some(limit))
    }

    /// Lets the program's process go on.
    pub(super) fn go(self) {
        self.program.set(GO, 1);
    }

    /// Waits for that, for no longer than `limit`. Returns whether it may.
    pub(super) fn wait_for_go(self, limit: Duration) -> bool {
        self.program.wait(GO, Some(limit))
    }

    /// Tells why the program's process did not become the program.
    pub(super) fn fail_as_program(self, step: usize, errno: Errno) {
        write(self.program, PROGRAM_FAILURE, step, errno);
    }

    /// Returns the report about that step.
    pub(super) fn programs_failure(self, plan: &Plan) -> Option<Told> {
        read(self.program, PROGRAM_FAILURE, plan)
    }
}

/// A step's number counts from 1 here, so that 0 is none. It is written last.
fn write(page: Page, at: usize, step: usize, errno: Errno) {
    page.set(at + 1, errno.raw_os_error().cast_unsigned());
    page.set(at, u32::try_from(step + 1).unwrap_or(u32::MAX));
}

/// Returns the report on the page, if it is of a step of the plan and an errno that the kernel
/// knows.
fn read(page: Page, at: usize, plan: &Plan) -> Option<Told> {
    let step = (page.get(at) as usize)
        .checked_sub(1)
        .filter(|step| *step < plan.steps().len())?;
    let errno = page.get(at + 1).cast_signed();
    (1..4096).contains(&errno).then(|| Told {
        step,
        errno: Errno::from_raw_os_error(errno),
        detail: 0,
    })
}
