//! A filter of system calls: a program of classic BPF over one call, see `seccomp(2)`, run here as
//! the kernel would run it.
//!
//! Of a call, some words may be unknown, such as its arguments. Then all ways through the program
//! that they could lead to are followed.

use crate::sys::trace::Instruction;
use std::collections::BTreeMap;

/// A call as a filter sees it: `struct seccomp_data`, as words in the order of the bytes. A word
/// that is none could be anything.
#[derive(Clone, Debug)]
pub(crate) struct Data([Option<u32>; 16]);

impl Data {
    /// A call with these arguments; further ones are 0.
    pub(crate) fn new(call: libc::c_long, arguments: &[libc::c_int]) -> Self {
        let mut words = [0; 16];
        words[0] = call as u32;
        words[1] = ARCHITECTURE;
        // Words 2 and 3 are the address of the instruction.
        for (index, argument) in arguments.iter().enumerate().take(6) {
            let argument = i64::from(*argument).cast_unsigned();
            let (low, high) = (argument as u32, (argument >> 32) as u32);
            let pair = if cfg!(target_endian = "big") {
                [high, low]
            } else {
                [low, high]
            };
            words[4 + 2 * index..6 + 2 * index].copy_from_slice(&pair);
        }
        Self(words.map(Some))
    }

    /// A call from anywhere with any arguments.
    pub(crate) fn of_any(call: u32) -> Self {
        let mut words = [None; 16];
        words[0] = Some(call);
        words[1] = Some(ARCHITECTURE);
        Self(words)
    }
}

/// This architecture as filters know it: AUDIT_ARCH of linux/audit.h. 0 on others, which no filter
/// allows.
const ARCHITECTURE: u32 = if cfg!(target_arch = "x86_64") {
    0xc000_003e
} else if cfg!(target_arch = "aarch64") {
    0xc000_00b7
} else if cfg!(target_arch = "riscv64") {
    0xc000_00f3
} else if cfg!(all(target_arch = "powerpc64", target_endian = "little")) {
    0xc000_0015
} else if cfg!(target_arch = "s390x") {
    0x8000_0016
} else if cfg!(target_arch = "loongarch64") {
    0xc000_0102
} else if cfg!(target_arch = "x86") {
    0x4000_0003
} else if cfg!(target_arch = "arm") {
    0x4000_0028
} else {
    0
};

/// The part of a verdict that says what happens, without its data.
pub(crate) const ACTION: u32 = 0xffff_0000;
pub(crate) const ALLOW: u32 = 0x7fff_0000;
pub(crate) const LOG: u32 = 0x7ffc_0000;
pub(crate) const ERRNO: u32 = 0x0005_0000;
pub(crate) const NOTIFY: u32 = 0x7fc0_0000;
pub(crate) const TRACE: u32 = 0x7ff0_0000;
pub(crate) const TRAP: u32 = 0x0003_0000;

/// Returns the value that a filter returns of a call whose words are all known. None if it is not a program
/// that the kernel takes.
pub(crate) fn run(filter: &[Instruction], data: &Data) -> Option<u32> {
    verdicts(filter, data)?.first().copied().flatten()
}

/// Returns the values that a filter may return of a call, none for one that depends on what is unknown.
/// None if it is not a program that the kernel takes.
///
/// Jumps lead forward only, so that each instruction is looked at once at most: if several ways
/// lead to it, with what is the same on all of them.
pub(crate) fn verdicts(filter: &[Instruction], data: &Data) -> Option<Vec<Option<u32>>> {
    let mut pending = BTreeMap::from([(0, State::default())]);
    let mut verdicts = Vec::new();
    while let Some((at, state)) = pending.pop_first() {
        match state.after(filter.get(at)?, data)? {
            Next::Return(verdict) => verdicts.push(verdict),
            Next::Go(state, ways) => {
                for way in ways.into_iter().flatten() {
                    let next = at.checked_add(1)?.checked_add(way)?;
                    let state = match pending.get(&next) {
                        Some(other) => state.join(other),
                        None => state.clone(),
                    };
                    pending.insert(next, state);
                }
            }
        }
    }
    Some(verdicts)
}

/// The values that a filter works with, none for what is unknown.
#[derive(Clone, Debug)]
struct State {
    accumulator: Option<u32>,
    index: Option<u32>,
    memory: [Option<u32>; 16],
}

/// The next step of a filter.
enum Next {
    /// It ends.
    Return(Option<u32>),
    /// It goes on, on one or two ways: the instructions to skip on each.
    Go(State, [Option<usize>; 2]),
}

impl Default for State {
    fn default() -> Self {
        Self {
            accumulator: Some(0),
            index: Some(0),
            memory: [Some(0); 16],
        }
    }
}

impl State {
    /// Returns a state that has what is the same in two states.
    fn join(&self, other: &Self) -> Self {
        let same = |one: Option<u32>, other| one.filter(|_| one == other);
        Self {
            accumulator: same(self.accumulator, other.accumulator),
            index: same(self.index, other.index),
            memory: std::array::from_fn(|at| same(self.memory[at], other.memory[at])),
        }
    }

    /// Takes one step. None if the kernel takes no such instruction.
    fn after(mut self, instruction: &Instruction, data: &Data) -> Option<Next> {
        let Instruction {
            code,
            jump_true,
            jump_false,
            operand,
        } = *instruction;
        let by_index = code & 0x08 != 0;
        let value = if by_index { self.index } else { Some(operand) };
        let mut ways = [Some(0), None];
        match (code & 0x07, code) {
            // BPF_LD, BPF_LDX: of a word of the data, a constant, a word of memory, the length of
            // the data
            (0, 0x20) if operand % 4 == 0 => {
                self.accumulator = *data.0.get(operand as usize / 4)?;
            }
            (0, 0x00) => self.accumulator = Some(operand),
            (0, 0x60) => self.accumulator = *self.memory.get(operand as usize)?,
            (0, 0x80) => self.accumulator = Some(LENGTH),
            (1, 0x01) => self.index = Some(operand),
            (1, 0x61) => self.index = *self.memory.get(operand as usize)?,
            (1, 0x81) => self.index = Some(LENGTH),
            // BPF_ST, BPF_STX
            (2, 0x02) => *self.memory.get_mut(operand as usize)? = self.accumulator,
            (3, 0x03) => *self.memory.get_mut(operand as usize)? = self.index,
            // BPF_ALU; a division by 0 ends the filter, and it returns 0
            (4, 0x3c) if value == Some(0) => return Some(Next::Return(Some(0))),
            // It could be a division by 0.
            (4, 0x3c) if value.is_none() => return Some(Next::Return(None)),
            (4, _) => {
                let operation = code & 0xf0;
                // Tells whether the kernel has it.
                calculate(operation, 0, 1)?;
                self.accumulator = match (self.accumulator, value) {
                    (Some(accumulator), Some(value)) => {
                        Some(calculate(operation, accumulator, value)?)
                    }
                    _ => None,
                };
            }
            // BPF_JMP
            (5, 0x05) => ways = [Some(operand as usize), None],
            (5, _) => {
                let [yes, no] = [jump_true, jump_false].map(|jump| Some(usize::from(jump)));
                let (Some(accumulator), Some(value)) = (self.accumulator, value) else {
                    return Some(Next::Go(self, [yes, no]));
                };
                let holds = match code & 0xf0 {
                    0x10 => accumulator == value,
                    0x20 => accumulator > value,
                    0x30 => accumulator >= value,
                    0x40 => accumulator & value != 0,
                    _ => return None,
                };
                ways = [if holds { yes } else { no }, None];
            }
            // BPF_RET: of a constant, of the accumulator
            (6, 0x06) => return Some(Next::Return(Some(operand))),
            (6, 0x16) => return Some(Next::Return(self.accumulator)),
            // BPF_MISC
            (7, 0x07) => self.index = self.accumulator,
            (7, 0x87) => self.accumulator = self.index,
            _ => return None,
        }
        Some(Next::Go(self, ways))
    }
}

/// The length of `struct seccomp_data`.
const LENGTH: u32 = 64;

fn calculate(operation: u16, accumulator: u32, value: u32) -> Option<u32> {
    Some(match operation {
        0x00 => accumulator.wrapping_add(value),
        0x10 => accumulator.wrapping_sub(value),
        0x20 => accumulator.wrapping_mul(value),
        0x30 => accumulator.checked_div(value)?,
        0x40 => accumulator | value,
        0x50 => accumulator & value,
        0x60 => accumulator.wrapping_shl(value),
        0x70 => accumulator.wrapping_shr(value),
        0x80 => accumulator.wrapping_neg(),
        0xa0 => accumulator ^ value,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::Filter,
        sys::{
            process::{Forked, SingleThread, exit_now, fork},
            trace,
        },
    };
    use proptest::prelude::*;
    use rustix::process::WaitOptions;

    /// The kernel's verdict of a filter: the errno of a `getppid` with these arguments under it, or
    /// 0. None if it takes no such filter, or ends the process.
    fn kernels_answer(filter: &Filter, arguments: [libc::c_int; 2]) -> Option<i32> {
        let Forked::Parent(child) = fork(SingleThread::assume()).unwrap() else {
            let installed =
                rustix::thread::set_no_new_privs(true).and_then(|()| trace::install(filter));
            if installed.is_err() {
                exit_now(255);
            }
            exit_now(trace::errno_of(libc::SYS_getppid, arguments))
        };
        let (_, status) = rustix::process::waitpid(Some(child), WaitOptions::empty())
            .unwrap()
            .unwrap();
        status.exit_status().filter(|status| *status != 255)
    }

    /// Allows all calls but `getppid`, of which the rest of the filter decides.
    fn of_getppid(rest: &[Instruction]) -> Filter {
        let start = [
            Instruction::new(0x20, 0, 0, 0),
            Instruction::new(0x15, 1, 0, libc::SYS_getppid as u32),
            Instruction::new(0x06, 0, 0, ALLOW),
        ];
        [&start[..], rest].concat()
    }

    fn any_instruction() -> impl Strategy<Value = Instruction> {
        let codes = [
            0x20, 0x00, 0x60, 0x80, 0x01, 0x61, 0x81, 0x02, 0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24,
            0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64, 0x6c, 0x74, 0x7c, 0x84, 0xa4, 0xac,
            0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d, 0x07, 0x87,
        ];
        (
            proptest::sample::select(codes.to_vec()),
            0_u8..3,
            0_u8..3,
            prop_oneof![0_u32..16, any::<u32>()],
        )
            .prop_map(|(code, jump_true, jump_false, operand)| {
                // Words and slots in memory that there are, jumps that lead to the end at most.
                let operand = match code {
                    0x20 => operand % 2 * 16 + operand / 2 % 2 * 4,
                    0x60 | 0x61 | 0x02 | 0x03 => operand % 16,
                    0x05 => operand % 3,
                    0x64 | 0x74 => operand % 32,
                    0x34 => operand.max(1),
                    _ => operand,
                };
                Instruction::new(code, jump_true, jump_false, operand)
            })
    }

    proptest! {
        #[test]
        fn no_program_makes_it_panic_or_run_for_ever(
            codes in proptest::collection::vec((any::<u16>(), any::<u8>(), any::<u8>(), any::<u32>()), 0..64),
            known in proptest::collection::vec(any_instruction(), 0..64),
        ) {
            let random: Filter =
                codes.into_iter().map(|(code, yes, no, operand)| Instruction::new(code, yes, no, operand)).collect();
            for filter in [random, known] {
                let _ = run(&filter, &Data::new(libc::SYS_getppid, &[]));
            }
        }

        #[test]
        fn the_kernel_comes_to_the_same(
            rest in proptest::collection::vec(any_instruction(), 1..12),
            arguments: [libc::c_int; 2],
        ) {
            // The last two turn what was calculated into an error from 0 to 127, and four more
            // catch the longest jumps.
            let start = [Instruction::new(0x80, 0, 0, 0), Instruction::new(0x02, 0, 0, 0)];
            let store: Vec<_> = (0..16).map(|index| Instruction::new(0x02, 0, 0, index)).collect();
            let ends = [
                Instruction::new(0x04, 0, 0, 0),
                Instruction::new(0x04, 0, 0, 0),
                Instruction::new(0x54, 0, 0, 127),
                Instruction::new(0x44, 0, 0, ERRNO),
                Instruction::new(0x16, 0, 0, 0),
            ];
            let filter = of_getppid(&[&start[..], &store, &rest, &ends].concat());
            if let Some(answer) = kernels_answer(&filter, arguments) {
                let verdict = run(&filter, &Data::new(libc::SYS_getppid, &arguments));
                prop_assert_eq!(verdict, Some(ERRNO | answer as u32));
            }
        }

        #[test]
        fn what_any_call_may_get_includes_what_one_gets(
            rest in proptest::collection::vec(any_instruction(), 1..24),
            arguments: [libc::c_int; 2],
        ) {
            let ends = [Instruction::new(0x16, 0, 0, 0); 4];
            let filter = of_getppid(&[&rest[..], &ends].concat());
            let one = verdicts(&filter, &Data::new(libc::SYS_getppid, &arguments));
            let any = verdicts(&filter, &Data::of_any(libc::SYS_getppid as u32));
            if let (Some(one), Some(any)) = (one, any) {
                prop_assert!(any.contains(&None) || any.contains(&one[0]), "{one:?} {any:?}");
            }
        }
    }
}
