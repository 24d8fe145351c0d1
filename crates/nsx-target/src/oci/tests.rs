//! Configurations that are read, and those that are refused.

use super::*;
use nsx_core::plan::CapabilityState;
use proptest::prelude::*;
use rustix::thread::CapabilitySet;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use std::os::unix::ffi::OsStrExt;

fn read(json: &Value) -> Config<Seccomp> {
    Config::parse(json.to_string().as_bytes()).unwrap()
}

fn process(json: Value) -> Process {
    read(&json!({ "process": json })).process.unwrap()
}

#[test]
fn the_file_of_an_engine_is_read() {
    // The parts of a file that Docker 20.10 wrote.
    let config = read(&json!({
        "ociVersion": "1.0.2-dev",
        "process": {
            "terminal": true,
            "user": {"uid": 33, "gid": 44, "additionalGids": [4, 5]},
            "args": ["sh"], "env": ["PATH=/bin", "A=b c"], "cwd": "/srv",
            "capabilities": {
                "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_FLY"], "effective": ["CAP_KILL"],
                "permitted": ["CAP_CHOWN", "CAP_KILL"]
            },
            "apparmorProfile": "docker-default", "oomScoreAdj": -500,
            "rlimits": [
                {"type": "RLIMIT_NOFILE", "hard": 1048576, "soft": 1024},
                {"type": "RLIMIT_CORE", "hard": u64::MAX, "soft": 0},
                {"type": "RLIMIT_FUTURE", "hard": 1, "soft": 1},
            ],
        },
        "linux": {"seccomp": {"defaultAction": "SCMP_ACT_ERRNO"}},
    }));
    let process = config.process.unwrap();
    let User {
        uid,
        gid,
        additional_gids,
        umask,
    } = &process.user;
    assert_eq!(
        (uid, gid, additional_gids.as_slice(), umask),
        (&33, &44, &[4, 5][..], &None)
    );
    assert_eq!(
        (process.cwd, process.env),
        ("/srv".into(), vec!["PATH=/bin".into(), "A=b c".into()])
    );
    let limits: Vec<_> = process
        .rlimits
        .iter()
        .filter_map(Rlimit::limit)
        .map(|it| it.to_string())
        .collect();
    assert_eq!(limits, ["NOFILE 1024:1048576", "CORE 0:unlimited"]);
    assert_eq!(
        config.linux.seccomp.unwrap().default_action,
        "SCMP_ACT_ERRNO".into()
    );
    assert_eq!(
        (process.apparmor_profile, process.oom_score_adj),
        (Some("docker-default".into()), Some(-500))
    );
}

#[test]
fn each_set_of_capabilities_is_its_own() {
    let process = process(json!({"capabilities": {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_FLY"], "effective": ["CAP_KILL"],
        "permitted": ["CAP_CHOWN", "CAP_KILL"], "inheritable": ["kill", "CHOWN"],
    }}));
    let (bounding, state) = process.capabilities();
    assert_eq!(bounding, CapabilitySet::CHOWN | CapabilitySet::KILL);
    assert_eq!(
        (state.effective, state.permitted),
        (CapabilitySet::KILL, bounding)
    );
    assert_eq!(
        (state.inheritable, state.ambient),
        (CapabilitySet::empty(), CapabilitySet::empty())
    );
    let unknown: Vec<_> = process
        .unknown_capabilities()
        .map(Text::to_string)
        .collect();
    assert_eq!(unknown, ["CAP_FLY", "kill", "CHOWN"]);
}

#[test]
fn only_permitted_and_inheritable_capabilities_are_ambient() {
    let process = process(json!({"capabilities": {
        "permitted": ["CAP_KILL", "CAP_CHOWN"], "inheritable": ["CAP_KILL", "CAP_NET_RAW"],
        "ambient": ["CAP_KILL", "CAP_CHOWN", "CAP_NET_RAW"],
    }}));
    assert_eq!(process.capabilities().1.ambient, CapabilitySet::KILL);
}

#[test]
fn a_file_that_gives_nothing_gives_no_capability() {
    let empty = CapabilitySet::empty();
    for given in [
        json!({}),
        json!({"capabilities": null}),
        json!({"capabilities": {"bounding": null}}),
    ] {
        assert_eq!(
            process(given).capabilities(),
            (empty, CapabilityState::of(empty, false))
        );
    }
}

#[test]
fn null_is_like_nothing() {
    // Go programs write null for an empty list.
    let nothing = json!({
        "hostname": null, "mounts": null, "process": {"user": null, "args": null, "env": null, "cwd": null,
        "rlimits": null}, "linux": {"namespaces": null, "seccomp": null, "timeOffsets": null}, "root": {"path": null},
    });
    let empty = Config {
        process: Some(Process::default()),
        root: Some(Root::default()),
        ..Config::default()
    };
    assert_eq!(read(&nothing), empty);
    assert_eq!(
        read(&json!({"linux": null, "process": null, "root": null})),
        Config::default()
    );
}

#[test]
fn texts_are_bytes() {
    let text =
        b"{\"hostname\": \"a\xffb\", \"process\": {\"args\": [\"\xc3\x28\", \"\\u00e9\\n\"]}}";
    let config = Config::<IgnoredAny>::parse(text).unwrap();
    assert_eq!(config.hostname.as_bytes(), b"a\xffb");
    let args: Vec<_> = config
        .process
        .iter()
        .flat_map(|process| &process.args)
        .map(|it| it.as_bytes())
        .collect();
    assert_eq!(args, [&b"\xc3\x28"[..], "é\n".as_bytes()]);
}

#[test]
fn a_property_of_another_type_is_refused() {
    for (json, what) in [
        (json!({"process": {"user": {"uid": -1}}}), "u32"),
        (json!({"process": {"args": "sh"}}), "sequence"),
        (json!({"mounts": [{"destination": ["/"]}]}), "a string"),
        (json!({"linux": {"namespaces": [{"path": "/x"}]}}), "type"),
        (json!([]), "not an object"),
    ] {
        let error = Config::<Seccomp>::parse(json.to_string().as_bytes())
            .unwrap_err()
            .to_string();
        assert!(error.contains(what), "{error}");
    }
    read(&json!({"windows": 1, "process": {"user": {"username": 7}}, "future": {"args": "x"}}));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = Config::<Seccomp>::parse(&bytes);
        let _ = Config::<IgnoredAny>::parse(&bytes);
    }

    #[test]
    fn a_text_is_read_as_it_was_written(text: String) {
        let config = read(&json!({ "hostname": text }));
        prop_assert_eq!(config.hostname.as_bytes(), text.as_bytes());
    }
}
