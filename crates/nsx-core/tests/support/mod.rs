//! Plans that the tests carry out, and the state of the process that must not change.

use nsx_core::{
    idmap::IdMap,
    ns::NsKind,
    plan::{Caller, Plan, unshare},
    proc::ProcRoot,
};
use std::{ffi::CString, fs, process::Command};

/// Returns a request for a user and a UTS namespace, with fields that `change` sets, as a plan.
pub(crate) fn plan(script: &str, change: impl FnOnce(&mut unshare::Request)) -> Plan {
    let caller = Caller::read(&ProcRoot::system().unwrap()).unwrap();
    let script = CString::new(script).unwrap();
    let mut request = unshare::Request {
        kinds: [NsKind::User, NsKind::Uts].into_iter().collect(),
        users: IdMap::single(0, caller.uid).ok(),
        groups: IdMap::single(0, caller.gid).ok(),
        programs: vec![vec![c"sh".into(), c"-c".into(), script]],
        ..unshare::Request::default()
    };
    change(&mut request);
    unshare::plan(request, &caller).unwrap()
}

/// Returns a plan whose program is PID 1 of a new PID namespace, and has a process that waits for
/// it.
pub(crate) fn forking(script: &str) -> Plan {
    plan(script, |request| {
        request.kinds.insert(NsKind::Pid);
        request.fork = true;
    })
}

/// Returns the parts of the state of this process and of its children that a run could change.
pub(crate) fn state() -> String {
    let kept = [
        "Uid",
        "Gid",
        "Groups",
        "Cap",
        "SigBlk",
        "SigIgn",
        "SigCgt",
        "Umask",
        "NoNewPrivs",
        "Seccomp",
    ];
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let lines = status
        .lines()
        .filter(|line| kept.iter().any(|word| line.starts_with(word)));
    let mut state: Vec<String> = lines.map(str::to_owned).collect();
    for link in fs::read_dir("/proc/thread-self/ns").unwrap() {
        state.push(format!("{:?}", fs::read_link(link.unwrap().path()).ok()));
    }
    state.sort();
    for link in ["cwd", "root"] {
        let path = format!("/proc/thread-self/{link}");
        state.push(format!("{:?}", fs::read_link(path)));
    }
    let child = Command::new("readlink").arg("/proc/self/ns/pid").output();
    state.push(String::from_utf8(child.unwrap().stdout).unwrap());
    state.join("\n")
}
