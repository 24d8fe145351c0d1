//! The schemas of what nsx prints as JSON.

use serde_json::Value;

/// Checks that documents fit a schema, such as `ls.json`, or a part of one, `ls.json#/$defs/list`.
#[track_caller]
pub(crate) fn assert_fit(documents: &[Value], schema: &str) {
    let schema = format!("{}/crates/nsx/schema/{schema}", env!("CARGO_MANIFEST_DIR"));
    let mut schemas = boon::Schemas::new();
    let compiled = boon::Compiler::new()
        .compile(&schema, &mut schemas)
        .unwrap();
    for document in documents {
        if let Err(error) = schemas.validate(document, compiled) {
            panic!("{schema}: {error:#}");
        }
    }
}

/// Checks that lines of JSON fit a schema. There is at least one.
#[track_caller]
pub(crate) fn assert_lines_fit(lines: &str, schema: &str) {
    let rows: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(!rows.is_empty(), "no row to check by {schema}");
    assert_fit(&rows, schema);
}
