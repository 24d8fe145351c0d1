//! Translations of small files, and of arbitrary ones.

use super::*;
use crate::text;
use nsx_core::plan::{Change, Contents, FileSystem};
use proptest::prelude::*;
use rustix::mount::{MountFlags, MountPropagationFlags};
use serde_json::json;

/// The bundle /b of this file, or what is wrong with it.
fn read(json: &Value) -> Result<Bundle, String> {
    let (config, json) = parse(json.to_string().as_bytes()).map_err(|error| error.to_string())?;
    Bundle::new(&config, &json, Path::new("/b"), Vec::new()).map_err(|error| text::chain(&error))
}

/// A small file with these properties beside it.
fn with(more: Value) -> Value {
    let mut file = json!({
        "ociVersion": "1.0.2",
        "process": {"user": {"uid": 1, "gid": 2}, "args": ["sh"], "cwd": "/"},
        "root": {"path": "rootfs"},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}]},
    });
    if let (Value::Object(file), Value::Object(more)) = (&mut file, more) {
        file.extend(more);
    }
    file
}

#[test]
fn a_small_file_becomes_a_request() {
    let Bundle {
        request, left_out, ..
    } = read(&with(json!({"hostname": "box"}))).unwrap();
    assert_eq!(
        request.kinds,
        [NsKind::Mnt, NsKind::Uts].into_iter().collect()
    );
    assert_eq!(request.root, Some("/b/rootfs".into()));
    assert_eq!(request.hostname.as_deref(), Some(c"box"));
    assert_eq!((request.uid, request.gid), (Some(1), Some(2)));
    assert_eq!(request.programs, [[CString::from(c"sh")]]);
    assert_eq!(left_out, [""; 0]);
}

#[test]
fn what_is_not_carried_out_is_named_by_its_path() {
    let file = with(json!({
        "hooks": {"prestart": [{"path": "/bin/true"}]},
        "mounts": [
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"},
            {"destination": "/x", "source": "x", "options": ["rbind", "ro", "size=5", "rshared"]},
        ],
        "process": {
            "user": {"uid": 0, "gid": 0, "umask": 18}, "args": ["sh"], "cwd": "/", "terminal": true,
            "capabilities": {"bounding": ["CAP_KILL", "CAP_FLY"], "ambient": ["CAP_FLY"]}, "rlimits": [],
        },
        "future": {"property": [1]},
    }));
    let Bundle {
        request, left_out, ..
    } = read(&file).unwrap();
    assert_eq!(
        left_out,
        [
            "future",
            "hooks",
            "process.terminal",
            "process.capabilities (CAP_FLY)",
            "mounts[0] (cgroup)",
            "mounts[1].options (size=5)",
        ]
    );
    let at_x = |contents| Mount {
        at: "/x".into(),
        contents,
    };
    let bind = Contents::Bind {
        source: "/b/x".into(),
        recursive: true,
        flags: MountFlags::empty(),
    };
    let changes = [
        Change::Propagation(MountPropagationFlags::SHARED | MountPropagationFlags::REC),
        Change::Flags(MountFlags::RDONLY),
    ];
    let expected = std::iter::once(bind)
        .chain(changes.map(Contents::Changed))
        .map(at_x);
    assert_eq!(request.mounts[1..], expected.collect::<Vec<_>>());
}

#[test]
fn a_tmpfs_at_dev_has_the_devices_that_the_specification_promises() {
    let options = ["nosuid", "strictatime", "mode=755", "ro"];
    let mounts =
        json!([{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": options}]);
    let Bundle {
        request,
        left_out,
        last_mounts,
    } = read(&with(json!({"mounts": mounts}))).unwrap();
    let flags = MountFlags::NOSUID | MountFlags::STRICTATIME;
    let tmpfs = FileSystem {
        kind: "tmpfs".into(),
        options: vec![("mode".into(), Some("755".into()))],
        flags,
        source: "tmpfs".into(),
        copy_up: false,
    };
    let at_dev = |contents| Mount {
        at: "/dev".into(),
        contents,
    };
    assert_eq!(
        request.mounts,
        [Contents::New(tmpfs), Contents::Devices].map(at_dev)
    );
    // It could not be furnished any more.
    assert_eq!(
        last_mounts,
        [at_dev(Contents::Changed(Change::Flags(
            flags | MountFlags::RDONLY
        )))]
    );
    assert_eq!(left_out, [""; 0]);
}

#[test]
fn paths_are_hidden_and_the_root_is_read_only_when_all_mounts_are_made() {
    let linux =
        json!({"namespaces": [{"type": "mount"}], "maskedPaths": ["/m"], "readonlyPaths": ["/r"]});
    let file = with(json!({"root": {"path": "/r", "readonly": true}, "linux": linux}));
    let Bundle { last_mounts, .. } = read(&file).unwrap();
    let mount = |at: &str, contents| Mount {
        at: at.into(),
        contents,
    };
    let read_only = Contents::Changed(Change::Flags(MountFlags::RDONLY));
    assert_eq!(
        last_mounts,
        [
            mount("/", read_only),
            mount("/r", Contents::ReadOnly),
            mount("/m", Contents::Masked)
        ]
    );
}

#[test]
fn what_cannot_be_is_refused() {
    let namespaces = |list: Value| with(json!({"linux": {"namespaces": list}}));
    let uid_map = json!([{"containerID": 0, "hostID": 0, "size": 0}]);
    for (file, reason) in [
        (
            namespaces(json!([{"type": "pid"}, {"type": "mount"}, {"type": "pid"}])),
            "lists pid twice",
        ),
        (namespaces(json!([{"type": "planet"}])), "no type planet"),
        (
            namespaces(json!([{"type": "mount"}, {"type": "net", "path": "/x"}])),
            "no type net",
        ),
        (
            namespaces(json!([{"type": "network", "path": "/etc/passwd"}])),
            "failed to open /etc/passwd",
        ),
        (
            namespaces(json!([{"type": "network", "path": "/proc/self/ns/uts"}])),
            "is of kind uts, not net",
        ),
        (
            namespaces(json!([{"type": "pid"}])),
            "root needs a mnt namespace",
        ),
        (
            with(json!({"linux": {"namespaces": [{"type": "mount"}]}, "hostname": "x"})),
            "hostname needs a uts",
        ),
        (
            with(json!({"linux": {"uidMappings": uid_map}})),
            "the range",
        ),
        (with(json!({"process": null})), "process.args is missing"),
        (
            with(json!({"mounts": [{"destination": "/x", "type": "bind"}]})),
            "mounts[0].source is missing",
        ),
        (
            with(json!({"mounts": [{"destination": "", "type": "tmpfs"}]})),
            "mounts[0].destination is missing",
        ),
        (
            namespaces(json!([{"path": "/proc/self/ns/net"}])),
            "missing field `type`",
        ),
        (with(json!({"root": {}})), "root.path is missing"),
    ] {
        let error = read(&file).unwrap_err();
        assert!(error.contains(reason), "{error}, not {reason}");
    }
}

/// JSON of any shape, with the names that are looked at.
fn any_json() -> impl Strategy<Value = Value> {
    let names = [
        "process",
        "user",
        "args",
        "mounts",
        "options",
        "linux",
        "namespaces",
        "type",
        "path",
        "root",
        "x",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, move |inner| {
        let object = proptest::collection::hash_map(
            proptest::sample::select(names.to_vec()),
            inner.clone(),
            0..6,
        );
        let object = object.prop_map(|map| {
            map.into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect()
        });
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(Value::Array),
            object.prop_map(Value::Object)
        ]
    })
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_json_makes_it_panic(more in any_json()) {
        let _ = read(&with(more));
    }
}
