//! `nsx idmap`: compared with the kernel's maps, with `id` inside, and with the kernel's permission
//! checks.

use crate::support::{Need, Process, Session, Test, both, procfs, root, until};
use serde_json::Value;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::Path,
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(an_id_is_translated_both_ways),
        root(every_level_has_its_id_and_range),
        both(names_come_from_the_target),
        both(the_whole_map_is_shown),
        both(ids_of_the_callers_own_namespace_do_not_change),
        both(words_that_are_not_ids_are_wrong_usage),
        root(file_permissions_agree_with_the_kernel),
        root(access_by_an_acl_agrees_with_the_kernel).needs([Need::Tool("setfacl")]),
        root(a_read_only_mount_is_reported),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A process in a user namespace of its own in which the caller is root.
fn target(session: &Session) -> (Process, u32) {
    let unshare = session
        .command("unshare --user --map-root-user sleep 100")
        .start();
    let id = unshare.program("sleep").id();
    (unshare, id)
}

fn json(session: &Session, options: &str) -> Value {
    serde_json::from_slice(&session.nsx(&format!("idmap --json {options}")).run().stdout).unwrap()
}

fn an_id_is_translated_both_ways(session: &Session) {
    let (_unshare, id) = target(session);
    let (uid, gid) = session.ids();
    for (words, there, here) in [("", 0, uid), ("group ", 0, gid), ("user ", 0, uid)] {
        let forth = session
            .nsx(&format!("idmap -q {id} {words}{there}"))
            .output();
        assert_eq!(forth, here.to_string());
        let back = session
            .nsx(&format!("idmap -q --reverse {id} {words}{here}"))
            .output();
        assert_eq!(back, there.to_string());
    }
    // Nobody else is mapped.
    session
        .nsx(&format!("idmap -q {id} 1"))
        .run()
        .exited(1)
        .says(&["user 1 there has no id here"]);
    session
        .nsx(&format!("idmap -q --reverse {id} 12345"))
        .run()
        .exited(1)
        .says(&["user 12345 here has no id there"]);
    let some = session.nsx(&format!("idmap -q {id} 0 1")).run().exited(1);
    assert_eq!(some.text(), uid.to_string());
    // By the namespace itself, or a line of JSON for each.
    let ns = procfs::ns(id, "user");
    assert_eq!(
        session.nsx(&format!("idmap -q {ns} 0")).output(),
        uid.to_string()
    );
    let lines = session
        .nsx(&format!("idmap --json-lines {id} 0 group 0"))
        .output();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        json(session, &format!("{id} 0 group 0"))["ids"],
        Value::from(lines)
    );
}

fn every_level_has_its_id_and_range(session: &Session) {
    // Ten users from 100000, and three of these from 5 inside: each sleeps, and its map is written
    // from outside.
    let outer = session.command("unshare --user sleep 100").start();
    let outer_id = outer.program("sleep").id();
    let write = |id: u32, text: &str| {
        until("the namespace is there", || {
            procfs::ns(id, "user") != procfs::ns("self", "user")
        });
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{id}/{map}"), text).unwrap();
        }
    };
    write(outer_id, "0 100000 10\n");
    let words = format!("nsenter --target {outer_id} --user unshare --user sleep 101");
    let inner = session.command(&words).start();
    inner.program("sleep");
    let inner_id = inner.id();
    // As the writer counts, who is outside both.
    until("a namespace of its own", || {
        procfs::ns(inner_id, "user") != procfs::ns(outer_id, "user")
    });
    let map = session.shell(&format!(
        "exec nsenter --target {outer_id} --user sh -c 'echo 7 5 3 >/proc/{inner_id}/uid_map; echo \
        7 5 3 >/proc/{inner_id}/gid_map'"
    ));
    map.run().exited(0);
    let row = &json(session, &format!("{inner_id} 8"))["ids"][0];
    assert_eq!((&row["here"], &row["there"]), (&100_006.into(), &8.into()));
    let level = |place: usize| &row["levels"][place];
    let inode = |id: u32| {
        procfs::ns(id, "user")
            .replace("user:[", "")
            .replace(']', "")
            .parse::<u64>()
            .unwrap()
    };
    assert_eq!(level(2)["ns"], inode(inner_id));
    assert_eq!(
        level(2)["range"],
        serde_json::json!({ "inside": 7, "outside": 100_005, "count": 3 })
    );
    assert_eq!(
        (&level(1)["ns"], &level(1)["id"]),
        (&inode(outer_id).into(), &6.into())
    );
    assert_eq!(
        level(1)["range"],
        serde_json::json!({ "inside": 0, "outside": 100_000, "count": 10 })
    );
    assert_eq!(
        (&level(0)["level"], &level(0)["id"]),
        (&0.into(), &100_006.into())
    );
    session
        .nsx(&format!("idmap {inner_id} 6"))
        .run()
        .exited(1)
        .says(&["no id"]);
    let table = session.nsx(&format!("idmap {inner_id} 8")).output();
    assert!(
        table.lines().any(|line| line.contains("7:100005:3")),
        "{table}"
    );
    let words = session.nsx(&format!("idmap {inner_id}")).output();
    assert!(
        words.contains("7 to 9 there are 100005 to 100007 here") && words.contains("on the way"),
        "{words}"
    );
    // In the middle namespace, only the upper one is visible.
    let inside = format!("nsenter --target {outer_id} --user nsx idmap --json {inner_id} 8");
    let document: Value = serde_json::from_str(&session.command(&inside).output()).unwrap();
    let row = &document["ids"][0];
    assert_eq!(row["here"], 6);
    assert_eq!(
        (&row["levels"][0]["level"], &row["levels"][0]["id"]),
        (&(-1).into(), &100_006.into())
    );
}

fn names_come_from_the_target(session: &Session) {
    // A passwd of its own, in a mount namespace of its own.
    fs::write(
        session.path("passwd"),
        "zero:x:0:0::/:/bin/sh\nweird\u{202e}:x:7:7::/:/bin/sh\n",
    )
    .unwrap();
    let script = format!(
        "mount --bind {} /etc/passwd && exec sleep 100",
        session.path("passwd").display()
    );
    let unshare = session
        .command("unshare --user --map-root-user --mount sh -c")
        .arg(script)
        .start();
    let id = unshare.program("sleep").id();
    let uid = session.ids().0;
    assert_eq!(
        session.nsx(&format!("idmap -q {id} user zero")).output(),
        uid.to_string()
    );
    session
        .nsx(&format!("idmap -q {id} user root"))
        .run()
        .exited(1)
        .says(&["root", "target's files"]);
    assert_eq!(
        json(session, &format!("{id} 0"))["ids"][0]["levels"][1]["name"],
        "zero"
    );
    session
        .nsx(&format!("idmap -q {id} user weird\u{202e}"))
        .run()
        .exited(1)
        .says(&["has no id here"]);
    if session.is_root() {
        assert_eq!(
            session
                .nsx(&format!("idmap -q --reverse {id} user root"))
                .output(),
            "0"
        );
    }
    session
        .nsx(&format!("idmap -q --reverse {id} group no-such-group"))
        .run()
        .exited(1)
        .says(&["no-such-group"]);
}

fn the_whole_map_is_shown(session: &Session) {
    let (_unshare, id) = target(session);
    let (uid, gid) = session.ids();
    let words = session.nsx(&format!("idmap {id}")).output();
    assert!(
        words.contains(&procfs::ns(id, "user")) && words.contains("setgroups is denied"),
        "{words}"
    );
    let document = json(session, &id.to_string());
    assert_eq!(document["setgroups"], "deny");
    assert_eq!(
        document["namespaces"][1]["uid_map"][0],
        serde_json::json!({ "inside": 0, "outside": uid, "count": 1 })
    );
    assert_eq!(
        document["namespaces"][1]["gid_map"][0],
        serde_json::json!({ "inside": 0, "outside": gid, "count": 1 })
    );
    // No map yet.
    let unshare = session.command("unshare --user sleep 100").start();
    let id = unshare.program("sleep").id();
    let words = session.nsx(&format!("idmap {id}")).output();
    assert!(words.contains("not written yet"), "{words}");
    session.nsx(&format!("idmap {id} 0")).run().exited(1);
}

fn ids_of_the_callers_own_namespace_do_not_change(session: &Session) {
    let sleep = session.command("sleep 100").start();
    let id = sleep.program("sleep").id();
    assert_eq!(session.nsx(&format!("idmap -q {id} 17")).output(), "17");
    assert!(
        session
            .nsx(&format!("idmap {id}"))
            .output()
            .contains("the same")
    );
    // A namespace above the caller's cannot be queried.
    let inside = format!(
        "unshare --user --map-root-user nsx idmap {} 0",
        std::process::id()
    );
    session.command(&inside).run().exited(2);
}

fn words_that_are_not_ids_are_wrong_usage(session: &Session) {
    let (_unshare, id) = target(session);
    for wrong in ["-1", "4294967295", "x", "1.5", "user", "group", ""] {
        let outcome = session.nsx(&format!("idmap {id} {wrong}")).run().exited(2);
        assert_eq!(outcome.text(), "");
    }
    session.nsx("idmap 0 1").run().exited(2).says(&["never 0"]);
    session.nsx("idmap no-such-container 1").run().exited(1);
    session
        .nsx(&format!("idmap --file /no/such/file {id}"))
        .run()
        .exited(1)
        .says(&["/no/such/file"]);
    session
        .nsx(&format!("idmap --file / {id} 1"))
        .run()
        .exited(2);
    session
        .nsx("idmap user:[1] 1")
        .run()
        .exited(1)
        .says(&["user:[1]"]);
}

/// Targets of many kinds: ways to run a program, each as words in front of a command.
const TARGETS: [&str; 6] = [
    "",
    "unshare --user --map-root-user ",
    "setpriv --reuid=4242 --regid=4242 --clear-groups unshare --user --map-root-user ",
    "setpriv --reuid=4242 --regid=4242 --groups=7,100000 ",
    "setpriv --bounding-set=-all --inh-caps=-all ",
    "setpriv --bounding-set=-all,+dac_read_search --inh-caps=-all ",
];

/// Tries access to each of these files as each of these targets, and compares with nsx.
#[track_caller]
fn translations_agree_with_the_kernel(session: &Session, files: &[String]) {
    let script = "for f in $FILES; do for m in r w x; do if /usr/bin/test -$m $f; then echo $f $m \
    yes; else echo $f $m no; fi; done; done; \
        echo end; exec sleep 100";
    for target in TARGETS {
        let command = session
            .command(&format!("{target}sh -c"))
            .arg(script)
            .env("FILES", files.join(" "));
        let process = command.start();
        let sleep = process.program("sleep");
        let kernel = String::from_utf8(process.stdout()).unwrap();
        assert!(kernel.ends_with("end\n"), "{kernel}");
        for file in files {
            let document = json(session, &format!("--file {file} {}", sleep.id()));
            for (row, letter) in document["access"]
                .as_array()
                .unwrap()
                .iter()
                .zip(["r", "w", "x"])
            {
                let allowed = if row["allowed"] == true { "yes" } else { "no" };
                let line = format!("{file} {letter} {allowed}\n");
                assert!(
                    kernel.contains(&line),
                    "{target}: not {line}{row}\n{document}"
                );
            }
        }
    }
}

/// Lets everyone through to the session's files.
fn open(session: &Session) {
    fs::set_permissions(session.directory(), fs::Permissions::from_mode(0o711)).unwrap();
}

fn file_permissions_agree_with_the_kernel(session: &Session) {
    open(session);
    let mut files = Vec::new();
    for (owner, group) in [
        (0, 0),
        (4242, 4242),
        (100_000, 100_000),
        (1, 4242),
        (4242, 0),
        (0, 7),
    ] {
        for mode in [
            0o000, 0o600, 0o640, 0o604, 0o711, 0o070, 0o007, 0o755, 0o444,
        ] {
            let path = session.path(&format!("{owner}-{group}-{mode:o}"));
            fs::write(&path, "").unwrap();
            set(&path, owner, group, mode);
            files.push(path.display().to_string());
        }
    }
    let directory = session.path("directory");
    fs::create_dir(&directory).unwrap();
    set(&directory, 0, 0, 0o600);
    files.push(directory.display().to_string());
    translations_agree_with_the_kernel(session, &files);
    // And in words, with the reason.
    let (_unshare, id) = target(session);
    let outcome = session
        .nsx(&format!(
            "idmap --file {} {id}",
            session.path("100000-100000-600").display()
        ))
        .run();
    let text = outcome.exited(1).text().to_owned();
    for words in [
        "owner: 100000 here, nobody there",
        "mode: 0600",
        "CAP_DAC_OVERRIDE does not count",
        "owner has no id",
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
}

fn set(path: &Path, owner: u32, group: u32, mode: u32) {
    chown(path, Some(owner), Some(group)).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn access_by_an_acl_agrees_with_the_kernel(session: &Session) {
    open(session);
    let mut files = Vec::new();
    for (place, acl) in [
        "u:4242:r",
        "u:4242:rwx,m::r",
        "u:4242:rwx,m::-",
        "g:4242:rw",
        "g:7:x,g:100000:r",
        "u:1:r,o::-",
        "u:4242:-,o::rwx",
    ]
    .into_iter()
    .enumerate()
    {
        for (owner, mode) in [(0, 0o640), (100_000, 0o604)] {
            let path = session.path(&format!("acl-{place}-{owner}"));
            fs::write(&path, "").unwrap();
            set(&path, owner, owner, mode);
            session
                .command(&format!("setfacl -m {acl} {}", path.display()))
                .run()
                .exited(0);
            files.push(path.display().to_string());
        }
    }
    let sleep = session.command("sleep 100").start();
    let document = json(
        session,
        &format!("--file {} {}", files[0], sleep.program("sleep").id()),
    );
    assert_eq!(document["acl"], true);
    translations_agree_with_the_kernel(session, &files);
}

fn a_read_only_mount_is_reported(session: &Session) {
    let sleep = session.command("sleep 100").start();
    let id = sleep.program("sleep").id();
    let script = format!(
        "mount -t tmpfs -o ro,noexec,mode=777 tmpfs {0} && exec nsx idmap --file {0} {id}",
        session.directory().display()
    );
    let text = session
        .original_unshare("--mount sh -c")
        .arg(script)
        .output();
    assert!(
        text.contains("write: no: its mount is read-only") && text.contains("read: yes"),
        "{text}"
    );
}
