//! Filters of system calls: read from the target, put on the program.
//!
//! The kernel shows a process's filters to nobody but its tracer, and only while it is stopped. A
//! short-lived child traces: when it ends the target runs on, whatever happened, and the program
//! never finds itself a tracer.

use crate::{
    descriptor::write_all,
    pid::Process,
    plan::Filter,
    sys::{
        process::{Forked, SingleThread, collect, exit_now, fork},
        trace::{self, Instruction, MOST_INSTRUCTIONS},
    },
};
use rustix::{
    event::{PollFd, PollFlags},
    fd::OwnedFd,
    io::Errno,
    pipe::PipeFlags,
    process::{Signal, WaitId, WaitIdOptions},
};
use std::time::{Duration, Instant};

/// The time that a target may take to stop. A target that is frozen, or that waits for a disk,
/// takes longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most filters that are read.
const MOST_FILTERS: usize = 64;

/// Returns the filters of a process, the oldest first.
///
/// # Errors
/// `EACCES` without CAP_SYS_ADMIN on the host, or if this process has a filter itself; `ETIMEDOUT`
/// if the process does not stop.
pub(crate) fn read(target: &Process, thread: SingleThread) -> Result<Vec<Filter>, Errno> {
    let (ours, theirs) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    match fork(thread)? {
        Forked::Child => {
            drop(ours);
            let answer = trace(target);
            let _ = write_all(&theirs, &encode(&answer));
            exit_now(0)
        }
        Forked::Parent(child) => {
            drop(theirs);
            let text = read_in_time(&ours, Instant::now() + PATIENCE + PATIENCE / 2);
            // The child may still wait for the target to stop. Its id is not reused before it is
            // collected.
            let _ = rustix::process::kill_process(child, Signal::KILL);
            let _ = collect(child);
            decode(&text?)
        }
    }
}

/// Puts the filters on this process.
pub(crate) fn install(filters: &[Filter]) -> Result<(), Errno> {
    filters.iter().try_for_each(|filter| trace::install(filter))
}

fn trace(target: &Process) -> Result<Vec<Filter>, Errno> {
    let pid = target.pid();
    trace::seize(pid)?;
    // If the target has ended, the id may be another process's, which is released when this
    // process ends.
    if target.ended() {
        return Err(Errno::SRCH);
    }
    trace::interrupt(pid)?;
    let deadline = Instant::now() + PATIENCE;
    let stop = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    while rustix::process::waitid(WaitId::Pid(pid), stop)?.is_none() {
        if Instant::now() > deadline {
            return Err(Errno::TIMEDOUT);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    let mut filters = Vec::new();
    while filters.len() < MOST_FILTERS {
        match trace::filter(pid, filters.len()) {
            Err(Errno::NOENT) => break,
            filter => filters.push(filter?),
        }
    }
    Ok(filters)
}

/// Returns a number that is 0 or the errno, and each filter: how many instructions, and those.
fn encode(answer: &Result<Vec<Filter>, Errno>) -> Vec<u8> {
    let mut text = answer
        .as_ref()
        .err()
        .map_or(0, |errno| errno.raw_os_error())
        .to_ne_bytes()
        .to_vec();
    for filter in answer.iter().flatten() {
        text.extend((filter.len() as u32).to_ne_bytes());
        for Instruction {
            code,
            jump_true,
            jump_false,
            operand,
        } in filter
        {
            text.extend(code.to_ne_bytes());
            text.extend([*jump_true, *jump_false]);
            text.extend(operand.to_ne_bytes());
        }
    }
    text
}

fn decode(text: &[u8]) -> Result<Vec<Filter>, Errno> {
    let (errno, mut rest) = text.split_first_chunk().ok_or(Errno::SRCH)?;
    match i32::from_ne_bytes(*errno) {
        0 => {}
        errno @ 1..4096 => return Err(Errno::from_raw_os_error(errno)),
        _ => return Err(Errno::IO),
    }
    let mut filters = Vec::new();
    while let Some((length, instructions)) = rest.split_first_chunk() {
        let bytes = u32::from_ne_bytes(*length) as usize * size_of::<Instruction>();
        let (filter, others) = instructions.split_at_checked(bytes).ok_or(Errno::IO)?;
        filters.push(
            filter
                .chunks_exact(size_of::<Instruction>())
                .map(instruction)
                .collect(),
        );
        rest = others;
    }
    Ok(filters)
}

fn instruction(bytes: &[u8]) -> Instruction {
    let byte = |index: usize| bytes.get(index).copied().unwrap_or_default();
    Instruction {
        code: u16::from_ne_bytes([byte(0), byte(1)]),
        jump_true: byte(2),
        jump_false: byte(3),
        operand: u32::from_ne_bytes([byte(4), byte(5), byte(6), byte(7)]),
    }
}

fn read_in_time(pipe: &OwnedFd, deadline: Instant) -> Result<Vec<u8>, Errno> {
    let most = MOST_FILTERS * MOST_INSTRUCTIONS * size_of::<Instruction>() + 4096;
    let mut text = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(pipe, PollFlags::IN)];
        match rustix::event::poll(&mut fds, left.try_into().ok().as_ref()) {
            Ok(0) => return Err(Errno::TIMEDOUT),
            Err(Errno::INTR) => continue,
            outcome => outcome?,
        };
        text.reserve(65536);
        match rustix::io::read(pipe, rustix::buffer::spare_capacity(&mut text))? {
            0 => return Ok(text),
            _ if text.len() > most => return Err(Errno::FBIG),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_told_is_what_was_read() {
        let one = Instruction {
            code: 0x15,
            jump_true: 1,
            jump_false: 2,
            operand: 0xc000_003e,
        };
        let filters = vec![vec![one], Vec::new(), vec![Instruction::default(), one]];
        assert_eq!(decode(&encode(&Ok(filters.clone()))), Ok(filters));
        assert_eq!(decode(&encode(&Err(Errno::ACCESS))), Err(Errno::ACCESS));
        assert_eq!(decode(b""), Err(Errno::SRCH));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
