//! `nsx pidmap` (in work).

use crate::exit::ExitStatus;
use clap::Parser;

/// In work.
#[derive(Debug, Parser)]
#[command(name = "nsx pidmap")]
pub struct Options {}

pub(crate) fn run(_options: Options) -> ExitStatus {
    ExitStatus::FAILURE
}
