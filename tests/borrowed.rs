//! An nsx file that gives privileges to the user who runs it: nsx refuses to start.

use crate::support::{Command, Need, Session, Test, root};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_set_user_id_copy_is_refused),
        root(a_set_group_id_copy_is_refused),
        root(a_copy_with_capabilities_is_refused).needs([Need::Tool("setcap")]),
        root(rights_that_the_file_does_not_give_are_ignored),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Tool("setpriv"), Need::OrdinaryUser]))
    .collect()
}

/// Words that run a command as an ordinary user.
const DROP: &str = "setpriv --reuid=4242 --regid=4242 --clear-groups --";

/// Copies nsx to a directory that everybody may enter, with links named as util-linux's programs.
fn copy(session: &Session, mode: u32) {
    let allow = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    allow(session.directory().to_owned(), 0o755);
    // In a child: children of other tests might have the copy open for writing, which forbids
    // running it.
    for name in ["nsx", "nsx-compat"] {
        session
            .shell(&format!("cp \"$(command -v {name})\" {name}"))
            .output();
        allow(session.path(name), mode);
    }
    for name in ["lsns", "nsenter", "unshare"] {
        symlink("nsx", session.path(name)).unwrap();
    }
}

fn ordinary(session: &Session, words: &str) -> Command {
    session.command(&format!("{DROP} {words}"))
}

/// Runs the copy as an ordinary user in many ways. Each must end with its failure status, print one line
/// and read no options.
#[track_caller]
fn assert_refused(session: &Session, why: &str) {
    let ways = [
        ("./nsx", "nsx", 2),
        ("./nsx ls", "nsx", 2),
        ("./nsx --version", "nsx", 2),
        ("./nsx unshare --bogus", "nsx", 125),
        ("./nsx enter 1 -- true", "nsx", 125),
        ("./unshare --user touch ran", "unshare", 1),
        ("./nsx compat nsenter --help", "nsenter", 1),
        ("./lsns --bogus", "lsns", 1),
        ("./nsx-compat lsns --bogus", "lsns", 1),
    ];
    for (words, name, status) in ways {
        let outcome = ordinary(session, words).run().exited(status);
        assert_eq!(outcome.text(), "", "{outcome}");
        assert_eq!(
            String::from_utf8_lossy(&outcome.stderr),
            format!("{name}: failed to start: {why}\n"),
            "{words}"
        );
    }
    assert!(!session.path("ran").exists());
}

fn a_set_user_id_copy_is_refused(session: &Session) {
    copy(session, 0o4755);
    assert_refused(session, "the program must not be set-user-id");
}

fn a_set_group_id_copy_is_refused(session: &Session) {
    copy(session, 0o2755);
    assert_refused(session, "the program must not be set-group-id");
}

fn a_copy_with_capabilities_is_refused(session: &Session) {
    copy(session, 0o755);
    for capabilities in ["cap_sys_admin+ep", "cap_sys_ptrace+p"] {
        for name in ["nsx", "nsx-compat"] {
            session
                .command("setcap")
                .args(capabilities)
                .args(name)
                .output();
        }
        assert_refused(session, "the program must not have file capabilities");
    }
}

fn rights_that_the_file_does_not_give_are_ignored(session: &Session) {
    copy(session, 0o755);
    let version = ordinary(session, "./nsx --version").output();
    // Ambient capabilities are the caller's own.
    let ambient = "setpriv --reuid=4242 --regid=4242 --clear-groups --inh-caps=+sys_admin \
    --ambient-caps=+sys_admin --";
    assert_eq!(
        session
            .command(&format!("{ambient} ./nsx unshare --uts ./nsx --version"))
            .output(),
        version
    );
    // Root gains nothing by a set-user-ID bit of root.
    fs::set_permissions(session.path("nsx"), fs::Permissions::from_mode(0o4755)).unwrap();
    assert_eq!(session.command("./nsx --version").output(), version);
}
