//! The strict personalities compared with the programs of util-linux: the same scripts run with
//! either first in PATH, and everything that a script can see is compared.

mod compare;
mod defects;
mod known_differences;
mod lsns;
mod names;
mod nsenter;
mod scripts;
mod unshare;

use crate::support::{Need, Session, Test, place};

pub(crate) fn tests() -> Vec<Test> {
    [
        unshare::tests(),
        nsenter::tests(),
        lsns::tests(),
        names::tests(),
        scripts::tests(),
        defects::tests(),
        compare::tests(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The tests that only util-linux 2.42 can judge. Debian 12 has an older one, so they are in the
/// list if `NSX_TEST_UTIL_LINUX` names another.
fn beside_newest(tests: impl IntoIterator<Item = Test>) -> impl Iterator<Item = Test> {
    let is_named = place::other_util_linux().is_some();
    tests
        .into_iter()
        .filter(move |_| is_named)
        .map(|test| test.needs([Need::UtilLinux(2, 42)]))
}

/// The visible results of a script: its status, standard output and standard error.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: String,
    stdout: String,
    stderr: String,
}

/// The program that a script gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    UtilLinux,
    Nsx,
}

const SIDES: [Side; 2] = [Side::UtilLinux, Side::Nsx];

/// Runs `script` with one of the two first in PATH, in a directory without files of the other.
#[track_caller]
fn run(session: &Session, side: Side, script: &str) -> Seen {
    let directory = format!("mkdir -p {side:?}; cd {side:?}; ");
    let command = session.shell(&(directory + script));
    let outcome = if side == Side::Nsx {
        session.strict(command)
    } else {
        command
    }
    .run();
    let text = |bytes: &[u8]| {
        let text = session
            .without_strict_path(&String::from_utf8_lossy(bytes))
            .replace("/Nsx", "/UtilLinux");
        without_process_ids(&text)
    };
    Seen {
        status: outcome.status(),
        stdout: text(&outcome.stdout),
        stderr: text(&outcome.stderr),
    }
}

/// Checks that both give the same.
#[track_caller]
fn assert_same(session: &Session, script: &str) {
    let [original, nsx] = SIDES.map(|side| run(session, side, script));
    assert_eq!(nsx, original, "nsx (left) and util-linux (right): {script}");
}

/// Checks that nsx gives the results in util-linux's reference, and that the host's util-linux does
/// too if it is new enough.
#[track_caller]
fn assert_gives(
    session: &Session,
    since: (u32, u32),
    script: &str,
    status: i32,
    stdout: &str,
    stderr: &str,
) {
    let original = Need::UtilLinux(since.0, since.1).is_met();
    for side in SIDES
        .into_iter()
        .filter(|side| *side == Side::Nsx || original)
    {
        let status = format!("exit status: {status}");
        let expected = Seen {
            status,
            stdout: stdout.to_owned(),
            stderr: stderr.to_owned(),
        };
        assert_eq!(
            run(session, side, script),
            expected,
            "{side:?} (left) and the reference (right): {script}"
        );
    }
}

/// `/proc/N/` for any number.
fn without_process_ids(text: &str) -> String {
    let mut parts = text.split("/proc/");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|character: char| character.is_ascii_digit());
        let number = if rest.len() < part.len() && rest.starts_with('/') {
            "N"
        } else {
            ""
        };
        text + "/proc/" + number + if number.is_empty() { part } else { rest }
    })
}
