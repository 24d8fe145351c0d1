//! Plans: what is to be done, by whom, in which order, as data.
//!
//! A request says what is wanted in the words of namespaces; [`unshare`](mod@unshare),
//! [`enter`](mod@enter) and [`link`] turn it into a [`Plan`], in which every name is looked up and every order
//! settled. A plan can be printed and compared, and nothing happens until [`crate::run`] carries it
//! out.

mod caller;
mod confinement;
pub mod enter;
mod helper;
pub mod link;
mod mount;
mod namespace_file;
mod network;
mod pin;
mod record;
mod restrict;
mod step;
pub mod unshare;
mod words;

pub use crate::sys::trace::Instruction;
pub use caller::Caller;
pub(crate) use caller::release;
pub use confinement::{CapabilityState, Confinement, Filter, Label, Limit, RESOURCES};
pub use helper::Helper;
pub(crate) use mount::{ABOVE_ROOT, DEVICES, data as mount_data};
pub use mount::{Change, Contents, FileSystem, Mount, Source, Upper};
pub use namespace_file::{NamespaceFile, NamespaceFileError};
pub use network::{Bridge, Link, LinkKind, Network, Protocol, Publish, Table, Uplink, UplinkKind};
pub use pin::Pin;
pub use record::{Addition, Record};
pub use step::{Clock, ClockOffset, GroupsDenied, ProcDirectory, Propagation, Signals, Step};
pub(crate) use words::helper_arguments;

use crate::{layers::Layers, ns::NsKind};
use rustix::{fd::RawFd, io::Errno};
use std::{fmt, sync::Arc};

/// The process that takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Actor {
    /// A short-lived process that stays in the caller's namespaces, for what can be done only
    /// there.
    Outside,
    /// The process that was called.
    Nsx,
    /// A short-lived child that joins a target's namespaces for nsx, except for the PID
    /// namespace: the target sees neither.
    Joiner,
    /// The process that becomes the program: a child, or nsx itself if it need not stay.
    Inside,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Outside => "outside",
            Self::Nsx => "nsx",
            Self::Joiner => "joiner",
            Self::Inside => "inside",
        })
    }
}

/// A step and the process that takes it.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    actor: Actor,
    step: Arc<Step>,
    optional: bool,
}

impl PlannedStep {
    fn new(actor: Actor, step: Step, optional: bool) -> Self {
        Self {
            actor,
            step: Arc::new(step),
            optional,
        }
    }

    /// Returns the process that takes the step.
    pub fn actor(&self) -> Actor {
        self.actor
    }

    /// Returns the system call, as a reader of manual pages knows it.
    pub fn call(&self) -> String {
        self.step.call()
    }

    /// Returns the purpose, for a reader of `--explain`.
    pub fn why(&self) -> String {
        self.step.why()
    }

    /// Returns what failed if the step did: reads after "failed to".
    pub fn act(&self) -> String {
        self.step.act()
    }

    /// Returns the step as data, for the program `nsx`.
    #[doc(hidden)]
    pub fn step(&self) -> &Step {
        &self.step
    }

    /// Returns the step, for a failure that outlives the plan.
    pub(crate) fn shared_step(&self) -> Arc<Step> {
        Arc::clone(&self.step)
    }

    /// Returns whether the rest of the plan goes on when the kernel refuses this step.
    pub fn is_optional(&self) -> bool {
        self.optional
    }

    /// Returns whether the rest of the plan goes on when the kernel refuses this step with `errno`.
    ///
    /// A refusal to set propagation is passed over only if the path is not a mount point. A path
    /// that does not exist is reported at once.
    pub(crate) fn may_fail(&self, errno: Errno) -> bool {
        self.optional && (!matches!(self.step(), Step::Propagate { .. }) || errno == Errno::INVAL)
    }
}

/// Steps in the order in which they are taken. The last one becomes the program.
#[derive(Clone, Debug, Default)]
pub struct Plan(Vec<PlannedStep>);

impl Plan {
    /// Returns the steps.
    pub fn steps(&self) -> &[PlannedStep] {
        &self.0
    }

    /// Returns the descriptors that the steps use.
    pub(crate) fn descriptors(&self) -> Vec<RawFd> {
        self.0
            .iter()
            .flat_map(|planned| planned.step().descriptors())
            .collect()
    }

    /// The layers of overlays whose changes are kept or listed, once the plan is carried out in this
    /// process.
    pub fn layers(&self) -> impl Iterator<Item = &Layers> {
        self.0.iter().filter_map(|planned| match planned.step() {
            Step::HoldOverlay { layers, .. } => layers.get(),
            _ => None,
        })
    }

    /// Returns whether no program is run, so that nothing ends with the program.
    pub fn keeps(&self) -> bool {
        self.0.last().is_some_and(|planned| {
            !matches!(*planned.step, Step::Exec { .. } | Step::LoginShell { .. })
        })
    }

    /// Returns whether a step starts a program that stays.
    pub(crate) fn starts_program(&self) -> bool {
        let mut steps = self.0.iter();
        steps.any(|planned| matches!(planned.step(), Step::StartUplink(_)))
    }

    fn push(&mut self, actor: Actor, step: Step) {
        self.0.push(PlannedStep::new(actor, step, false));
    }

    fn push_optional(&mut self, actor: Actor, step: Step) {
        self.0.push(PlannedStep::new(actor, step, true));
    }
}

/// A request that cannot become a plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The running kernel has no such namespaces.
    #[error("this kernel has no {0} namespaces")]
    NoSuchKind(NsKind),
    /// `allow` for a group map that only an ordinary user's own rights would write.
    #[error(
        "setgroups cannot stay allowed: only a privileged caller may map a group without denying it"
    )]
    SetgroupsAllowed,
    /// A host or domain name longer than the kernel's 64 bytes.
    #[error("the {0} has {1} bytes, and the kernel takes at most 64")]
    NameTooLong(&'static str, usize),
    /// A new root under mounts that would pass its making on to the caller's namespace.
    #[error("a new root needs private or slave propagation")]
    RootPropagation,
    /// Mounts while mounts are shared, so that they would be made in the caller's namespace too.
    #[error("mounts that are for the program alone need private or slave propagation")]
    MountPropagation,
    /// A text with a zero byte in it, which no system call takes.
    #[error("{0} contains a zero byte")]
    ZeroByte(&'static str),
    /// The target shares every namespace with the caller.
    #[error("it is in no namespace but your own: there is nothing to enter")]
    NothingToEnter,
    /// Something of the target could not be read.
    #[error("failed to read its {what}")]
    Target {
        /// The name of the part that could not be read.
        what: &'static str,
        /// The reason.
        source: crate::proc::ProcError,
    },
    /// A terminal that could not be had for the program.
    #[error("failed to open a terminal for the program")]
    Terminal(#[source] rustix::io::Errno),
    /// The target ended while the plan was made.
    #[error("it has ended")]
    TargetEnded,
    /// A /proc in which a process id does not mean what it means to a system call.
    #[error(
        "/proc shows another PID namespace than yours, so process ids cannot be believed; mount \
        your own first"
    )]
    ForeignProc,
}
