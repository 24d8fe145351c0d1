//! Filters, run over system calls as the kernel runs them.

use super::{
    bpf::{ALWAYS, AND, ARCHITECTURE, ARGUMENTS, LOAD, NUMBER, RETURN},
    *,
};
use nsx_core::plan::Instruction;
use proptest::{prelude::*, sample::select};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};
use serde_json::{Value, json};

const I386: u32 = 0x4000_0003;

fn program(json: Value) -> Filter {
    filter(&serde_json::from_value(json).unwrap(), &mut Vec::new())
        .unwrap()
        .unwrap()
}

/// Runs a filter over a call as the kernel would.
fn verdict(filter: &[Instruction], architecture: u32, number: u32, arguments: [u64; 6]) -> Action {
    let (mut accumulator, mut next) = (0, 0);
    loop {
        let Instruction {
            code,
            jump_true,
            jump_false,
            operand,
        } = filter[next];
        let jumps = |holds: bool| usize::from(if holds { jump_true } else { jump_false });
        next += 1;
        match code {
            LOAD => {
                accumulator = match operand {
                    NUMBER => number,
                    ARCHITECTURE => architecture,
                    offset => {
                        let argument = arguments[((offset - ARGUMENTS) / 8) as usize];
                        (if offset % 8 == 4 {
                            argument >> 32
                        } else {
                            argument
                        }) as u32
                    }
                }
            }
            AND => accumulator &= operand,
            ALWAYS => next += operand as usize,
            EQUAL => next += jumps(accumulator == operand),
            ABOVE => next += jumps(accumulator > operand),
            AT_LEAST => next += jumps(accumulator >= operand),
            RETURN => return operand,
            code => panic!("{code:#x}"),
        }
    }
}

fn of(filter: &[Instruction], number: libc::c_long) -> Action {
    verdict(filter, AUDIT_X86_64, number as u32, [0; 6])
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
    assert_eq!(of(&filter, libc::SYS_getpid), KILL_PROCESS);
    assert_eq!(
        [of(&filter, libc::SYS_getuid), of(&filter, libc::SYS_getgid)],
        [ERRNO | 7, ERRNO | 1]
    );
    let socket = libc::SYS_socket as u32;
    assert_eq!(
        verdict(&filter, AUDIT_X86_64, socket, [16, 1, 1, 1, 1, 1]),
        TRAP
    );
    assert_eq!(
        verdict(&filter, AUDIT_X86_64, socket, [1 << 32 | 16, 1, 1, 1, 1, 1]),
        ERRNO | 1
    );
    // Beyond the last that is named: as on a kernel that does not have it.
    assert_eq!(
        [
            of(&filter, libc::SYS_openat2),
            of(&filter, libc::SYS_openat2 + 1)
        ],
        [LOG, ENOSYS]
    );
    // Programs of 32 bits have other numbers, and x32 is not listed.
    assert_eq!(
        [
            verdict(&filter, I386, 3, [0; 6]),
            verdict(&filter, I386, 20, [0; 6])
        ],
        [ALLOW, KILL_PROCESS]
    );
    assert_eq!(
        verdict(&filter, AUDIT_X86_64, X32 | libc::SYS_read as u32, [0; 6]),
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
        let read = [
            (AUDIT_X86_64, 0),
            (AUDIT_X86_64, X32),
            (I386, 3),
            (AUDIT_X86_64, 400),
        ];
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
        prop_assert_eq!(verdict(&ours, AUDIT_X86_64, 0, arguments), verdict(&theirs, AUDIT_X86_64, 0, arguments));
        prop_assert_eq!(of(&ours, 1), KILL_THREAD);
    }
}
