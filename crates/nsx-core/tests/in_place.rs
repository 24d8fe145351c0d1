//! A plan that is carried out in place, in a process with one thread: this program has no test
//! harness, which would start another.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod support;

use nsx_core::{
    ns::NsKind,
    proc::ProcRoot,
    run::{self, Ended, RunError},
};
use support::{forking, plan, state};

/// Signals and the namespaces of later children are as before a plan that fails after its fork. The
/// process itself has joined a new UTS namespace by then.
fn main() {
    let proc = ProcRoot::system().unwrap();
    let without_own = |state: String| -> Vec<String> {
        let own = |line: &&str| !line.contains("uts:[");
        state.lines().filter(own).map(str::to_owned).collect()
    };
    let before = without_own(state());
    for missing in [c"/no/such", c"/proc/version"] {
        let plan = plan("", |request| {
            request.kinds = [NsKind::Uts, NsKind::Pid, NsKind::Time]
                .into_iter()
                .collect();
            (request.users, request.groups) = (None, None);
            request.fork = true;
            request.programs = vec![vec![missing.into()]];
        });
        let outcome = run::in_place(&plan, Some(&proc), &mut |_| {});
        assert!(matches!(outcome, Err(RunError::Step(_))), "{outcome:?}");
        assert_eq!(without_own(state()), before);
    }
    // A failure leaves the process able to run a program in a helper.
    assert_eq!(run::run(&forking("exit 3")).unwrap(), Ended::Exited(3));
    assert_eq!(without_own(state()), before);
    println!("a failed plan leaves signals and later children as they were: ok");
}
