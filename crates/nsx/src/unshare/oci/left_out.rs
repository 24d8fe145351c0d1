//! The properties that nsx does not carry out.

use serde_json::Value;

/// The properties that are carried out whole, or whose parts are checked one by one.
pub(super) const CARRIED_OUT: [&str; 27] = [
    "ociVersion",
    "annotations",
    "domainname",
    "hostname",
    "linux.gidMappings",
    "linux.maskedPaths",
    "linux.namespaces",
    "linux.readonlyPaths",
    "linux.rootfsPropagation",
    "linux.seccomp",
    "linux.timeOffsets",
    "linux.uidMappings",
    "mounts",
    "process.args",
    "process.capabilities",
    "process.cwd",
    "process.env",
    "process.noNewPrivileges",
    "process.oomScoreAdj",
    "process.rlimits",
    "process.user.additionalGids",
    "process.user.gid",
    "process.user.umask",
    "process.user.uid",
    "process.user.username",
    "root.path",
    "root.readonly",
];

/// Returns the paths of the properties in a file that are not carried out. A property that is null,
/// empty or false requests nothing.
pub(super) fn paths(file: &Value) -> Vec<String> {
    let mut found = Vec::new();
    add(file, "", &mut found);
    found
}

fn add(value: &Value, path: &str, found: &mut Vec<String>) {
    if requests_nothing(value) || CARRIED_OUT.contains(&path) {
        return;
    }
    match value {
        Value::Object(properties) if has_carried_out_parts(path) => {
            for (name, value) in properties {
                let separator = if path.is_empty() { "" } else { "." };
                add(value, &format!("{path}{separator}{name}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

fn requests_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(properties) => properties.is_empty(),
        _ => false,
    }
}

fn has_carried_out_parts(path: &str) -> bool {
    let mut below = CARRIED_OUT
        .iter()
        .filter_map(|carried| carried.strip_prefix(path));
    path.is_empty() || below.any(|rest| rest.starts_with('.'))
}
