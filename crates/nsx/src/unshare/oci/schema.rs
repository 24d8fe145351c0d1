//! The reader of configurations beside the JSON Schema and the examples of the runtime
//! specification.

use super::{left_out::CARRIED_OUT, spec};
use boon::{Compiler, SchemaIndex, Schemas};
use proptest::{prelude::*, strategy::ValueTree};
use serde_json::{Map, Value, json};
use std::{ffi::OsStr, fs, path::PathBuf};

type Config = spec::Config<spec::Seccomp>;

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/unshare/oci/runtime-spec"]
        .iter()
        .collect()
}

/// The schema, as it is in force.
struct Schema(Schemas, SchemaIndex);

impl Schema {
    fn load() -> Self {
        let mut schemas = Schemas::new();
        let file = directory().join("config-schema.json");
        let index = Compiler::new()
            .compile(file.to_str().unwrap(), &mut schemas)
            .unwrap();
        Self(schemas, index)
    }

    fn accepts(&self, document: &Value) -> bool {
        self.0.validate(document, self.1).is_ok()
    }
}

fn read(document: &Value) -> Result<Config, serde_json::Error> {
    Config::parse(document.to_string().as_bytes())
}

fn example(path: &str) -> Value {
    serde_json::from_slice(&fs::read(directory().join(path)).unwrap()).unwrap()
}

/// A configuration with each property that nsx carries out.
fn full() -> Value {
    let mut full = example("good/spec-example.json");
    let mapping = json!([{"containerID": 0, "hostID": 1000, "size": 32000}]);
    full["domainname"] = json!("example");
    full["process"]["user"]["umask"] = json!(63);
    full["mounts"][0]["uidMappings"] = mapping.clone();
    full["mounts"][0]["gidMappings"] = mapping;
    full["linux"]["timeOffsets"] =
        json!({"monotonic": {"secs": -7, "nanosecs": 5}, "boottime": {"secs": 8}});
    full["linux"]["seccomp"]["syscalls"][0]["args"] =
        json!([{"index": 1, "value": 3, "valueTwo": 4, "op": "SCMP_CMP_MASKED_EQ"}]);
    full["linux"]["seccomp"]["defaultErrnoRet"] = json!(38);
    full
}

#[test]
fn the_examples_of_the_specification_are_read() {
    let schema = Schema::load();
    for entry in fs::read_dir(directory().join("good")).unwrap() {
        let document = example(entry.unwrap().path().to_str().unwrap());
        assert!(schema.accepts(&document), "{document}");
        read(&document).unwrap();
    }
    assert!(schema.accepts(&full()));
    assert!(Config::parse(&fs::read(directory().join("bad/invalid-json.json")).unwrap()).is_err());
    // What is wrong with the other bad examples is in properties that a runtime needs, and nsx does
    // not.
    for bad in ["bad/linux-hugepage.json", "bad/linux-rdma.json"] {
        assert!(!schema.accepts(&example(bad)));
        read(&example(bad)).unwrap();
    }
}

#[test]
fn what_is_read_is_what_the_example_says() {
    let document = full();
    let config = read(&document).unwrap();
    let texts = |value: &Value| -> Vec<spec::Text> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap().into())
            .collect()
    };
    let is = |text: &OsStr, value: &Value| assert_eq!(text.to_str(), value.as_str());
    is(&config.hostname, &document["hostname"]);
    is(&config.domainname, &document["domainname"]);
    let (process, json) = (config.process.unwrap(), &document["process"]);
    assert_eq!(
        (process.args, process.env),
        (texts(&json["args"]), texts(&json["env"]))
    );
    is(&process.cwd, &json["cwd"]);
    is(
        process.apparmor_profile.as_ref().unwrap(),
        &json["apparmorProfile"],
    );
    assert_eq!((process.user.uid, process.user.umask), (1, Some(63)));
    assert_eq!(
        json!(process.user.additional_gids),
        json["user"]["additionalGids"]
    );
    assert_eq!(
        Value::from(process.no_new_privileges),
        json["noNewPrivileges"]
    );
    assert_eq!(
        process.rlimits[1].limit().unwrap().to_string(),
        "NOFILE 1024:1024"
    );
    assert_eq!(
        config.mounts.len(),
        document["mounts"].as_array().unwrap().len()
    );
    for (mount, json) in config
        .mounts
        .iter()
        .zip(document["mounts"].as_array().unwrap())
    {
        is(&mount.destination, &json["destination"]);
        is(&mount.kind, &json["type"]);
        is(&mount.source, &json["source"]);
        assert_eq!(
            mount.options,
            json.get("options").map(texts).unwrap_or_default()
        );
    }
    let mapping = spec::IdMapping {
        inside: 0,
        outside: 1000,
        count: 32000,
    };
    let (linux, json) = (config.linux, &document["linux"]);
    for mappings in [
        &config.mounts[0].uid_mappings,
        &config.mounts[0].gid_mappings,
    ] {
        assert_eq!(mappings, &[mapping]);
    }
    assert_eq!(
        (&linux.uid_mappings, &linux.gid_mappings),
        (&vec![mapping], &vec![mapping])
    );
    let kinds: Vec<_> = linux
        .namespaces
        .iter()
        .map(|namespace| namespace.kind.to_string())
        .collect();
    assert_eq!(
        kinds,
        [
            "pid", "network", "ipc", "uts", "mount", "user", "cgroup", "time"
        ]
    );
    assert_eq!(linux.masked_paths, texts(&json["maskedPaths"]));
    assert_eq!(linux.readonly_paths, texts(&json["readonlyPaths"]));
    is(&linux.rootfs_propagation, &json["rootfsPropagation"]);
    let offset = |seconds, nanoseconds| spec::TimeOffset {
        seconds,
        nanoseconds,
    };
    let offsets = [
        ("boottime".into(), offset(8, 0)),
        ("monotonic".into(), offset(-7, 5)),
    ];
    assert_eq!(linux.time_offsets, offsets.into());
    let (seccomp, json) = (linux.seccomp.unwrap(), &json["seccomp"]);
    is(&seccomp.default_action, &json["defaultAction"]);
    assert_eq!(
        (seccomp.default_errno_ret, &seccomp.architectures),
        (Some(38), &texts(&json["architectures"]))
    );
    let call = &seccomp.syscalls[0];
    assert_eq!(call.names, texts(&json["syscalls"][0]["names"]));
    let argument = spec::Argument {
        index: 1,
        value: 3,
        value_two: 4,
        op: "SCMP_CMP_MASKED_EQ".into(),
    };
    assert_eq!(call.args, [argument]);
}

/// Follows the path of a property through the schema.
fn property(schema: &Map<String, Value>, file: &str, path: &str) -> bool {
    fn resolve(node: &Value, file: &str) -> (Value, String) {
        let mut here = (node.clone(), file.to_owned());
        while let Some(reference) = here.0.get("$ref").and_then(Value::as_str) {
            let (name, pointer) = reference.split_once('#').unwrap();
            let name = if name.is_empty() {
                here.1.clone()
            } else {
                name.to_owned()
            };
            here = (example(&name).pointer(pointer).unwrap().clone(), name);
        }
        here
    }
    let mut here = (Value::Object(schema.clone()), file.to_owned());
    path.split('.').all(|part| {
        let (node, file) = resolve(&here.0, &here.1);
        let found = node
            .get("properties")
            .and_then(|properties| properties.get(part))
            .cloned();
        here = (found.clone().unwrap_or_default(), file);
        found.is_some()
    })
}

#[test]
fn each_property_that_is_carried_out_is_in_the_schema() {
    let schema = example("config-schema.json");
    let schema = schema.as_object().unwrap();
    for path in CARRIED_OUT {
        assert!(property(schema, "config-schema.json", path), "{path}");
    }
    assert!(!property(schema, "config-schema.json", "linux.umask"));
}

/// The pointers to all values in a document.
fn pointers(value: &Value, prefix: &str, found: &mut Vec<String>) {
    found.push(prefix.to_owned());
    match value {
        Value::Array(items) => {
            (0..).zip(items).for_each(|(index, item): (usize, _)| {
                pointers(item, &format!("{prefix}/{index}"), found)
            });
        }
        Value::Object(properties) => {
            let name = |name: &str| name.replace('~', "~0").replace('/', "~1");
            properties
                .iter()
                .for_each(|(key, item)| pointers(item, &format!("{prefix}/{}", name(key)), found));
        }
        _ => {}
    }
}

fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(json!([])),
        Just(json!({})),
        Just(json!(["CAP_KILL", "ro"])),
        Just(json!(true)),
        Just(json!("SCMP_ACT_LOG")),
        any::<u16>().prop_map(Value::from),
        any::<i16>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ]
}

#[test]
fn whatever_the_schema_accepts_is_read() {
    let (schema, full) = (Schema::load(), full());
    let mut all = Vec::new();
    pointers(&full, "", &mut all);
    let changes = proptest::collection::vec((proptest::sample::select(all), replacement()), 1..3);
    let mut accepted = 0;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    for _ in 0..2000 {
        let mut document = full.clone();
        for (pointer, value) in changes.new_tree(&mut runner).unwrap().current() {
            if let Some(place) = document.pointer_mut(&pointer) {
                *place = value;
            }
        }
        if schema.accepts(&document) {
            accepted += 1;
            read(&document).unwrap_or_else(|error| panic!("{error}: {document}"));
        }
    }
    assert!(accepted > 200, "{accepted} of 2000 changes are valid");
}
