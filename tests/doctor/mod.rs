//! `nsx doctor`: compared with what util-linux and the kernel allow.

mod engines;
mod host;
mod target;

use crate::support::{Session, Test, schema};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    [host::tests(), target::tests(), engines::tests()]
        .into_iter()
        .flatten()
        .collect()
}

/// The document that `nsx doctor --json` prints with these words, run by a shell that `before` is
/// put in front of.
fn document(session: &Session, before: &str, words: &str) -> Value {
    let output = session
        .shell(&format!("{before} nsx doctor --json {words}"))
        .run();
    let document = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", output.text()));
    fits_the_schema(&document);
    document
}

fn fits_the_schema(document: &Value) {
    schema::assert_fit(std::slice::from_ref(document), "doctor.json");
}

/// The finding of a check in an area: its verdict and its sentence.
fn finding(document: &Value, area: &str, check: &str) -> Option<(String, String)> {
    let areas = document["areas"].as_array().unwrap();
    let area = areas.iter().find(|it| it["area"] == area)?;
    let findings = area["findings"].as_array().unwrap();
    let found = findings.iter().find(|it| it["check"] == check)?;
    let text = |key: &str| found[key].as_str().unwrap().to_owned();
    Some((text("verdict"), text("finding")))
}

/// Panics if there is no such finding, or it has another verdict or lacks the words.
fn assert_finding(document: &Value, area: &str, check: &str, verdict: &str, words: &str) {
    let found = finding(document, area, check);
    let matches = found
        .as_ref()
        .is_some_and(|found| found.0 == verdict && found.1.contains(words));
    assert!(matches, "{area}.{check}: {found:?} in {document:#}");
}
