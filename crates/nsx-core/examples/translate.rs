//! Prints the ids of a process in its own PID namespace and the caller's: `translate PID`.

#![allow(clippy::print_stdout)]

use nsx_core::{
    pid::{IdsOf, Numbering, Pid, Process, Translator, parse},
    proc::ProcRoot,
};
use std::{error::Error, os::unix::ffi::OsStrExt};

/// Returns the id in the caller's PID namespace of the process that has the id `inside` in that of
/// `target`.
fn translate(target: Pid, inside: Pid) -> Result<Pid, Box<dyn Error>> {
    let proc = ProcRoot::system()?;
    let target = Process::pin(target)?;
    let (there, here) = (Numbering::of(&target, &proc)?, Numbering::own(&proc)?);
    let translator = Translator::new(&proc, there, here, IdsOf::Processes);
    Ok(translator.translate(inside)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let word = std::env::args_os().nth(1).ok_or("translate PID")?;
    let init = translate(parse(word.as_bytes())?, Pid::INIT)?;
    println!("PID 1 there is {init} here");
    Ok(())
}

#[test]
fn a_number_of_this_namespace_stays() -> Result<(), Box<dyn Error>> {
    let own = nsx_core::rustix::process::getpid();
    assert_eq!(translate(own, own)?, own);
    Ok(())
}
