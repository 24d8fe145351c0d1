//! `linux.seccomp` as a filter, see `seccomp(2)`: what libseccomp makes of the same rules for runc.
//!
//! The crate seccompiler would do for one action, one architecture, and names that are numbers
//! already. The filters that engines write have several actions, let programs of 32 bits run, and
//! have calls that are newer than the filter fail with ENOSYS. All of that is in one filter here,
//! for each architecture the rules in a row:
//!
//! ```text
//! load the architecture; another one: on to the next
//!   load the number; above the last that is named: ENOSYS
//!   for each rule and number: another number, or a condition that does not hold: on to the next; else the action
//!   the default action
//! the thread ends
//! ```

use super::OciError;
use nsx_core::{plan::Filter, sys::trace::Instruction};
use nsx_target::oci::{Argument, Seccomp, Text};
use rustix::io::Errno;
use std::os::unix::ffi::OsStrExt;

/// Words of `struct seccomp_data`, by their offsets.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// The bit of calls of the x32 interface of x86-64.
const X32: u32 = 1 << 30;

/// An action of the kernel on a call.
type Action = u32;

const KILL_THREAD: Action = 0;
const ERRNO: Action = 0x5_0000;
const ENOSYS: Action = ERRNO | Errno::NOSYS.raw_os_error() as u32;

/// An architecture whose calls a filter judges.
struct Architecture {
    /// Its name in the specification.
    name: &'static [u8],
    /// Its number in the kernel: `AUDIT_ARCH_*`.
    audit: u32,
    /// Finds the number of a call.
    number: fn(&str) -> Option<u32>,
}

/// The machine's own first, then those that it runs besides.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: b"SCMP_ARCH_X86_64",
        audit: 0xc000_003e,
        number: own_number,
    },
    Architecture {
        name: b"SCMP_ARCH_X86",
        audit: 0x4000_0003,
        number: |name| {
            name.parse::<syscalls::x86::Sysno>()
                .ok()
                .map(|call| call as u32)
        },
    },
];
#[cfg(target_arch = "aarch64")]
const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: b"SCMP_ARCH_AARCH64",
        audit: 0xc000_00b7,
        number: own_number,
    },
    Architecture {
        name: b"SCMP_ARCH_ARM",
        audit: 0x4000_0028,
        number: |name| {
            name.parse::<syscalls::arm::Sysno>()
                .ok()
                .map(|call| call as u32)
        },
    },
];
#[cfg(target_arch = "riscv64")]
const ARCHITECTURES: &[Architecture] = &[Architecture {
    name: b"SCMP_ARCH_RISCV64",
    audit: 0xc000_00f3,
    number: own_number,
}];
#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
)))]
const ARCHITECTURES: &[Architecture] = &[];

#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    target_arch = "riscv64"
))]
fn own_number(name: &str) -> Option<u32> {
    name.parse::<syscalls::Sysno>().ok().map(|call| call as u32)
}

/// A rule, checked.
struct Rule<'a> {
    names: &'a [Text],
    action: Action,
    /// Each alternative holds if all its conditions do; without any the rule always holds.
    alternatives: Vec<Vec<&'a Argument>>,
}

/// Returns the filter; none if the rules ask for none. The names of properties that are left out go
/// to `left_out`.
pub(super) fn filter(
    seccomp: &Seccomp,
    left_out: &mut Vec<String>,
) -> Result<Option<Filter>, OciError> {
    if seccomp.default_action.is_empty() && seccomp.syscalls.is_empty() {
        return Ok(None);
    }
    if ARCHITECTURES.is_empty() {
        return Err(OciError::Seccomp(
            "nsx cannot filter the system calls of this machine".to_owned(),
        ));
    }
    // nsx has one thread, which is what TSYNC is about.
    let flags = seccomp
        .flags
        .iter()
        .filter(|flag| flag.as_bytes() != b"SECCOMP_FILTER_FLAG_TSYNC");
    left_out.extend(flags.map(|flag| format!("linux.seccomp.flags ({flag})")));
    left_out.extend(
        (!seccomp.listener_path.is_empty()).then(|| "linux.seccomp.listenerPath".to_owned()),
    );
    let default = action(&seccomp.default_action, seccomp.default_errno_ret)?;
    let mut rules = Vec::new();
    for call in &seccomp.syscalls {
        let action = action(&call.action, call.errno_ret)?;
        call.args.iter().try_for_each(check)?;
        let is_repeated = |one: &Argument| {
            call.args
                .iter()
                .filter(|other| other.index == one.index)
                .count()
                > 1
        };
        // As in runc: of two conditions on one argument either is enough.
        let alternatives = match call.args.iter().any(is_repeated) {
            true => call.args.iter().map(|argument| vec![argument]).collect(),
            false if call.args.is_empty() => Vec::new(),
            false => vec![call.args.iter().collect()],
        };
        rules.push(Rule {
            names: &call.names,
            action,
            alternatives,
        });
    }
    let has = |name: &[u8]| {
        seccomp
            .architectures
            .iter()
            .any(|one| one.as_bytes() == name)
    };
    let mut program = vec![load(ARCHITECTURE)];
    for (place, architecture) in ARCHITECTURES.iter().enumerate() {
        if place > 0 && !has(architecture.name) {
            continue;
        }
        // Newer calls fail as they would on an older kernel, unless the filter says otherwise.
        let permits = matches!(default >> 16, 0x7fff | 0x7ffc | 0x7ff0);
        let bounded = !permits
            && seccomp.default_errno_ret != Some(ENOSYS & 0xffff)
            && has(architecture.name);
        let section = section(
            architecture,
            &rules,
            default,
            bounded,
            has(b"SCMP_ARCH_X32"),
        );
        let length = u32::try_from(section.len()).unwrap_or(u32::MAX);
        program.extend([
            jump(EQUAL, architecture.audit, 1, 0),
            Instruction {
                code: ALWAYS,
                operand: length,
                ..NONE
            },
        ]);
        program.extend(section);
    }
    program.push(returns(KILL_THREAD));
    Ok(Some(program))
}

/// The instructions for the calls of one architecture.
fn section(
    architecture: &Architecture,
    rules: &[Rule<'_>],
    default: Action,
    bounded: bool,
    x32: bool,
) -> Filter {
    let numbers = |rule: &Rule<'_>| -> Vec<u32> {
        rule.names
            .iter()
            .filter_map(|name| (architecture.number)(name.to_str()?))
            .collect()
    };
    let mut section = vec![load(NUMBER)];
    let has_x32 = architecture.audit == 0xc000_003e;
    if has_x32 && !x32 {
        section.extend([jump(AT_LEAST, X32, 0, 1), returns(KILL_THREAD)]);
    }
    let bits = (has_x32 && x32).then_some(Instruction {
        code: AND,
        operand: !X32,
        ..NONE
    });
    section.extend(bits);
    if let Some(last) = rules.iter().flat_map(numbers).max().filter(|_| bounded) {
        section.extend([jump(ABOVE, last, 0, 1), returns(ENOSYS)]);
    }
    // A rule that always holds goes before those with conditions, and one with the default action
    // changes nothing.
    let rules = rules.iter().filter(|rule| rule.action != default);
    let (always, others): (Vec<_>, Vec<_>) = rules.partition(|rule| rule.alternatives.is_empty());
    for rule in always {
        for number in numbers(rule) {
            section.extend([jump(EQUAL, number, 0, 1), returns(rule.action)]);
        }
    }
    for rule in others {
        for number in numbers(rule) {
            for alternative in &rule.alternatives {
                let mut block = conditions(alternative, rule.action);
                block.push(load(NUMBER));
                block.extend(bits);
                section.push(jump(
                    EQUAL,
                    number,
                    0,
                    u8::try_from(block.len()).unwrap_or(u8::MAX),
                ));
                section.extend(block);
            }
        }
    }
    section.push(returns(default));
    section
}

/// The target of a condition's jump, until the distance is known.
const HOLDS: u8 = 254;
const FAILS: u8 = 255;

/// The action if all conditions hold; else the instruction after it.
fn conditions(arguments: &[&Argument], action: Action) -> Filter {
    let mut block = Vec::new();
    for argument in arguments {
        let start = block.len();
        block.extend(condition(argument));
        let end = block.len();
        for (place, instruction) in block.iter_mut().enumerate().skip(start) {
            for target in [&mut instruction.jump_true, &mut instruction.jump_false] {
                if *target == HOLDS {
                    *target = u8::try_from(end - place - 1).unwrap_or(u8::MAX);
                }
            }
        }
    }
    block.push(returns(action));
    let end = block.len();
    for (place, instruction) in block.iter_mut().enumerate() {
        for target in [&mut instruction.jump_true, &mut instruction.jump_false] {
            if *target == FAILS {
                *target = u8::try_from(end - place - 1).unwrap_or(u8::MAX);
            }
        }
    }
    block
}

/// A comparison of 64 bits, the upper half first.
fn condition(argument: &Argument) -> Filter {
    let Argument {
        index,
        value,
        value_two,
        op,
    } = argument;
    let (upper, lower) = if cfg!(target_endian = "little") {
        (4, 0)
    } else {
        (0, 4)
    };
    let [upper, lower] = [upper, lower].map(|half| load(ARGUMENTS + 8 * index + half));
    let [high, low] = [*value >> 32, *value].map(|half| half as u32);
    // What is above the value in its upper half is above it, and so on.
    let ordered = |code, above: u8, below: u8, holds: u8, fails: u8| {
        vec![
            upper,
            jump(ABOVE, high, above, 0),
            jump(EQUAL, high, 0, below),
            lower,
            jump(code, low, holds, fails),
        ]
    };
    match op.as_bytes() {
        b"SCMP_CMP_EQ" => vec![
            upper,
            jump(EQUAL, high, 0, FAILS),
            lower,
            jump(EQUAL, low, 0, FAILS),
        ],
        b"SCMP_CMP_NE" => vec![
            upper,
            jump(EQUAL, high, 0, HOLDS),
            lower,
            jump(EQUAL, low, FAILS, 0),
        ],
        b"SCMP_CMP_GT" => ordered(ABOVE, HOLDS, FAILS, 0, FAILS),
        b"SCMP_CMP_GE" => ordered(AT_LEAST, HOLDS, FAILS, 0, FAILS),
        b"SCMP_CMP_LT" => ordered(AT_LEAST, FAILS, HOLDS, FAILS, 0),
        b"SCMP_CMP_LE" => ordered(ABOVE, FAILS, HOLDS, FAILS, 0),
        _ => {
            let mask = |half: u32| Instruction {
                code: AND,
                operand: half,
                ..NONE
            };
            let wanted = value_two & value;
            let [wanted_high, wanted_low] = [wanted >> 32, wanted].map(|half| half as u32);
            let upper = [upper, mask(high), jump(EQUAL, wanted_high, 0, FAILS)];
            upper
                .into_iter()
                .chain([lower, mask(low), jump(EQUAL, wanted_low, 0, FAILS)])
                .collect()
        }
    }
}

fn check(argument: &Argument) -> Result<(), OciError> {
    let known = ["EQ", "NE", "GT", "GE", "LT", "LE", "MASKED_EQ"];
    let name = argument
        .op
        .to_str()
        .and_then(|op| op.strip_prefix("SCMP_CMP_"));
    if !name.is_some_and(|name| known.contains(&name)) {
        return Err(OciError::Seccomp(format!(
            "there is no comparison {}",
            crate::out::shown(&argument.op)
        )));
    }
    if argument.index > 5 {
        return Err(OciError::Seccomp(format!(
            "a system call has no argument of index {}",
            argument.index
        )));
    }
    Ok(())
}

fn action(name: &Text, errno: Option<u32>) -> Result<Action, OciError> {
    let with = |base: Action| base | errno.unwrap_or(Errno::PERM.raw_os_error() as u32) & 0xffff;
    Ok(match name.as_bytes() {
        b"SCMP_ACT_KILL" | b"SCMP_ACT_KILL_THREAD" => KILL_THREAD,
        b"SCMP_ACT_KILL_PROCESS" => 0x8000_0000,
        b"SCMP_ACT_TRAP" => 0x3_0000,
        b"SCMP_ACT_ERRNO" => with(ERRNO),
        b"SCMP_ACT_TRACE" => with(0x7ff0_0000),
        b"SCMP_ACT_LOG" => 0x7ffc_0000,
        b"SCMP_ACT_ALLOW" => 0x7fff_0000,
        b"SCMP_ACT_NOTIFY" => {
            return Err(OciError::Seccomp(
                "SCMP_ACT_NOTIFY needs a supervisor".to_owned(),
            ));
        }
        _ => {
            return Err(OciError::Seccomp(format!(
                "there is no action {}",
                crate::out::shown(name)
            )));
        }
    })
}

// Codes of classic BPF, see `linux/bpf_common.h`.
const ALWAYS: u16 = 0x05;
const AND: u16 = 0x54;
const EQUAL: u16 = 0x15;
const ABOVE: u16 = 0x25;
const AT_LEAST: u16 = 0x35;

const NONE: Instruction = Instruction {
    code: 0,
    jump_true: 0,
    jump_false: 0,
    operand: 0,
};

fn load(offset: u32) -> Instruction {
    Instruction {
        code: 0x20,
        operand: offset,
        ..NONE
    }
}

fn jump(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction {
        code,
        jump_true,
        jump_false,
        operand,
    }
}

fn returns(action: Action) -> Instruction {
    Instruction {
        code: 0x06,
        operand: action,
        ..NONE
    }
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;
    use proptest::{prelude::*, sample::select};
    use seccompiler::{
        BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
        SeccompRule,
    };
    use serde_json::{Value, json};

    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;
    const ALLOW: Action = 0x7fff_0000;

    fn program(json: Value) -> Filter {
        filter(&serde_json::from_value(json).unwrap(), &mut Vec::new())
            .unwrap()
            .unwrap()
    }

    /// Runs a filter over a call as the kernel would.
    fn verdict(
        filter: &[Instruction],
        architecture: u32,
        number: u32,
        arguments: [u64; 6],
    ) -> Action {
        let (mut accumulator, mut place) = (0, 0);
        loop {
            let Instruction {
                code,
                jump_true,
                jump_false,
                operand,
            } = filter[place];
            let jumps = |holds: bool| usize::from(if holds { jump_true } else { jump_false });
            place += 1;
            match code {
                0x20 => {
                    accumulator = match operand {
                        NUMBER => number,
                        ARCHITECTURE => architecture,
                        offset => {
                            let argument = arguments[(offset as usize - 16) / 8];
                            (if offset % 8 == 4 {
                                argument >> 32
                            } else {
                                argument
                            }) as u32
                        }
                    }
                }
                AND => accumulator &= operand,
                ALWAYS => place += operand as usize,
                EQUAL => place += jumps(accumulator == operand),
                ABOVE => place += jumps(accumulator > operand),
                AT_LEAST => place += jumps(accumulator >= operand),
                0x06 => return operand,
                code => panic!("{code:#x}"),
            }
        }
    }

    fn of(filter: &[Instruction], number: libc::c_long) -> Action {
        verdict(filter, X86_64, number as u32, [0; 6])
    }

    #[test]
    fn each_rule_has_its_action() {
        let filter = program(json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
            "syscalls": [
                {"names": ["read", "write", "no_such_call"], "action": "SCMP_ACT_ALLOW"},
                {"names": ["getpid"], "action": "SCMP_ACT_KILL_PROCESS"},
                {"names": ["getuid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 7},
                {"names": ["socket"], "action": "SCMP_ACT_TRAP", "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}]},
                {"names": ["openat2"], "action": "SCMP_ACT_LOG"},
            ],
        }));
        assert_eq!(
            [of(&filter, libc::SYS_read), of(&filter, libc::SYS_write)],
            [ALLOW; 2]
        );
        assert_eq!(of(&filter, libc::SYS_getpid), 0x8000_0000);
        assert_eq!(
            [of(&filter, libc::SYS_getuid), of(&filter, libc::SYS_getgid)],
            [ERRNO | 7, ERRNO | 1]
        );
        let socket = libc::SYS_socket as u32;
        assert_eq!(
            verdict(&filter, X86_64, socket, [16, 1, 1, 1, 1, 1]),
            0x3_0000
        );
        assert_eq!(
            verdict(&filter, X86_64, socket, [1 << 32 | 16, 1, 1, 1, 1, 1]),
            ERRNO | 1
        );
        // Beyond the last that is named: as on a kernel that does not have it.
        assert_eq!(
            [
                of(&filter, libc::SYS_openat2),
                of(&filter, libc::SYS_openat2 + 1)
            ],
            [0x7ffc_0000, ENOSYS]
        );
        // Programs of 32 bits have other numbers, and x32 is not listed.
        assert_eq!(
            [
                verdict(&filter, I386, 3, [0; 6]),
                verdict(&filter, I386, 20, [0; 6])
            ],
            [ALLOW, 0x8000_0000]
        );
        assert_eq!(
            verdict(&filter, X86_64, X32 | libc::SYS_read as u32, [0; 6]),
            KILL_THREAD
        );
        assert_eq!(verdict(&filter, 0x1234, 0, [0; 6]), KILL_THREAD);
    }

    #[test]
    fn architectures_are_those_that_are_listed() {
        let filter = |architectures: &[&str]| {
            program(json!({
                "defaultAction": "SCMP_ACT_ERRNO", "architectures": architectures,
                "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}],
            }))
        };
        let verdicts = |filter: &Filter| {
            let read = [(X86_64, 0), (X86_64, X32), (I386, 3), (X86_64, 400)];
            read.map(|(architecture, number)| verdict(filter, architecture, number, [0; 6]))
        };
        assert_eq!(
            verdicts(&filter(&[])),
            [ALLOW, KILL_THREAD, KILL_THREAD, ERRNO | 1]
        );
        let all = filter(&["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]);
        assert_eq!(verdicts(&all), [ALLOW, ALLOW, ALLOW, ENOSYS]);
    }

    #[test]
    fn a_filter_that_permits_by_default_permits_what_is_new() {
        let filter = program(json!({
            "defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO"}],
        }));
        assert_eq!(
            [of(&filter, libc::SYS_read), of(&filter, 400)],
            [ERRNO | 1, ALLOW]
        );
    }

    #[test]
    fn what_is_not_a_filter_is_refused_and_what_is_left_out_named() {
        let refused = |json: Value| {
            filter(&serde_json::from_value(json).unwrap(), &mut Vec::new())
                .unwrap_err()
                .to_string()
        };
        for (json, reason) in [
            (
                json!({"defaultAction": "SCMP_ACT_FLY"}),
                "no action SCMP_ACT_FLY",
            ),
            (
                json!({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}),
                "no action",
            ),
            (json!({"defaultAction": "SCMP_ACT_NOTIFY"}), "supervisor"),
            (
                json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                    {"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 6, "op": "SCMP_CMP_EQ"}]}]}),
                "index 6",
            ),
            (
                json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
                    {"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 0, "op": "="}]}]}),
                "no comparison =",
            ),
        ] {
            let error = refused(json);
            assert!(error.contains(reason), "{error}");
        }
        let mut left_out = Vec::new();
        let flags = json!({
            "defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x",
            "flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_TSYNC"],
        });
        filter(&serde_json::from_value(flags).unwrap(), &mut left_out).unwrap();
        assert_eq!(
            left_out,
            [
                "linux.seccomp.flags (SECCOMP_FILTER_FLAG_LOG)",
                "linux.seccomp.listenerPath"
            ]
        );
        assert_eq!(filter(&Seccomp::default(), &mut left_out).unwrap(), None);
    }

    fn values() -> impl Strategy<Value = u64> {
        let edges = vec![
            0,
            1,
            2,
            u64::from(u32::MAX),
            1 << 32,
            (1 << 32) + 1,
            5 << 32,
            u64::MAX - 1,
            u64::MAX,
        ];
        prop_oneof![select(edges), any::<u64>(), 0..8_u64]
    }

    proptest! {
        /// Conditions hold as seccompiler, which Firecracker uses, has them.
        #[test]
        fn comparisons_are_those_of_seccompiler(
            rules in proptest::collection::vec((0..6_u32, values(), values(), 0..7_usize), 1..4),
            arguments: [u64; 6],
            shared in any::<bool>(),
        ) {
            let ops = ["EQ", "NE", "GT", "GE", "LT", "LE", "MASKED_EQ"];
            let mut rules = rules;
            rules.dedup_by_key(|(index, ..)| *index);
            let mut seen = Vec::new();
            rules.retain(|(index, ..)| !seen.contains(index) && { seen.push(*index); true });
            // Values that are equal would else be rare.
            let mut arguments = arguments;
            if shared {
                rules.iter().for_each(|(index, value, second, op)| {
                    arguments[*index as usize] = if *op == 6 { second & value } else { *value };
                });
            }
            let args: Vec<_> = rules
                .iter()
                .map(|(index, value, second, op)| {
                    json!({"index": index, "value": value, "valueTwo": second, "op": format!("SCMP_CMP_{}", ops[*op])})
                })
                .collect();
            let ours = program(json!({
                "defaultAction": "SCMP_ACT_KILL", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args": args}],
            }));
            let conditions = rules.iter().map(|(index, value, second, op)| {
                let (op, value) = match op {
                    0 => (SeccompCmpOp::Eq, *value),
                    1 => (SeccompCmpOp::Ne, *value),
                    2 => (SeccompCmpOp::Gt, *value),
                    3 => (SeccompCmpOp::Ge, *value),
                    4 => (SeccompCmpOp::Lt, *value),
                    5 => (SeccompCmpOp::Le, *value),
                    _ => (SeccompCmpOp::MaskedEq(*value), *second),
                };
                SeccompCondition::new(*index as u8, SeccompCmpArgLen::Qword, op, value).unwrap()
            });
            let rule = SeccompRule::new(conditions.collect()).unwrap();
            let theirs: BpfProgram = SeccompFilter::new(
                [(0, vec![rule])].into(), SeccompAction::KillThread, SeccompAction::Allow,
                std::env::consts::ARCH.try_into().unwrap(),
            ).unwrap().try_into().unwrap();
            let theirs: Filter = theirs
                .iter()
                .map(|it| Instruction { code: it.code, jump_true: it.jt, jump_false: it.jf, operand: it.k })
                .collect();
            prop_assert_eq!(verdict(&ours, X86_64, 0, arguments), verdict(&theirs, X86_64, 0, arguments));
            prop_assert_eq!(of(&ours, 1), KILL_THREAD);
        }
    }
}
