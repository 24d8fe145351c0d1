//! The mounts of a bundle compared with runc's: their options, and missing mount points.

use super::beside::{assert_same, bundle, run};
use crate::support::{Cgroups, Host, Need, Session, Test, root};
use proptest::{
    sample::subsequence,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde_json::{Value, json};

pub(super) fn tests() -> Vec<Test> {
    let needs = [
        Need::Namespaces,
        Need::Tool("busybox"),
        Need::Tool("runc"),
        Need::Tool("ip"),
    ];
    let tests = [
        root(each_option_does_what_runc_does),
        root(options_together_do_what_runc_does),
        root(options_that_runc_refuses_do_what_mount_8_says),
        root(file_systems_are_those_of_runc),
        root(rootfs_propagation_is_that_of_runc),
        root(missing_mount_points_are_made_as_runc_makes_them),
        root(links_in_the_root_directory_lead_nowhere_outside),
        root(missing_mount_points_are_those_of_the_user_namespaces_root),
    ];
    tests.into_iter().map(|test| test.needs(needs)).collect()
}

/// The options in the table of the runtime specification, except the two that map ids and those
/// that runc refuses.
const OPTIONS: [&str; 58] = [
    "async",
    "atime",
    "bind",
    "dev",
    "diratime",
    "dirsync",
    "exec",
    "iversion",
    "lazytime",
    "loud",
    "mand",
    "noatime",
    "nodev",
    "nodiratime",
    "noexec",
    "noiversion",
    "nolazytime",
    "nomand",
    "norelatime",
    "nostrictatime",
    "nosuid",
    "nosymfollow",
    "private",
    "rbind",
    "rdev",
    "rdiratime",
    "relatime",
    "rexec",
    "rnoatime",
    "rnodev",
    "rnodiratime",
    "rnoexec",
    "rnorelatime",
    "rnosuid",
    "rnosymfollow",
    "ro",
    "rprivate",
    "rrelatime",
    "rro",
    "rrw",
    "rshared",
    "rslave",
    "rstrictatime",
    "rsuid",
    "rsymfollow",
    "runbindable",
    "rw",
    "shared",
    "silent",
    "slave",
    "strictatime",
    "suid",
    "symfollow",
    "sync",
    "tmpcopyup",
    "unbindable",
    "acl",
    "noacl",
];

/// Prints the mounts below /t: root, mount point, options, propagation without the numbers of peer
/// groups, type, source and file system options.
const SHOW: &str = r#"busybox awk '$5 ~ /^\/t/ { $1 = $2 = $3 = ""; print }' /proc/self/mountinfo |
    busybox sed -E 's/(shared|master|propagate_from):[0-9]+/\1/g' | busybox sort"#;

fn at(name: &str) -> String {
    format!("/t/{name}")
}

fn bind(name: &str, options: &[&str]) -> Value {
    let options: Vec<_> = ["rbind"].iter().chain(options).collect();
    json!({"destination": at(name), "source": "/run/src", "options": options})
}

fn tmpfs(name: &str, options: &[&str]) -> Value {
    json!({"destination": at(name), "type": "tmpfs", "source": "tmpfs", "options": options})
}

/// A bundle with these mounts, which prints them.
fn with(mounts: Vec<Value>) -> Value {
    let mut bundle = bundle(SHOW, &json!({}));
    bundle["mounts"].as_array_mut().unwrap().extend(mounts);
    bundle
}

/// A host with a shared mount at /run/src and another below it.
fn host<'a>(session: &'a Session<'_>) -> Host<'a> {
    let host = Host::new(session, Cgroups::AsOutside);
    let script =
        "mkdir /run/src; mount -t tmpfs -o nosuid,mode=750 src /run/src; mkdir /run/src/below
        mount -t tmpfs -o nodev,noatime below /run/src/below; echo file > /run/src/file";
    host.shell(script).run().exited(0);
    host
}

/// runc ignores the recursive attributes of anything but bind mounts.
fn not_recursive(option: &&str) -> bool {
    *option == "relatime"
        || *option == "ro"
        || *option == "rw"
        || !option.starts_with('r')
        || is_propagation(option)
}

fn is_propagation(option: &str) -> bool {
    ["rprivate", "rshared", "rslave", "runbindable"].contains(&option)
}

fn each_option_does_what_runc_does(session: &Session) {
    let host = host(session);
    let options = OPTIONS
        .into_iter()
        .filter(|option| !matches!(*option, "bind" | "rbind"));
    let mut binds: Vec<_> = options
        .clone()
        .map(|option| bind(option, &[option]))
        .collect();
    binds.push(json!({"destination": "/t/one", "source": "/run/src", "options": ["bind"]}));
    binds.push(json!({"destination": "/t/kind", "type": "bind", "source": "/run/src", "options": ["bind", "ro"]}));
    let file_systems = options
        .filter(not_recursive)
        .map(|option| tmpfs(option, &[option]))
        .collect();
    let bundles = [with(binds), with(file_systems)];
    assert_eq!(assert_same(&host, session, "mkdir root/proc", &bundles), 2);
}

fn options_together_do_what_runc_does(session: &Session) {
    let host = host(session);
    let options: Vec<_> = OPTIONS
        .into_iter()
        .filter(|option| !matches!(*option, "bind" | "rbind"))
        .collect();
    let some = subsequence(options, 2..6).prop_shuffle();
    let mut runner = TestRunner::default();
    let mut next = || some.new_tree(&mut runner).unwrap().current();
    let binds = (0..30)
        .map(|number| bind(&number.to_string(), &next()))
        .collect();
    let mut plain = || next().into_iter().filter(not_recursive).collect::<Vec<_>>();
    let mut file_systems: Vec<_> = (0..30)
        .map(|number| tmpfs(&number.to_string(), &plain()))
        .collect();
    // Access times are one value in the newer mount calls, and several options for people.
    let times = ["noatime", "relatime", "strictatime"];
    let pairs = times.iter().flat_map(|one| {
        times
            .iter()
            .filter(move |other| *other != one)
            .map(move |other| [*one, *other])
    });
    file_systems.extend(pairs.map(|pair| tmpfs(&pair.concat(), &pair)));
    let bundles = [with(binds), with(file_systems)];
    assert_same(&host, session, "mkdir root/proc", &bundles);
}

/// runc 1.1 passes these on to the file system. The specification requires a runtime to follow
/// mount(8).
fn options_that_runc_refuses_do_what_mount_8_says(session: &Session) {
    let host = host(session);
    let lines = [
        ("defaults", "rw,relatime"),
        ("_netdev", "rw,relatime"),
        ("auto", "rw,relatime"),
        ("noauto", "rw,relatime"),
        ("nofail", "rw,relatime"),
        ("nouser", "rw,relatime"),
        ("x-systemd.automount", "rw,relatime"),
        ("user", "rw,nosuid,nodev,noexec,relatime"),
        ("users", "rw,nosuid,nodev,noexec,relatime"),
        ("owner", "rw,nosuid,nodev,relatime"),
        ("group", "rw,nosuid,nodev,relatime"),
        ("rro", "ro,relatime"),
        ("rnosuid", "rw,nosuid,relatime"),
        ("rnosymfollow", "rw,relatime,nosymfollow"),
        ("rnoatime", "rw,noatime"),
        ("ratime", "rw,relatime"),
        ("rnostrictatime", "rw,relatime"),
    ];
    let bundle = with(
        lines
            .iter()
            .map(|(option, _)| tmpfs(option, &[option]))
            .collect(),
    );
    let [_, nsx] = run(&host, session, "mkdir root/proc", &[bundle]).remove(0);
    assert!(nsx.is_success, "{nsx:?}");
    for (option, flags) in lines {
        let line = format!("/ /t/{option} {flags} - tmpfs tmpfs rw");
        assert!(
            nsx.output.lines().any(|found| found.trim() == line),
            "{line}: {nsx:#?}"
        );
    }
}

fn file_systems_are_those_of_runc(session: &Session) {
    let host = host(session);
    let mount = |name: &str, kind: &str, source: &str, options: &[&str]| json!({"destination": at(name), "type": kind, "source": source, "options": options});
    let mounts = vec![
        mount("proc", "proc", "proc", &["ro", "hidepid=2"]),
        mount(
            "sys",
            "sysfs",
            "sysfs",
            &["nosuid", "noexec", "nodev", "ro"],
        ),
        mount(
            "shm",
            "tmpfs",
            "shm",
            &["nosuid", "mode=1777", "size=65536k", "nr_inodes=5"],
        ),
        mount("ro", "tmpfs", "some", &["ro", "size=1m"]),
        mount("ro/below", "tmpfs", "tmpfs", &["ro"]),
        mount("queues", "mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount(
            "pts",
            "devpts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        mount("ram", "ramfs", "memory", &["noatime"]),
        mount(
            "layers",
            "overlay",
            "layers",
            &["lowerdir=/run/src:/run/image/bin", "ro"],
        ),
        mount("again", "tmpfs", "tmpfs", &["size=64k"]),
        mount(
            "again",
            "tmpfs",
            "tmpfs",
            &["remount", "size=128k", "nosuid"],
        ),
        mount("twice", "none", "/run/src", &["bind", "ro"]),
        mount("twice", "none", "/run/src", &["bind", "remount", "noexec"]),
    ];
    let mut bundles = vec![with(mounts.clone())];
    bundles[0]["linux"]["namespaces"]
        .as_array_mut()
        .unwrap()
        .extend([json!({"type": "ipc"}), json!({"type": "network"})]);
    // The kernel refuses each of them.
    bundles.push(with(vec![mount("x", "tmpfs", "tmpfs", &["size=much"])]));
    bundles.push(with(vec![mount("x", "planet", "planet", &[])]));
    bundles.push(with(vec![
        json!({"destination": "/t/x", "source": "/run/missing", "options": ["bind"]}),
    ]));
    assert_eq!(assert_same(&host, session, "mkdir root/proc", &bundles), 1);
}

/// For `slave` and `private` runc leaves the mounts below the host's root directory as they are, so
/// that mounts in the container appear on the host. nsx does not: only the root directory is
/// compared.
fn rootfs_propagation_is_that_of_runc(session: &Session) {
    let host = host(session);
    let bundles = |mounts: &str, propagations: &[&str]| -> Vec<_> {
        let script = format!(
            r#"busybox awk '$5 ~ /^\/({mounts})$/ {{ $1 = $2 = $3 = $4 = ""; print }}' /proc/self/mountinfo |
            busybox sed -E 's/(shared|master|propagate_from):[0-9]+/\1/g' | busybox sort"#
        );
        let one = |propagation: &&str| {
            let mut bundle = bundle(&script, &json!({}));
            bundle["mounts"]
                .as_array_mut()
                .unwrap()
                .push(bind("x", &[]));
            bundle["linux"]["rootfsPropagation"] = json!(propagation);
            bundle
        };
        propagations.iter().map(one).collect()
    };
    let all = bundles("|t/x", &["", "rslave", "rprivate", "shared", "rshared"]);
    assert_eq!(
        assert_same(&host, session, "mkdir root/proc", &all),
        all.len()
    );
    let of_root = bundles("", &["slave", "private"]);
    assert_eq!(
        assert_same(&host, session, "mkdir root/proc", &of_root),
        of_root.len()
    );
    assert_eq!(
        assert_same(
            &host,
            session,
            "mkdir root/proc",
            &bundles("", &["unbindable", "runbindable", "x"])
        ),
        0
    );
}

/// Lists the files in the root directory of the run by `by`, with modes and owners.
fn left(session: &Session, by: &str) -> String {
    let script = "cd bundles/0/$1/root && find . -path ./bin -prune -o -printf '%M %U %G %p %l\n' \
    | sort -k 4";
    session.shell(script).arg("sh").arg(by).output()
}

fn missing_mount_points_are_made_as_runc_makes_them(session: &Session) {
    let host = host(session);
    let script =
        "pwd; busybox stat -c '%a %F' /t /t/a/b /new /new/file /etc/hosts /desk /desk/here /tmp";
    let mut bundle = bundle(script, &json!({"cwd": "/desk/here"}));
    bundle["root"]["readonly"] = json!(true);
    bundle["mounts"].as_array_mut().unwrap().extend([
        tmpfs("a/b", &[]),
        json!({"destination": "/new/file", "source": "/run/src/file", "options": ["bind"]}),
        json!({"destination": "/etc/hosts", "source": "/run/src/file", "options": ["bind", "ro"]}),
        json!({"destination": "/new/directory", "source": "/run/src", "options": ["rbind"]}),
        json!({"destination": "relative/place", "type": "tmpfs", "source": "tmpfs"}),
        json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"}),
        json!({"destination": "/links/dangling/x", "type": "tmpfs", "source": "tmpfs"}),
        json!({"destination": "/links/absolute/y", "source": "/run/src/file", "options": ["bind"]}),
        json!({"destination": "/links/last", "type": "tmpfs", "source": "tmpfs"}),
    ]);
    let prepare =
        "mkdir -p root/tmp root/links; chmod 1770 root/tmp; ln -s /real/place root/links/dangling
        ln -s /etc root/links/absolute; ln -s ../made/last root/links/last";
    assert_eq!(assert_same(&host, session, prepare, &[bundle]), 1);
    assert_eq!(left(session, "nsx"), left(session, "runc"));
}

fn missing_mount_points_are_those_of_the_user_namespaces_root(session: &Session) {
    let host = host(session);
    let script = "busybox stat -c '%a %u %g %F' /t /t/a/b /etc/hosts /desk; echo x > /dev/null; \
    busybox stat -c '%n %a %u %g' /tmp/file /tmp/inner; readlink /tmp/link";
    let mut bundle = bundle(script, &json!({"cwd": "/desk"}));
    bundle["mounts"].as_array_mut().unwrap().extend([
        tmpfs("a/b", &[]),
        json!({"destination": "/etc/hosts", "source": "/run/src/file", "options": ["bind"]}),
        json!({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]}),
    ]);
    let map = json!([{"containerID": 0, "hostID": 100_000, "size": 1000}]);
    bundle["linux"]["uidMappings"] = map.clone();
    bundle["linux"]["gidMappings"] = map;
    bundle["linux"]["namespaces"]
        .as_array_mut()
        .unwrap()
        .push(json!({"type": "user"}));
    bundle["linux"]["maskedPaths"] = json!(["/proc/kcore", "/proc/acpi"]);
    bundle["linux"]["readonlyPaths"] = json!(["/proc/sys"]);
    let prepare = "mkdir -p root/proc root/tmp/inner; echo text > root/tmp/file; ln -s file \
    root/tmp/link
        chown -hR 100000:100000 root/proc root/tmp; chown 100005:100006 root/tmp/file; chown \
    100000:100000 root
        chmod 1777 root/tmp; chmod 755 /tmp/nsx-tests.* . .. ../.. ../../..";
    let [[runc, nsx]] = <[_; 1]>::try_from(run(&host, session, prepare, &[bundle])).unwrap();
    assert!(
        runc.is_success && nsx.is_success && runc.output == nsx.output,
        "{runc:#?}\n{nsx:#?}"
    );
    assert_eq!(left(session, "nsx"), left(session, "runc"));
}

fn links_in_the_root_directory_lead_nowhere_outside(session: &Session) {
    let host = host(session);
    let mut bundle = bundle("true", &json!({"cwd": "/up/cwd"}));
    bundle["mounts"].as_array_mut().unwrap().extend([
        json!({"destination": "/up/x", "type": "tmpfs", "source": "tmpfs"}),
        json!({"destination": "/up/file", "source": "/run/src/file", "options": ["bind"]}),
        json!({"destination": "/host/y", "type": "tmpfs", "source": "tmpfs"}),
    ]);
    let prepare =
        "mkdir root/proc; ln -s ../../../../../../../../outside root/up; ln -s /run/src root/host";
    assert_eq!(assert_same(&host, session, prepare, &[bundle]), 1);
    assert_eq!(left(session, "nsx"), left(session, "runc"));
    let outside = host
        .shell("find /run/src /outside -mindepth 1 2>/dev/null | sort")
        .run();
    assert_eq!(outside.text(), "/run/src/below\n/run/src/file");
}
