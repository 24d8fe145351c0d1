//! Bundles that runc and nsx run in turn, on a host of their own: a program must find the same.

use crate::support::{Cgroups, Host, Need, Session, Test, root};
use proptest::{
    prelude::*,
    sample::{select, subsequence},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use serde_json::{Value, json};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    let needs = [
        Need::Namespaces,
        Need::Tool("busybox"),
        Need::Tool("runc"),
        Need::Tool("ip"),
    ];
    [root(capabilities_are_those_of_runc)]
        .into_iter()
        .map(|test| test.needs(needs))
        .collect()
}

/// The result of running a bundle.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ran {
    pub(super) is_success: bool,
    pub(super) output: String,
    pub(super) errors: String,
}

/// The smallest bundle that runc runs, whose program is a shell script. `more` has properties of
/// `process`.
pub(super) fn bundle(script: &str, more: &Value) -> Value {
    let mut process = json!({"cwd": "/", "user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", script], "env": ["PATH=/bin"]});
    process
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    json!({
        "ociVersion": "1.0.2", "process": process, "root": {"path": "root"},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
    })
}

/// Runs each bundle twice, by runc and by nsx, each time with a new root directory, which the
/// script `prepare` makes of busybox in `root`. Returns both results of each.
pub(super) fn run(
    host: &Host<'_>,
    session: &Session,
    prepare: &str,
    bundles: &[Value],
) -> Vec<[Ran; 2]> {
    let directory = session.path("bundles");
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    for (number, bundle) in bundles.iter().enumerate() {
        for by in ["runc", "nsx"] {
            let place = directory.join(format!("{number}/{by}"));
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("config.json"), bundle.to_string()).unwrap();
        }
    }
    let script = r#"cd "$1"; umask 022
        for by in */*; do
            (cd $by; mkdir root; cp -al /run/image/bin root/ 2>/dev/null || cp -a /run/image/bin root/; eval "$2"
            case $by in
            */runc) set -- runc run "c$$-${by%/*}";;
            *) set -- nsx unshare --from-oci config.json;;
            esac
            status=0; "$@" >out 2>err </dev/null || status=$?; echo $status >status)
        done"#;
    host.shell(script)
        .arg("sh")
        .arg(&directory)
        .arg(prepare)
        .run()
        .exited(0);
    let read = |number: usize, by: &str| {
        let file = |name: &str| {
            let bytes = fs::read(directory.join(format!("{number}/{by}/{name}"))).unwrap();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ran {
            is_success: file("status") == "0\n",
            output: file("out"),
            errors: file("err"),
        }
    };
    (0..bundles.len())
        .map(|number| ["runc", "nsx"].map(|by| read(number, by)))
        .collect()
}

/// Runs bundles with both, and compares whether they ran and what the program printed. Returns how
/// many ran.
#[track_caller]
pub(super) fn assert_same(
    host: &Host<'_>,
    session: &Session,
    prepare: &str,
    bundles: &[Value],
) -> usize {
    let mut ran = 0;
    for ([runc, nsx], bundle) in run(host, session, prepare, bundles).iter().zip(bundles) {
        let same =
            runc.is_success == nsx.is_success && (!runc.is_success || runc.output == nsx.output);
        assert!(same, "{bundle}\nrunc: {runc:#?}\nnsx: {nsx:#?}");
        ran += usize::from(runc.is_success);
    }
    ran
}

/// Sets of capabilities, each of which may be absent.
fn sets() -> impl Strategy<Value = Value> {
    let names = ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW", "CAP_SYS_ADMIN"];
    let set = || proptest::option::weighted(0.85, subsequence(names.to_vec(), 0..=names.len()));
    // Most combinations of five sets are not valid: for example, the permitted capabilities must be
    // in the bounding set in two of three.
    (set(), set(), set(), set(), set(), any::<[bool; 3]>()).prop_map(
        |(bounding, permitted, effective, inheritable, ambient, valid)| {
            let within = |set: Option<Vec<&'static str>>,
                          of: &Option<Vec<&'static str>>,
                          valid: bool| match (set, of) {
                (Some(set), of) if valid => Some(
                    set.into_iter()
                        .filter(|name| of.iter().flatten().any(|it| it == name))
                        .collect(),
                ),
                (set, _) => set,
            };
            let effective = within(effective, &permitted, valid[0]);
            let inheritable = within(inheritable, &bounding, valid[1]);
            let ambient = within(ambient, &inheritable, valid[2]);
            let sets = [
                ("bounding", bounding),
                ("permitted", permitted),
                ("effective", effective),
                ("inheritable", inheritable),
                ("ambient", ambient),
            ];
            let given = sets
                .into_iter()
                .filter_map(|(name, set)| Some((name.to_owned(), json!(set?))));
            Value::Object(given.collect())
        },
    )
}

fn capabilities_are_those_of_runc(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    let script = "busybox grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs)' /proc/self/status";
    let process = |capabilities: Option<Value>, user: u32, no_new_privs: bool, groups: Value| {
        let mut process =
            json!({"noNewPrivileges": no_new_privs, "user": {"uid": user, "gid": user}});
        if let Some(capabilities) = capabilities {
            process["capabilities"] = capabilities;
        }
        process["user"]["additionalGids"] = groups;
        bundle(script, &process)
    };
    let one = json!(["CAP_KILL"]);
    let two = json!(["CAP_KILL", "CAP_CHOWN"]);
    let mut bundles = Vec::new();
    for user in [0, 1000] {
        for capabilities in [
            None,
            Some(json!({})),
            Some(json!({"bounding": two})),
            Some(json!({"bounding": two, "effective": one, "permitted": two})),
            Some(json!({"bounding": two, "effective": two, "permitted": two, "ambient": two})),
            Some(
                json!({"bounding": two, "effective": two, "permitted": two, "inheritable": two, "ambient": one}),
            ),
            Some(
                json!({"bounding": [], "effective": two, "permitted": two, "inheritable": [], "ambient": []}),
            ),
            Some(json!({"bounding": two, "effective": two, "permitted": one})),
            Some(json!({"bounding": ["CAP_FLY", "CAP_KILL", "kill"], "permitted": ["CAP_KILL"]})),
        ] {
            bundles.push(process(capabilities, user, false, json!([7, 8])));
        }
    }
    let generated = (sets(), select(vec![0, 1000]), any::<bool>());
    let mut runner = TestRunner::default();
    for _ in 0..40 {
        let (sets, user, no_new_privs) = generated.new_tree(&mut runner).unwrap().current();
        bundles.push(process(Some(sets), user, no_new_privs, json!([])));
    }
    let ran = assert_same(&host, session, "mkdir root/proc", &bundles);
    assert!(
        ran > bundles.len() / 3,
        "runc refused most: {ran} of {} ran",
        bundles.len()
    );
}
