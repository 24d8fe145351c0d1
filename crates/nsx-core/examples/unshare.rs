//! Runs `id` as root of a new user namespace, without a network: `unshare`.

use nsx_core::{
    idmap::IdMap,
    ns::NsKind,
    plan::{Caller, unshare},
    proc::ProcRoot,
    run::{self, Ended},
};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let caller = Caller::read(&ProcRoot::system()?)?;
    let request = unshare::Request {
        kinds: [NsKind::User, NsKind::Net].into_iter().collect(),
        users: Some(IdMap::single(0, caller.uid)?),
        groups: Some(IdMap::single(0, caller.gid)?),
        programs: vec![vec![c"id".into()]],
        ..unshare::Request::default()
    };
    let ended = run::run(&unshare::plan(request, &caller)?)?;
    assert_eq!(ended, Ended::Exited(0));
    Ok(())
}

#[test]
fn a_program_runs_in_new_namespaces() -> Result<(), Box<dyn Error>> {
    main()
}
