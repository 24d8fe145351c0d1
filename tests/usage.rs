//! Wrong usage, help, and plans that are shown and not run.

use crate::support::{Session, Test, both};

pub(crate) fn tests() -> Vec<Test> {
    vec![both(an_unknown_command_is_refused)]
}

fn an_unknown_command_is_refused(session: &Session) {
    session.nsx("bogus").run().exited(2).says(&["bogus"]);
    session.command("nsx").run().exited(2);
}
