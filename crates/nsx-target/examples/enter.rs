//! Runs a program in a container as the container's engine would: `enter web id`.

use nsx_core::{
    plan::{self, Caller},
    run::{self, Ended},
};
use nsx_target::{Host, Target, enter::Enter};
use std::{env, error::Error, os::unix::ffi::OsStrExt, process::ExitCode};

/// Enters the container that the first argument names.
pub(crate) fn main() -> Result<ExitCode, Box<dyn Error>> {
    let mut words = env::args_os().skip(1);
    let name = words.next().ok_or("usage: enter NAME [PROGRAM [ARG]...]")?;
    let program = words.collect();
    let host = Host::system()?;
    let container = host.find_process(&Target::parse(name.as_bytes())?)?;
    let caller = Caller::read(host.proc())?;
    let enter = Enter {
        program,
        ..Enter::default()
    };
    let entry = enter.request(container, &host, &caller)?;
    let plan = plan::enter::plan(entry.request, &caller, host.proc())?;
    match run::in_place(&plan, Some(host.proc()), &mut |_| ())? {
        Ended::Exited(status) => Ok(status.into()),
        Ended::Killed(_) => Ok(ExitCode::FAILURE),
    }
}
