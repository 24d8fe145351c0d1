//! The names under which nsx is a program of util-linux: each leads to the same program.

use super::Seen;
use crate::support::{Session, Test, both};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(every_name_leads_to_the_same_program),
        both(nsx_compat_requires_a_program),
    ]
}

/// Links to nsx, first in PATH.
const LINKS: &str = "mkdir -p links; for name in lsns nsenter unshare; do
    ln -sf \"$(command -v nsx)\" links/$name; done; PATH=$PWD/links:$PATH; ";

#[track_caller]
fn seen(session: &Session, script: &str) -> Seen {
    let outcome = session.strict(session.shell(script)).run();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Seen {
        status: outcome.status(),
        stdout: text(&outcome.stdout),
        stderr: text(&outcome.stderr),
    }
}

fn every_name_leads_to_the_same_program(session: &Session) {
    for (words, wanted) in [
        ("lsns --version", "lsns from util-linux"),
        ("lsns --list-columns", "inode number of the namespace"),
        ("nsenter --bogus", "nsenter: unrecognized option '--bogus'"),
        ("nsenter -t 0 -n", "nsenter: "),
        ("unshare sh -c 'echo $0 ran; exit 3' program", "program ran"),
    ] {
        let direct = seen(session, words);
        assert!(
            direct.stdout.contains(wanted) || direct.stderr.contains(wanted),
            "{direct:?}"
        );
        for other in [LINKS, "nsx compat ", "nsx-compat "] {
            assert_eq!(seen(session, &format!("{other}{words}")), direct, "{other}");
        }
    }
}

fn nsx_compat_requires_a_program(session: &Session) {
    for words in ["nsx-compat", "nsx-compat --help", "nsx-compat ls"] {
        let seen = seen(session, words);
        assert_eq!(
            (seen.status.as_str(), seen.stdout.as_str()),
            ("exit status: 1", "")
        );
        assert_eq!(
            seen.stderr,
            "nsx-compat: failed to run: the first argument must be lsns, nsenter or unshare\n"
        );
    }
}
