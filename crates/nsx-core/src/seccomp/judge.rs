//! The answer of a process's filters to a system call, whatever its arguments.

use super::program::{ACTION, ALLOW, Data, ERRNO, LOG, NOTIFY, TRACE, TRAP, verdicts};
use crate::plan::Filter;
use rustix::io::Errno;

/// The answer of filters to a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It reaches the kernel with any arguments.
    Allowed,
    /// It may reach the kernel with some arguments.
    Depends,
    /// It never reaches the kernel.
    Refused(Effect),
}

/// The effect of a filter that does not let a call through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The call fails with this error.
    Error(Errno),
    /// The caller is killed.
    Kill,
    /// The caller gets SIGSYS.
    Trap,
    /// A process that listens to the filter decides.
    Notify,
    /// The tracer decides; without one the call fails with `ENOSYS`.
    Trace,
}

/// Judges a call of this architecture by its number.
pub fn judge(filters: &[Filter], call: u32) -> Answer {
    let data = Data::of_any(call);
    let mut answer = Answer::Allowed;
    for filter in filters {
        match judge_one(filter, &data) {
            Answer::Allowed => {}
            Answer::Depends => answer = Answer::Depends,
            refused @ Answer::Refused(_) => return refused,
        }
    }
    answer
}

fn judge_one(filter: &Filter, data: &Data) -> Answer {
    // The kernel has taken the filter, so one that is not a program is not understood.
    let Some(verdicts) = verdicts(filter, data) else {
        return Answer::Depends;
    };
    let effects: Option<Vec<_>> = verdicts
        .into_iter()
        .map(|verdict| verdict.map(effect))
        .collect();
    match effects.as_deref() {
        Some([Some(effect), others @ ..]) if others.iter().all(Option::is_some) => {
            Answer::Refused(*effect)
        }
        Some(effects) if effects.iter().all(Option::is_none) => Answer::Allowed,
        _ => Answer::Depends,
    }
}

/// Returns the effect of a verdict; none if it lets the call through. An error of 0 would have the
/// call succeed without an effect, and counts as `EPERM`.
pub(crate) fn effect(verdict: u32) -> Option<Effect> {
    Some(match verdict & ACTION {
        ALLOW | LOG => return None,
        ERRNO => Effect::Error(Errno::from_raw_os_error(
            (verdict & 0xfff).cast_signed().max(1),
        )),
        TRAP => Effect::Trap,
        NOTIFY => Effect::Notify,
        TRACE => Effect::Trace,
        _ => Effect::Kill,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Instruction;

    #[test]
    fn a_call_is_judged_whatever_its_arguments() {
        let (call, other) = (libc::SYS_unshare as u32, libc::SYS_getppid as u32);
        // Refuses `unshare` with EPERM if a bit of its first argument is set, and kills for
        // `getppid`.
        let filter = vec![
            Instruction::new(0x20, 0, 0, 0),
            Instruction::new(0x15, 0, 2, other),
            Instruction::new(0x06, 0, 0, 0),
            Instruction::new(0x06, 0, 0, ALLOW),
            Instruction::new(0x15, 0, 4, call),
            Instruction::new(0x20, 0, 0, 16),
            Instruction::new(0x45, 0, 2, 0x1000_0000),
            Instruction::new(0x06, 0, 0, ERRNO | libc::EPERM as u32),
            Instruction::new(0x06, 0, 0, ALLOW),
            Instruction::new(0x06, 0, 0, ALLOW),
        ];
        let allow = vec![Instruction::new(0x06, 0, 0, LOG)];
        let none = vec![Instruction::new(0x06, 0, 0, ERRNO | libc::ENOSYS as u32)];
        let judge = |filters: &[&Filter], call| {
            let filters: Vec<_> = filters.iter().map(|it| (*it).clone()).collect();
            super::judge(&filters, call)
        };
        assert_eq!(judge(&[], call), Answer::Allowed);
        assert_eq!(judge(&[&allow, &filter], call), Answer::Depends);
        assert_eq!(judge(&[&filter], other), Answer::Refused(Effect::Kill));
        assert_eq!(judge(&[&filter, &allow], 0), Answer::Allowed);
        let refused = Answer::Refused(Effect::Error(Errno::NOSYS));
        assert_eq!(judge(&[&filter, &none], call), refused);
        assert_eq!(
            judge(&[&vec![Instruction::new(0xff, 0, 0, 0)]], 0),
            Answer::Depends
        );
    }
}
