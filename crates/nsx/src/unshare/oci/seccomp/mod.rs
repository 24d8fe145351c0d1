//! `linux.seccomp` as a filter, see `seccomp(2)`: the filter that libseccomp makes of the same rules
//! for runc.
//!
//! The crate seccompiler would do for one action, one architecture, and names that are numbers
//! already. The filters that engines write have several actions, let programs of 32 bits run, and
//! make calls that are newer than the filter fail with ENOSYS. One filter does all of that:
//!
//! ```text
//! load the architecture
//! for each architecture: if it is another one, skip its section
//!   load the number; above the last one that a rule names: ENOSYS
//!   for each rule and number: if the number is the same and the conditions hold, the action
//!   the default action
//! end the thread
//! ```

mod bpf;
#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests;

use super::OciError;
use crate::text::escape;
use bpf::{ABOVE, AT_LEAST, Comparison, Condition, EQUAL, jump, load, mask, returns};
use nsx_core::plan::Filter;
use nsx_target::oci::{Argument, Seccomp, Syscall, Text};
use rustix::io::Errno;
use std::os::unix::ffi::OsStrExt;

/// The bit of calls of the x32 interface of x86-64.
const X32: u32 = 1 << 30;

/// An action of the kernel on a call: `SECCOMP_RET_*` and the data in its lower half.
type Action = u32;

const KILL_THREAD: Action = 0;
const KILL_PROCESS: Action = 0x8000_0000;
const TRAP: Action = 0x3_0000;
const ERRNO: Action = 0x5_0000;
const TRACE: Action = 0x7ff0_0000;
const LOG: Action = 0x7ffc_0000;
const ALLOW: Action = 0x7fff_0000;
const ENOSYS: Action = ERRNO | Errno::NOSYS.raw_os_error() as u32;
const ACTION: u32 = 0xffff_0000;
const DATA: u32 = 0xffff;

/// An architecture whose calls a filter judges.
struct Architecture {
    /// Its name in the specification.
    name: &'static [u8],
    /// Its number in the kernel: `AUDIT_ARCH_*`.
    audit: u32,
    /// Finds the number of a call.
    number: fn(&str) -> Option<u32>,
}

const AUDIT_X86_64: u32 = 0xc000_003e;

/// The machine's own architecture, then the others whose programs it runs.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: &[Architecture] = &[
    Architecture {
        name: b"SCMP_ARCH_X86_64",
        audit: AUDIT_X86_64,
        number: own_number,
    },
    Architecture {
        name: b"SCMP_ARCH_X86",
        audit: 0x4000_0003,
        number: |name| {
            let call = name.parse::<syscalls::x86::Sysno>().ok()?;
            Some(call as u32)
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
            let call = name.parse::<syscalls::arm::Sysno>().ok()?;
            Some(call as u32)
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
    let call = name.parse::<syscalls::Sysno>().ok()?;
    Some(call as u32)
}

/// Returns the filter; `None` if the file has no rules. Adds the names of properties that are left
/// out to `left_out`.
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
    // TSYNC applies a filter to all threads, and nsx has one.
    let flags = seccomp
        .flags
        .iter()
        .filter(|flag| flag.as_bytes() != b"SECCOMP_FILTER_FLAG_TSYNC");
    left_out.extend(flags.map(|flag| format!("linux.seccomp.flags ({flag})")));
    if !seccomp.listener_path.is_empty() {
        left_out.push("linux.seccomp.listenerPath".to_owned());
    }
    Ok(Some(Policy::read(seccomp)?.filter()))
}

/// The actions on all calls, checked.
struct Policy<'a> {
    default: Action,
    rules: Vec<Rule<'a>>,
    /// The names of the architectures that the file lists.
    architectures: &'a [Text],
    /// `true` if calls above the last that is named fail with ENOSYS, as on an older kernel.
    hides_newer_calls: bool,
}

/// The action on some calls.
struct Rule<'a> {
    names: &'a [Text],
    action: Action,
    /// Each alternative holds if all its conditions do; without any the rule always holds.
    alternatives: Vec<Vec<Condition>>,
}

impl<'a> Policy<'a> {
    fn read(seccomp: &'a Seccomp) -> Result<Self, OciError> {
        let default = action(&seccomp.default_action, seccomp.default_errno_ret)?;
        let permits = matches!(default & ACTION, ALLOW | LOG | TRACE);
        let rules: Result<_, _> = seccomp.syscalls.iter().map(Rule::read).collect();
        Ok(Self {
            default,
            rules: rules?,
            architectures: &seccomp.architectures,
            hides_newer_calls: !permits && seccomp.default_errno_ret != Some(ENOSYS & DATA),
        })
    }

    fn lists(&self, architecture: &[u8]) -> bool {
        self.architectures
            .iter()
            .any(|listed| listed.as_bytes() == architecture)
    }

    fn filter(&self) -> Filter {
        let mut program = vec![load(bpf::ARCHITECTURE)];
        for (index, architecture) in ARCHITECTURES.iter().enumerate() {
            let is_own = index == 0;
            if is_own || self.lists(architecture.name) {
                let section = self.section(architecture);
                program.push(jump(EQUAL, architecture.audit, 1, 0));
                program.push(bpf::skip(section.len()));
                program.extend(section);
            }
        }
        program.push(returns(KILL_THREAD));
        program
    }

    /// Returns the instructions for the calls of one architecture.
    fn section(&self, architecture: &Architecture) -> Filter {
        let mut section = vec![load(bpf::NUMBER)];
        let mut without_x32 = None;
        if architecture.audit == AUDIT_X86_64 {
            if self.lists(b"SCMP_ARCH_X32") {
                without_x32 = Some(mask(!X32));
            } else {
                section.extend([jump(AT_LEAST, X32, 0, 1), returns(KILL_THREAD)]);
            }
        }
        section.extend(without_x32);
        let named = self
            .rules
            .iter()
            .flat_map(|rule| rule.numbers(architecture));
        if let Some(last) = named.max()
            && self.hides_newer_calls
            && self.lists(architecture.name)
        {
            section.extend([jump(ABOVE, last, 0, 1), returns(ENOSYS)]);
        }
        // A rule that always holds goes before those with conditions, and a rule with the default
        // action changes nothing.
        let rules = self.rules.iter().filter(|rule| rule.action != self.default);
        let (always, conditional): (Vec<_>, Vec<_>) =
            rules.partition(|rule| rule.alternatives.is_empty());
        for rule in always {
            for number in rule.numbers(architecture) {
                section.extend([jump(EQUAL, number, 0, 1), returns(rule.action)]);
            }
        }
        for rule in conditional {
            for number in rule.numbers(architecture) {
                for alternative in &rule.alternatives {
                    let mut block = bpf::block(alternative, rule.action);
                    block.push(load(bpf::NUMBER));
                    block.extend(without_x32);
                    let length = u8::try_from(block.len()).unwrap_or(u8::MAX);
                    section.push(jump(EQUAL, number, 0, length));
                    section.extend(block);
                }
            }
        }
        section.push(returns(self.default));
        section
    }
}

impl<'a> Rule<'a> {
    fn read(call: &'a Syscall) -> Result<Self, OciError> {
        let action = action(&call.action, call.errno_ret)?;
        let conditions: Result<Vec<_>, _> = call.args.iter().map(condition).collect();
        let conditions = conditions?;
        let is_repeated = |index: u32| conditions.iter().filter(|it| it.index == index).count() > 1;
        // As in runc: if two conditions are on one argument, one of all of them is enough.
        let alternatives = if conditions.is_empty() {
            Vec::new()
        } else if conditions.iter().any(|it| is_repeated(it.index)) {
            conditions.into_iter().map(|it| vec![it]).collect()
        } else {
            vec![conditions]
        };
        Ok(Self {
            names: &call.names,
            action,
            alternatives,
        })
    }

    /// Returns the numbers of the calls that the architecture has.
    fn numbers(&self, architecture: &Architecture) -> impl Iterator<Item = u32> {
        self.names
            .iter()
            .filter_map(|name| (architecture.number)(name.to_str()?))
    }
}

fn condition(argument: &Argument) -> Result<Condition, OciError> {
    let (value, second) = (argument.value, argument.value_two);
    let comparison = match argument.op.as_bytes() {
        b"SCMP_CMP_EQ" => Comparison::Equal(value),
        b"SCMP_CMP_NE" => Comparison::NotEqual(value),
        b"SCMP_CMP_GT" => Comparison::Above(value),
        b"SCMP_CMP_GE" => Comparison::AtLeast(value),
        b"SCMP_CMP_LT" => Comparison::Below(value),
        b"SCMP_CMP_LE" => Comparison::AtMost(value),
        b"SCMP_CMP_MASKED_EQ" => Comparison::MaskedEqual {
            mask: value,
            value: second,
        },
        _ => {
            let shown = escape(argument.op.as_bytes());
            return Err(OciError::Seccomp(format!("there is no comparison {shown}")));
        }
    };
    if argument.index > 5 {
        return Err(OciError::Seccomp(format!(
            "a system call has no argument of index {}",
            argument.index
        )));
    }
    Ok(Condition {
        index: argument.index,
        comparison,
    })
}

fn action(name: &Text, errno: Option<u32>) -> Result<Action, OciError> {
    let data = errno.unwrap_or(Errno::PERM.raw_os_error() as u32) & DATA;
    Ok(match name.as_bytes() {
        b"SCMP_ACT_KILL" | b"SCMP_ACT_KILL_THREAD" => KILL_THREAD,
        b"SCMP_ACT_KILL_PROCESS" => KILL_PROCESS,
        b"SCMP_ACT_TRAP" => TRAP,
        b"SCMP_ACT_ERRNO" => ERRNO | data,
        b"SCMP_ACT_TRACE" => TRACE | data,
        b"SCMP_ACT_LOG" => LOG,
        b"SCMP_ACT_ALLOW" => ALLOW,
        b"SCMP_ACT_NOTIFY" => {
            return Err(OciError::Seccomp(
                "SCMP_ACT_NOTIFY needs a supervisor".to_owned(),
            ));
        }
        _ => {
            let shown = escape(name.as_bytes());
            return Err(OciError::Seccomp(format!("there is no action {shown}")));
        }
    })
}
