//! Texts of errors.

use std::error::Error;

/// Returns the texts of an error and of its causes, joined with `: `.
pub fn chain(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(reason).collect::<Vec<_>>().join(": ")
}

/// Returns the text of an error, without the number that Rust adds to errors of the system.
pub fn reason(error: &dyn Error) -> String {
    let text = error.to_string();
    text.split(" (os error")
        .next()
        .unwrap_or_default()
        .to_owned()
}
