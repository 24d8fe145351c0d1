//! Translates one id of a process's PID namespace many times, for the bench: `translate_many PID COUNT`.

use nsx_core::{
    pid::{IdsOf, Numbering, Pid, Process, Translator, parse},
    proc::ProcRoot,
};
use std::{error::Error, os::unix::ffi::OsStrExt};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<_> = std::env::args_os().collect();
    let [_, target, count] = words.as_slice() else {
        return Err("translate_many PID COUNT".into());
    };
    let proc = ProcRoot::system()?;
    let target = Process::pin(parse(target.as_bytes())?)?;
    let (inside, here) = (Numbering::of(&target, &proc)?, Numbering::own(&proc)?);
    let translator = Translator::new(&proc, inside, here, IdsOf::Processes);
    let count: usize = count.to_str().unwrap_or_default().parse()?;
    for _ in 0..count {
        std::hint::black_box(translator.translate(std::hint::black_box(Pid::INIT))?);
    }
    Ok(())
}
