//! Runs a shell in the namespaces of a process that differ from the caller's: `enter PID`.

use nsx_core::{
    ns::NsSet,
    pid::{Pid, Process, parse},
    plan::{
        Caller,
        enter::{self, Program, Request},
    },
    proc::ProcRoot,
    run::{self, Ended},
};
use std::{error::Error, ffi::CString, os::unix::ffi::OsStrExt};

fn enter(target: Pid, program: CString) -> Result<Ended, Box<dyn Error>> {
    let proc = ProcRoot::system()?;
    let request = Request {
        target: Some(Process::pin(target)?),
        kinds: NsSet::ALL,
        program: Program::First(vec![vec![program]]),
        ..Request::default()
    };
    let plan = enter::plan(request, &Caller::read(&proc)?, &proc)?;
    Ok(run::run(&plan)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let word = std::env::args_os().nth(1).ok_or("enter PID")?;
    enter(parse(word.as_bytes())?, c"sh".into())?;
    Ok(())
}

#[test]
fn a_program_runs_in_the_namespaces_of_another() -> Result<(), Box<dyn Error>> {
    let mut other = std::process::Command::new("unshare")
        .args(["--map-root-user", "--uts", "cat"])
        .stdin(std::process::Stdio::piped())
        .spawn()?;
    let pid = Pid::from_child(&other);
    let proc = ProcRoot::system()?;
    let link = nsx_core::proc::NsLink::Own(nsx_core::ns::NsKind::Uts);
    while proc.ns(pid, link)? == proc.own_ns(link)? {
        std::thread::yield_now();
    }
    assert_eq!(enter(pid, c"true".into())?, Ended::Exited(0));
    drop(other.stdin.take());
    other.wait()?;
    Ok(())
}
