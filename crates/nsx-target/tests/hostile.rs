//! Stores that a hostile user has written, or that were cut off. They never lead to the wrong
//! process and never hold a look-up up, and the reason is reported.

#![forbid(unsafe_code)]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test panics if something is wrong"
)]

mod support;

use rustix::fs::{CWD, FileType, Mode};
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};
use support::{Recorded, fitting, id};

/// A host on which Docker has one container that runs, `web`.
fn docker() -> Recorded {
    let host = Recorded::new(&[
        ("web", "0::/docker/@WEB@"),
        ("other", "0::/system.slice/cron.service"),
    ]);
    host.file(
        "var/lib/docker/containers/@WEB@/config.v2.json",
        &config("WEB", "web", "web"),
    );
    host
}

fn config(id: &str, name: &str, process: &str) -> String {
    format!(
        r#"{{"ID":"@{id}@","Name":"/{name}","State":{{"Running":true,"Pid":@PID:{process}@,"StartedAt":"2026-11-22"}}}}"#
    )
}

const BAD: &str = "var/lib/docker/containers/@BAD@/config.v2.json";

#[test]
fn a_record_that_cannot_be_read_hides_no_other() {
    let huge = |host: &Recorded| {
        host.file(BAD, "");
        let path = host.path(&BAD.replace("@BAD@", &id("BAD")));
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
    };
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cut: String = config("BAD", "web", "other").chars().take(80).collect();
    for (content, why) in [
        (Some(cut.as_str()), "unexpected content"),
        (Some(""), "unexpected content"),
        (Some("null"), "unexpected content"),
        (Some(deep.as_str()), "unexpected content"),
        (
            Some("{\"ID\":\"\u{fffd}\",\"Name\":7}"),
            "unexpected content",
        ),
        (None, "longer than 16 MiB"),
    ] {
        let host = docker();
        match content {
            Some(content) => host.file(BAD, content),
            None => huge(&host),
        }
        host.leads(&["web", "docker:web"], "web", "docker:web");
        host.refuses("docker:@BAD@", &["Docker", "@BAD@", why]);
    }
}

#[test]
fn bytes_that_are_not_text_are_refused() {
    let host = docker();
    host.file(BAD, "");
    fs::write(
        host.path(&BAD.replace("@BAD@", &id("BAD"))),
        b"{\"ID\":\"a\xff\",\"Name\":\"/web\"}",
    )
    .unwrap();
    host.leads(&["web"], "web", "docker:web");
}

#[test]
fn nothing_is_read_through_links_and_fifos() {
    let host = docker();
    host.file("elsewhere/config.v2.json", &config("BAD", "trap", "other"));
    let root = host.path("elsewhere");
    symlink(
        &root,
        host.path(&format!("var/lib/docker/containers/{}", id("BAD"))),
    )
    .unwrap();
    host.refuses("trap", &["nothing has that name"]);
    host.refuses("docker:@BAD@", &["not a plain file"]);
    let fifo = host.path(&format!(
        "var/lib/docker/containers/{}/config.v2.json",
        id("FIFO")
    ));
    rustix::fs::mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    // If the FIFO were opened like a file, this would wait for a writer for ever.
    host.refuses("docker:@FIFO@", &["not a plain file"]);
    host.leads(&["web"], "web", "docker:web");
}

#[test]
fn an_id_in_a_record_leads_nowhere_else() {
    let host = docker();
    host.file("secret/userdata/pidfile", "@PID:other@");
    host.file(
        "var/lib/containers/storage/overlay-containers/containers.json",
        r#"[{"id":"../../../secret","names":["trap"]},{"id":"/secret","names":["pit"]},{"id":"","names":["void"]}]"#,
    );
    host.file("run/containers/storage/overlay-containers/x", "");
    for name in ["trap", "pit", "void"] {
        host.refuses(name, &["is not running"]);
    }
    // Docker goes by the directory, and not by the id in the file.
    host.file(
        "var/lib/docker/containers/@LIAR@/config.v2.json",
        &config("WEB", "liar", "other"),
    );
    host.refuses("liar", &["stale", "nothing shows that process"]);
    host.describe(
        host.pid("other"),
        1,
        7,
        &format!("0::/docker/{}", id("LIAR")),
    );
    host.leads(&["docker:@WEB@"], "web", "docker:web");
    host.leads(&["liar"], "other", "docker:liar");
    assert_eq!(
        host.find("liar").unwrap().container.unwrap().id,
        id("LIAR").as_str()
    );
}

#[test]
fn a_process_of_another_container_is_refused() {
    let host = docker();
    // Another container's process, one that does not exist, and numbers of no process at all.
    host.file(
        "var/lib/docker/containers/@BAD@/config.v2.json",
        &config("BAD", "thief", "web"),
    );
    host.refuses("thief", &["stale", "in another container", "@WEB@"]);
    for pid in ["4194303", "0", "-1", "99999999"] {
        let config = config("BAD", "thief", "web").replace("@PID:web@", pid);
        host.file("var/lib/docker/containers/@BAD@/config.v2.json", &config);
        host.refuses("thief", &["is not running"]);
    }
    let config = config("BAD", "thief", "web").replace("@PID:web@", "99999999999");
    host.file("var/lib/docker/containers/@BAD@/config.v2.json", &config);
    host.refuses("docker:@BAD@", &["unexpected content"]);
}

/// A user with a store in which two containers seem to run: the processes are in the caller's
/// namespaces.
fn podman_of_alice() -> Recorded {
    let host = Recorded::new(&[("web", "0::/"), ("other", "0::/")]);
    host.file("etc/passwd", "alice:x:4242:4242::/srv/alice:/bin/sh\n");
    let root = "srv/alice/.local/share/containers/storage";
    host.file(
        &format!("{root}/vfs-containers/containers.json"),
        r#"[{"id":"@WEB@","names":["web"]},{"id":"@BAD@","names":["trap"]}]"#,
    );
    host.file(
        "run/user/4242/containers/vfs-containers/@WEB@/userdata/pidfile",
        "@PID:web@",
    );
    host.file(
        "run/user/4242/containers/vfs-containers/@BAD@/userdata/pidfile",
        "@PID:other@",
    );
    for (id, process) in [("WEB", "web"), ("BAD", "other")] {
        let status = format!(r#"{{"pid":@PID:{process}@,"process-start-time":@START:{process}@}}"#);
        host.file(&format!("run/user/4242/crun/@{id}@/status"), &status);
    }
    host
}

#[test]
fn a_name_without_an_owner_leads_into_no_other_users_store() {
    let host = podman_of_alice();
    for word in ["web", "podman:web"] {
        host.refuses(
            word,
            &[
                "nothing has that name or id",
                "user alice has podman:alice@web",
            ],
        );
    }
    for pattern in ["*", "podman:*", "w*"] {
        assert_eq!(fitting(&host, pattern), 0, "{pattern}");
    }
    host.refuses("podman:bob@web", &["there is no user \"bob\""]);
    host.refuses(
        "podman:alice@db",
        &["failed to find podman:alice@db", "nothing has that name"],
    );
}

#[test]
fn a_user_is_not_believed_about_a_process_in_the_callers_user_namespace() {
    let host = podman_of_alice();
    let why = "is in your own user namespace, which user alice did not create";
    for word in ["podman:alice@web", "podman:4242@web", "podman:alice@trap"] {
        host.refuses(
            word,
            &[
                "the record of podman:alice@",
                "is not believed: process",
                why,
            ],
        );
    }
    assert_eq!(fitting(&host, "podman:alice@*"), 0);
    assert!(host.host().words().is_empty());
    let pid = nsx_core::pid::Pid::from_raw(host.pid("web").cast_signed()).unwrap();
    assert_eq!(
        nsx_target::Inventory::new(&host.host())
            .origin(pid)
            .container(),
        None
    );
}

#[test]
fn a_user_is_believed_about_the_users_own_containers_by_the_user() {
    let mut host = podman_of_alice();
    host.called_by(4242, "/srv/alice");
    host.leads(
        &["web", "podman:web", "podman:alice@web"],
        "web",
        "podman:web",
    );
}

#[test]
fn names_with_other_characters_are_not_completed() {
    let host = docker();
    for (id, name) in [
        ("AA", "$(touch x)"),
        ("BB", "a\\u001b[2Jb"),
        ("CC", "a b"),
        ("DD", "`x`"),
        ("EE", "*"),
    ] {
        host.file(
            &format!("var/lib/docker/containers/@{id}@/config.v2.json"),
            &config(id, name, "other"),
        );
        // Only one of them at a time, because a process is in one container.
        let words = host.host().words();
        assert_eq!(words, ["docker:web", "web"], "{name}");
        fs::remove_file(host.path(&format!(
            "var/lib/docker/containers/{}/config.v2.json",
            support::id(id)
        )))
        .unwrap();
    }
}

#[test]
fn cgroups_of_a_user_name_no_container_of_the_systems() {
    let host = docker();
    let lie = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/docker-@WEB@.scope";
    let lie = lie.replace("@WEB@", &id("WEB"));
    let pid = host.pid("other");
    host.describe(pid, 1, 1_153_758, &lie);
    let live = host.host();
    let pid = nsx_core::pid::Pid::from_raw(pid.cast_signed()).unwrap();
    let origin = nsx_target::Inventory::new(&live).origin(pid);
    assert_eq!(origin.container(), None);
}

#[test]
fn a_cgroup_that_anybody_could_have_made_names_no_container() {
    let lie = "0::/system.slice/open.service/docker-@BAD@.scope";
    let host = Recorded::new(&[
        ("web", "0::/system.slice/docker-@WEB@.scope"),
        ("other", lie),
    ]);
    for (process, path) in [
        ("web", "system.slice/docker-@WEB@.scope"),
        ("other", &lie[4..]),
    ] {
        host.file(
            &format!("sys/fs/cgroup/{path}/cgroup.procs"),
            &format!("@PID:{process}@\n"),
        );
    }
    let origin = |process: &str| {
        let pid = nsx_core::pid::Pid::from_raw(host.pid(process).cast_signed()).unwrap();
        nsx_target::Inventory::new(&host.host())
            .origin(pid)
            .container()
            .map(|it| it.id.clone())
    };
    host.leads(
        &["docker:@BAD@", "@BAD@"],
        "other",
        &format!("docker:{}", &id("BAD")[..12]),
    );
    assert_eq!(origin("other"), Some(id("BAD").into()));
    let open = host.path("sys/fs/cgroup/system.slice/open.service");
    fs::set_permissions(open, fs::Permissions::from_mode(0o777)).unwrap();
    host.refuses("docker:@BAD@", &["nothing has that name"]);
    assert_eq!(origin("other"), None);
    host.leads(
        &["docker:@WEB@", "@WEB@"],
        "web",
        &format!("docker:{}", &id("WEB")[..12]),
    );
}

#[test]
fn a_name_of_the_systems_does_not_lead_to_a_users_unit() {
    let users = "user.slice/user-4242.slice/user@4242.service/app.slice";
    let host = Recorded::new(&[
        ("own", &format!("0::/{users}/backup.service")),
        ("roots", "0::/system.slice/x.service"),
    ]);
    host.file("etc/passwd", "alice:x:4242:4242::/srv/alice:/bin/sh\n");
    host.file(
        &format!("sys/fs/cgroup/{users}/backup.service/cgroup.procs"),
        "@PID:own@\n",
    );
    let has = "user alice has unit:alice@backup.service";
    for word in ["unit:backup", "unit:backup.service", "backup.service"] {
        host.refuses(word, &["nothing has that name", has]);
    }
    let why = "is in your own user namespace, which user alice did not create";
    host.refuses("unit:alice@backup.service", &["is not believed", why]);
    // The system's unit is found beside it, even if its name looks like a name with an owner.
    for unit in ["backup.service", "alice@backup.service"] {
        let process = host.pid("roots");
        host.describe(process, 1, 1_153_758, &format!("0::/system.slice/{unit}"));
        host.file(
            &format!("sys/fs/cgroup/system.slice/{unit}/cgroup.procs"),
            "@PID:roots@\n",
        );
        host.leads(
            &[&format!("unit:{unit}"), unit],
            "roots",
            &format!("unit:{unit}"),
        );
    }
}

#[test]
fn a_store_that_more_than_one_user_can_write_to_is_not_believed() {
    let host = docker();
    host.leads(&["web"], "web", "docker:web");
    for open in [
        "var",
        "var/lib/docker",
        &format!("var/lib/docker/containers/{}", id("WEB")),
    ] {
        let path = host.path(open);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
        host.refuses(
            "web",
            &[
                "nothing has that name",
                "Docker: /var/lib/docker/containers",
                "not believed",
                open,
            ],
        );
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    host.leads(&["web"], "web", "docker:web");
}

#[test]
fn a_configuration_that_others_can_write_to_decides_nothing() {
    let host = Recorded::new(&[("web", "0::/web")]);
    let config = r#"{"process":{"user":{"uid":0,"gid":0}}}"#;
    host.file("srv/bundle/config.json", config);
    let state = r#"{"pid":@PID:web@,"process-start-time":@START:web@,"bundle":"/srv/bundle"}"#;
    host.file("run/crun/web/status", state);
    let read = |word: &str| {
        host.find(word)
            .unwrap()
            .configuration(&host.host())
            .unwrap()
    };
    let followed = read("web").unwrap();
    assert_eq!(
        (followed.text, followed.is_users),
        (config.as_bytes().to_vec(), false)
    );
    for open in ["srv", "srv/bundle", "srv/bundle/config.json"] {
        fs::set_permissions(host.path(open), fs::Permissions::from_mode(0o777)).unwrap();
        let why = read("web").unwrap_err().to_string();
        assert!(
            why.starts_with("/srv/bundle/config.json: not believed") && why.ends_with(open),
            "{why}"
        );
        fs::set_permissions(host.path(open), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn a_users_own_configuration_decides_nothing_in_the_users_own_user_namespace() {
    let mut host = podman_of_alice();
    let userdata = "srv/alice/.local/share/containers/storage/vfs-containers/@WEB@/userdata";
    host.file(&format!("{userdata}/config.json"), "{}");
    host.called_by(4242, "/srv/alice");
    let web = host.find("web").unwrap();
    let why = web
        .configuration(&host.host())
        .unwrap()
        .unwrap_err()
        .to_string();
    assert!(
        why.ends_with(
            "config.json can be written by user alice, who does not own the user namespace"
        ),
        "{why}"
    );
}
