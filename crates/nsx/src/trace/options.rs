//! The options of `nsx trace`.

use crate::{error::Error, program};
use clap::Parser;
use std::ffi::{CString, OsString};

const EXAMPLES: &str = "\
Examples:
  nsx trace -- ./install.sh            which calls are refused, and why
  nsx trace -- unshare --net true      of another program

Exit status: the program's own; 125 if nsx fails, 126 if the program cannot be run, 127 if it is not \
found.";

/// Run a program, and say why its system calls are refused
///
/// Watches the calls of the program and its descendants about namespaces, mounts, ids,
/// capabilities, devices and clocks. For each that is refused, a line on standard error names the
/// call, the check and the user namespace in which a capability is missing. The program runs
/// under ptrace(2): slower, and set-user-ID programs get no privilege unless you are root.
#[derive(Debug, Parser)]
#[command(name = "nsx trace", version, bin_name = "nsx trace", after_help = EXAMPLES)]
pub struct Options {
    /// The program and its arguments
    #[arg(
        value_name = "PROGRAM",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = false
    )]
    program: Vec<OsString>,
}

impl Options {
    /// Returns the program and its arguments as system calls take them.
    pub(super) fn arguments(self) -> Result<Vec<CString>, Error> {
        let arguments = self.program.into_iter();
        let arguments = arguments.map(|word| program::c_string(word, "an argument"));
        Ok(arguments.collect::<Result<_, _>>()?)
    }
}
