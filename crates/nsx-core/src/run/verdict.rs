//! The verdicts of the target's filters on the system calls that nsx still needs once it has
//! installed them.
//!
//! A filter is a program of classic BPF over one call, see `seccomp(2)`. It is run here as the
//! kernel would run it.

use crate::{
    plan::{Filter, Step},
    sys::{process::SIBLING, trace::Instruction},
};
use rustix::io::Errno;

/// A call that is needed under the filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// Reads the capabilities.
    ReadCapabilities,
    /// Sets the capabilities.
    SetCapabilities,
    /// Sets the ambient ones.
    SetAmbient,
    /// Makes the program's process.
    Clone,
    /// Ties its life to nsx's. The program can go without.
    Tie,
    /// Waits for the other side.
    Wait,
    /// Wakes the other side.
    Wake,
    /// Reads the parent's id.
    Parent,
    /// Restores the effect of a signal.
    Disposition,
    /// Restores the signal mask.
    Mask,
    /// Ends the joiner.
    End,
}

impl Call {
    const ALL: [Self; 11] = [
        Self::ReadCapabilities,
        Self::SetCapabilities,
        Self::SetAmbient,
        Self::Clone,
        Self::Tie,
        Self::Wait,
        Self::Wake,
        Self::Parent,
        Self::Disposition,
        Self::Mask,
        Self::End,
    ];

    /// Returns its number on the board, from 1.
    pub(super) fn number(self) -> u32 {
        self as u32 + 1
    }

    fn name(self) -> &'static str {
        match self {
            Self::ReadCapabilities => "capget(2)",
            Self::SetCapabilities => "capset(2)",
            Self::SetAmbient => "prctl(PR_CAP_AMBIENT)",
            Self::Clone => "clone(CLONE_PARENT)",
            Self::Tie => "prctl(PR_SET_PDEATHSIG)",
            Self::Wait | Self::Wake => "futex(2)",
            Self::Parent => "getppid(2)",
            Self::Disposition => "rt_sigaction(2)",
            Self::Mask => "rt_sigprocmask(2)",
            Self::End => "exit_group(2)",
        }
    }

    /// Returns the call as the kernel shows it to a filter, with the arguments that are known.
    fn data(self) -> Data {
        let (call, arguments): (_, &[libc::c_int]) = match self {
            Self::ReadCapabilities => (libc::SYS_capget, &[]),
            Self::SetCapabilities => (libc::SYS_capset, &[]),
            Self::SetAmbient => (libc::SYS_prctl, &[libc::PR_CAP_AMBIENT]),
            Self::Clone => (libc::SYS_clone, &[SIBLING]),
            Self::Tie => (libc::SYS_prctl, &[libc::PR_SET_PDEATHSIG, libc::SIGKILL]),
            Self::Wait => (libc::SYS_futex, &[0, libc::FUTEX_WAIT]),
            Self::Wake => (libc::SYS_futex, &[0, libc::FUTEX_WAKE, libc::c_int::MAX]),
            Self::Parent => (libc::SYS_getppid, &[]),
            Self::Disposition => (libc::SYS_rt_sigaction, &[libc::SIGCHLD]),
            Self::Mask => (libc::SYS_rt_sigprocmask, &[libc::SIG_SETMASK]),
            Self::End => (libc::SYS_exit_group, &[0]),
        };
        Data::new(call, arguments)
    }

    /// Returns whether a plan that goes on with this step makes this call.
    fn is_of(self, step: &Step) -> bool {
        match self {
            Self::ReadCapabilities | Self::SetCapabilities => {
                matches!(step, Step::SetCapabilities(_))
            }
            Self::SetAmbient => {
                matches!(step, Step::SetCapabilities(state) if !state.inheritable.is_empty())
            }
            Self::Tie => matches!(step, Step::DieWithParent(_)),
            _ => matches!(step, Step::ForkSibling),
        }
    }
}

/// Returns the name of the call that has this number on the board.
pub(super) fn name(number: u32) -> Option<&'static str> {
    Call::ALL
        .into_iter()
        .find(|call| call.number() == number)
        .map(Call::name)
}

/// Returns the number of the call that has this name, 0 if none has.
pub(super) fn number(name: &str) -> u32 {
    Call::ALL
        .into_iter()
        .find(|call| call.name() == name)
        .map_or(0, Call::number)
}

/// Returns the calls that these filters do not let nsx make though it needs them for the `rest` of
/// the steps, each with the error that the caller would get.
pub(super) fn forbidden<'p>(
    filters: &[Filter],
    rest: impl Iterator<Item = &'p Step> + Clone,
) -> Vec<(Call, Errno)> {
    let needed = Call::ALL
        .into_iter()
        .filter(|call| rest.clone().any(|step| call.is_of(step)));
    needed
        .filter_map(|call| Some((call, refusal(filters, &call.data())?)))
        .collect()
}

/// The data that a filter decides by: `struct seccomp_data`, as words in the order of the bytes.
struct Data([u32; 16]);

impl Data {
    fn new(call: libc::c_long, arguments: &[libc::c_int]) -> Self {
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

const ACTION: u32 = 0xffff_0000;
const ALLOW: u32 = 0x7fff_0000;
const LOG: u32 = 0x7ffc_0000;
const ERRNO: u32 = 0x0005_0000;
const NOTIFY: u32 = 0x7fc0_0000;
const TRACE: u32 = 0x7ff0_0000;

/// Returns the error of a call that the filters do not allow, `EPERM` if it has none or would end
/// the process; nothing if all allow it.
fn refusal(filters: &[Filter], data: &Data) -> Option<Errno> {
    filters.iter().find_map(|filter| match run(filter, data) {
        Some(verdict) => match verdict & ACTION {
            ALLOW | LOG => None,
            ERRNO if verdict & 0xfff != 0 => {
                Some(Errno::from_raw_os_error((verdict & 0xfff).cast_signed()))
            }
            // Nobody traces nsx, and nobody listens to a filter that it installs.
            TRACE | NOTIFY => Some(Errno::NOSYS),
            _ => Some(Errno::PERM),
        },
        None => Some(Errno::INVAL),
    })
}

/// Returns the value that a filter returns of a call. None if it is not a program that the kernel
/// takes.
///
/// Jumps lead forward only, so that each instruction runs once at most.
fn run(filter: &[Instruction], data: &Data) -> Option<u32> {
    let (mut accumulator, mut index, mut memory) = (0_u32, 0_u32, [0_u32; 16]);
    let mut next = 0;
    loop {
        let Instruction {
            code,
            jump_true,
            jump_false,
            operand,
        } = *filter.get(next)?;
        next += 1;
        let by_index = code & 0x08 != 0;
        let value = if by_index { index } else { operand };
        match (code & 0x07, code) {
            // BPF_LD, BPF_LDX: of a word of the data, a constant, a word of memory, the length of
            // the data
            (0, 0x20) if operand % 4 == 0 => accumulator = *data.0.get(operand as usize / 4)?,
            (0, 0x00) => accumulator = operand,
            (0, 0x60) => accumulator = *memory.get(operand as usize)?,
            (0, 0x80) => accumulator = size_of::<Data>() as u32,
            (1, 0x01) => index = operand,
            (1, 0x61) => index = *memory.get(operand as usize)?,
            (1, 0x81) => index = size_of::<Data>() as u32,
            // BPF_ST, BPF_STX
            (2, 0x02) => *memory.get_mut(operand as usize)? = accumulator,
            (3, 0x03) => *memory.get_mut(operand as usize)? = index,
            // BPF_ALU; a division by 0 ends the filter, and it returns 0
            (4, 0x3c) if value == 0 => return Some(0),
            (4, _) => accumulator = calculate(code & 0xf0, accumulator, value)?,
            // BPF_JMP
            (5, 0x05) => next = next.checked_add(operand as usize)?,
            (5, _) => {
                let holds = match code & 0xf0 {
                    0x10 => accumulator == value,
                    0x20 => accumulator > value,
                    0x30 => accumulator >= value,
                    0x40 => accumulator & value != 0,
                    _ => return None,
                };
                next += usize::from(if holds { jump_true } else { jump_false });
            }
            // BPF_RET: of a constant, of the accumulator
            (6, 0x06) => return Some(operand),
            (6, 0x16) => return Some(accumulator),
            // BPF_MISC
            (7, 0x07) => index = accumulator,
            (7, 0x87) => accumulator = index,
            _ => return None,
        }
    }
}

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
        plan::CapabilityState,
        sys::{
            process::{Forked, SingleThread, exit_now, fork},
            trace,
        },
    };
    use proptest::prelude::*;
    use rustix::{process::WaitOptions, thread::CapabilitySet};

    const fn instruction(code: u16, jump_true: u8, jump_false: u8, operand: u32) -> Instruction {
        Instruction {
            code,
            jump_true,
            jump_false,
            operand,
        }
    }

    /// Returns a filter that returns `verdict` of one call if bits of its first argument are set,
    /// and else allows it.
    fn filter(call: libc::c_long, bits: u32, verdict: u32) -> Filter {
        vec![
            instruction(0x20, 0, 0, 0),
            instruction(0x15, 0, 3, call as u32),
            instruction(
                0x20,
                0,
                0,
                if cfg!(target_endian = "big") { 20 } else { 16 },
            ),
            instruction(0x45, 0, 1, bits),
            instruction(0x06, 0, 0, verdict),
            instruction(0x06, 0, 0, ALLOW),
        ]
    }

    const CLONE: [Step; 1] = [Step::ForkSibling];

    fn forbidden_by(filter: Filter, steps: &[Step]) -> Vec<(Call, Errno)> {
        forbidden(
            &[vec![instruction(0x06, 0, 0, ALLOW)], filter],
            steps.iter(),
        )
    }

    #[test]
    fn what_is_not_allowed_is_named_with_its_error() {
        let errno = ERRNO | libc::EXDEV as u32;
        let all = u32::MAX;
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, errno), &CLONE),
            [(Call::Clone, Errno::XDEV)]
        );
        // Namespaces, as engines forbid them.
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, 0x7e02_0000, errno), &CLONE),
            []
        );
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, ALLOW), &CLONE),
            []
        );
        assert_eq!(forbidden_by(filter(libc::SYS_clone, all, LOG), &CLONE), []);
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, TRACE), &CLONE),
            [(Call::Clone, Errno::NOSYS)]
        );
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, 0), &CLONE),
            [(Call::Clone, Errno::PERM)]
        );
        assert_eq!(
            forbidden_by(filter(libc::SYS_clone, all, ERRNO), &CLONE),
            [(Call::Clone, Errno::PERM)]
        );
        assert_eq!(forbidden_by(filter(libc::SYS_prctl, 1, errno), &CLONE), []);
        let tied = [Step::ForkSibling, Step::DieWithParent(libc::SIGKILL)];
        assert_eq!(
            forbidden_by(filter(libc::SYS_prctl, 1, errno), &tied),
            [(Call::Tie, Errno::XDEV)]
        );
        let state = CapabilityState::of(CapabilitySet::empty(), false);
        let steps = [Step::SetCapabilities(state)];
        let nothing = vec![instruction(0x06, 0, 0, errno)];
        assert_eq!(
            forbidden_by(nothing, &steps),
            [
                (Call::ReadCapabilities, Errno::XDEV),
                (Call::SetCapabilities, Errno::XDEV)
            ]
        );
    }

    #[test]
    fn each_call_has_a_number_that_leads_back() {
        for call in Call::ALL {
            assert_eq!(name(call.number()), Some(call.name()));
        }
        assert_eq!((name(0), name(u32::MAX)), (None, None));
    }

    /// Returns the kernel's verdict of a filter: the errno of a `getppid` with these arguments
    /// under it, or
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
            instruction(0x20, 0, 0, 0),
            instruction(0x15, 1, 0, libc::SYS_getppid as u32),
            instruction(0x06, 0, 0, ALLOW),
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
                instruction(code, jump_true, jump_false, operand)
            })
    }

    proptest! {
        #[test]
        fn no_program_makes_it_panic_or_run_for_ever(
            codes in proptest::collection::vec((any::<u16>(), any::<u8>(), any::<u8>(), any::<u32>()), 0..64),
            known in proptest::collection::vec(any_instruction(), 0..64),
        ) {
            let random: Filter =
                codes.into_iter().map(|(code, yes, no, operand)| instruction(code, yes, no, operand)).collect();
            for filter in [random, known] {
                let _ = run(&filter, &Call::Clone.data());
            }
        }

        #[test]
        fn the_kernel_comes_to_the_same(
            rest in proptest::collection::vec(any_instruction(), 1..12),
            arguments: [libc::c_int; 2],
        ) {
            // The last two turn what was calculated into an error from 0 to 127, and four more
            // catch the longest jumps.
            let start = [instruction(0x80, 0, 0, 0), instruction(0x02, 0, 0, 0)];
            let store: Vec<_> = (0..16).map(|index| instruction(0x02, 0, 0, index)).collect();
            let ends = [
                instruction(0x04, 0, 0, 0),
                instruction(0x04, 0, 0, 0),
                instruction(0x54, 0, 0, 127),
                instruction(0x44, 0, 0, ERRNO),
                instruction(0x16, 0, 0, 0),
            ];
            let filter = of_getppid(&[&start[..], &store, &rest, &ends].concat());
            if let Some(answer) = kernels_answer(&filter, arguments) {
                let verdict = run(&filter, &Data::new(libc::SYS_getppid, &arguments));
                prop_assert_eq!(verdict, Some(ERRNO | answer as u32));
            }
        }
    }
}
