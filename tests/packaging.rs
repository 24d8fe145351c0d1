//! The files in packaging/ that other programs read.

use crate::support::{Command, Need, Session, Test, both};
use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(the_profile_of_apparmor_is_read).needs([Need::Tool("apparmor_parser")]),
        both(scripts_are_read_by_sh),
        both(kubectl_nsx_runs_nsx_on_the_node_of_a_pod),
        both(kubectl_nsx_says_what_it_does_not_find),
    ]
}

fn file(name: &str) -> String {
    format!("{}/packaging/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// AppArmor before 4.0 lacks the rule of user namespaces and its abi: there, the rest is read.
fn the_profile_of_apparmor_is_read(session: &Session<'_>) {
    let profile = fs::read_to_string(file("apparmor/nsx")).unwrap();
    let read = |profile: &str| {
        let parser = session.command("apparmor_parser --skip-kernel-load --skip-cache");
        parser.input(profile.as_bytes()).run()
    };
    let is_new = Path::new("/etc/apparmor.d/abi/4.0").exists();
    let profile = match is_new {
        true => profile,
        false => profile
            .replace("  userns,\n", "")
            .replace("abi/4.0", "abi/3.0"),
    };
    read(&profile).exited(0);
    read(&profile.replace("unconfined", "unknown")).says(&["unknown"]);
}

fn scripts_are_read_by_sh(session: &Session<'_>) {
    for name in [
        "kubernetes/kubectl-nsx",
        "test-deb.sh",
        "debian/nsx.postinst",
        "debian/nsx.prerm",
        "debian/nsx-util-linux.postinst",
        "debian/nsx-util-linux.prerm",
    ] {
        session.command("sh -n").arg(file(name)).run().exited(0);
    }
}

/// A kubectl that knows one pod, `web-0` on `worker-1`, and prints what it would exec.
const KUBECTL: &str = r#"#!/bin/sh
case "$*" in
"config view "*) echo shop ;;
"get pod --namespace shop "*" -- web-0") echo worker-1 ;;
"get pods --namespace nsx "*"spec.nodeName=worker-1,"*) echo nsx-abcde ;;
"get pods "*) ;;
"exec "*) for word; do printf '<%s>' "$word"; done ;;
*) echo "error: not found" >&2; exit 1 ;;
esac
"#;

/// Returns a command that runs the plugin with that kubectl.
fn plugin(session: &Session<'_>, words: &str) -> Command {
    let bin = session.path("bin");
    fs::create_dir_all(&bin).unwrap();
    let kubectl = bin.join("kubectl");
    fs::write(&kubectl, KUBECTL).unwrap();
    fs::set_permissions(&kubectl, Permissions::from_mode(0o755)).unwrap();
    let script = format!(
        "PATH={0}:$PATH exec sh {1} {words}",
        bin.display(),
        file("kubernetes/kubectl-nsx")
    );
    session.shell(&script)
}

fn kubectl_nsx_runs_nsx_on_the_node_of_a_pod(session: &Session<'_>) {
    const EXEC: &str = "<exec><--namespace><nsx><--stdin><nsx-abcde><--></nsx>";
    for (words, expected) in [
        ("node/worker-1 ls -t net", "<ls><-t><net>"),
        (
            "web-0 sh -c 'echo  two'",
            "<enter><k8s://shop/web-0><sh><-c><echo  two>",
        ),
        ("shop/web-0/nginx ps", "<enter><k8s://shop/web-0/nginx><ps>"),
    ] {
        let printed = plugin(session, words).output();
        assert_eq!(printed, format!("{EXEC}{expected}"), "{words}");
    }
}

fn kubectl_nsx_says_what_it_does_not_find(session: &Session<'_>) {
    for (words, message) in [
        ("shop/db-0", "failed to find pod shop/db-0"),
        ("node/worker-2 ls", "nsx does not run on node worker-2"),
        ("a/b/c/d", "more than three parts"),
        ("--bad", "must be a node or a pod"),
    ] {
        plugin(session, words).run().exited(125).says(&[message]);
    }
}
