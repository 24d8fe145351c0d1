//! `nsenter`: each option, its messages, the view from inside, and inherited state.

mod kinds;
mod program;
mod words;

use super::unshare::CHILD_OF;
use crate::support::{Need, Session, Test};

pub(crate) fn tests() -> Vec<Test> {
    [words::tests(), kinds::tests(), program::tests()]
        .into_iter()
        .flatten()
        .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
        .collect()
}

/// Makes `T` a process in its own namespaces of every kind, which lives as long as the script, and
/// then runs the script. In the script, `t` runs nsenter and prints its status.
fn beside_target(script: &str) -> String {
    beside("-rmuinpCTf", script)
}

/// Like `beside_target`, with these options for the target's `unshare`, among which must be `-f`.
pub(super) fn beside(options: &str, script: &str) -> String {
    format!(
        "{CHILD_OF}/usr/bin/unshare {options} sleep 1000 2>/dev/null & child_of $!; T=$child; trap \
        'kill -KILL $T' EXIT; \
         until grep -q sleep /proc/$T/comm; do sleep 0.01; done; t() {{ nsenter \"$@\"; echo \"rc \
        $?\"; }}; {script}"
    )
}

/// Returns the options that enter a user namespace and leave its ids alone: `-U` and one more for
/// an ordinary user, who needs a user namespace to enter any other namespace, or nothing for root.
fn user(session: &Session) -> &'static str {
    if session.is_root() {
        ""
    } else {
        "-U --preserve-credentials"
    }
}
