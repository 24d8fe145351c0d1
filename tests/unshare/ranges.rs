//! `nsx unshare --map-users` and the like: id ranges, written by root itself or by newuidmap for an
//! ordinary user.
//!
//! /etc/subuid and /etc/passwd are the host's. A test that needs lines in them bind-mounts its own
//! files over them, in its own mount namespace.

use crate::support::{Command, Need, Session, Test, both, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(root_maps_any_range),
        root(root_gets_its_own_range_alone),
        root(every_line_that_gives_a_range_is_mapped)
            .needs([Need::Tool("newuidmap"), Need::Tool("newgidmap")]),
        root(more_ranges_than_the_kernel_takes_are_cut_with_a_note),
        root(an_ordinary_users_range_is_mapped_by_newuidmap)
            .needs([Need::Tool("newuidmap"), Need::Tool("newgidmap")]),
        root(setgroups_can_be_denied_beside_ranges)
            .needs([Need::Tool("newuidmap"), Need::Tool("newgidmap")]),
        root(a_missing_helper_is_reported),
        both(an_invalid_range_is_refused),
        both(ranges_that_the_kernel_would_refuse_are_refused_before),
        both(ids_that_were_not_granted_are_named_with_the_missing_line),
        root(no_suggested_line_grants_ids_of_another_user).needs([Need::Tool("getent")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A shell that sees a user `mapper`, 4242, and these lines in /etc/subuid and /etc/subgid.
fn with_ranges(session: &Session, ranges: &str, script: &str) -> Command {
    let prepare = "cp /etc/passwd passwd; echo mapper:x:4242:4242::/:/bin/sh >>passwd; printf %s \"$RANGES\" >ranges
        for file in /etc/subuid /etc/subgid; do [ -e $file ] || touch $file; mount --bind ranges \
    $file; done
        mount --bind passwd /etc/passwd; chmod 755 .
        as_mapper='setpriv --reuid=4242 --regid=4242 --clear-groups'";
    session
        .command("unshare --mount sh -ec")
        .arg(format!("{prepare}\n{script}"))
        .env("RANGES", ranges)
}

const PRINT_MAPS: &str = "sh -c 'echo $(cat /proc/self/uid_map) / $(cat /proc/self/gid_map) / \
$(cat /proc/self/setgroups)'";

fn root_maps_any_range(session: &Session) {
    let maps = |options: &str| {
        session
            .shell(&format!("nsx unshare {options} {PRINT_MAPS}"))
            .output()
    };
    assert_eq!(
        maps("--map-users 0:100000:10 --map-groups 0:200000:5"),
        "0 100000 10 / 0 200000 5 / allow"
    );
    assert_eq!(
        maps("-r --map-users 100000,0,10 --map-groups 1:9:1"),
        "0 0 1 1 100000 9 / 0 0 1 1 9 1 / allow"
    );
    assert_eq!(
        maps("--map-users all --map-groups all"),
        "0 0 4294967295 / 0 0 4294967295 / allow"
    );
    // One of each: the single group is still written, with setgroups denied.
    assert_eq!(
        maps("--map-users 0:0:3 --map-group 7"),
        "0 0 3 / 7 0 1 / deny"
    );
}

fn root_gets_its_own_range_alone(session: &Session) {
    let ranges = "someone:100000:65536\nroot:300000:1000\n0:500000:1\n";
    let script =
        format!("nsx unshare --map-auto {PRINT_MAPS}; nsx unshare --map-subids {PRINT_MAPS}");
    let expected = "0 300000 1000 1000 500000 1 / 0 300000 1000 1000 500000 1 / allow\n\
                    300000 300000 1000 500000 500000 1 / 300000 300000 1000 500000 500000 1 / allow";
    assert_eq!(with_ranges(session, ranges, &script).output(), expected);
    with_ranges(
        session,
        "someone:100000:65536\n",
        "nsx unshare --map-auto touch ran",
    )
    .run()
    .exited(125)
    .says(&["no range", "/etc/subuid", "root:165536:65536"]);
    assert!(!session.path("ran").exists());
}

/// `subuid(5)`: a user may have several lines, by name and by number.
fn every_line_that_gives_a_range_is_mapped(session: &Session) {
    let ranges = "mapper:100000:10\nsomeone:100010:5\n4242:200000:10\nmapper:300000:5\nmapper:300005:5\nmapper:100000:10\n";
    let sorted = |text: &str| {
        let numbers: Vec<u32> = text
            .split_whitespace()
            .map(|word| word.parse().unwrap())
            .collect();
        let mut extents: Vec<_> = numbers.chunks(3).map(<[u32]>::to_vec).collect();
        extents.sort();
        extents
    };
    for (options, expected) in [
        ("--map-auto", "0 100000 10 10 200000 10 20 300000 10"),
        (
            "-r --map-auto",
            "0 4242 1 1 100000 10 11 200000 10 21 300000 10",
        ),
        (
            "--map-subids",
            "100000 100000 10 200000 200000 10 300000 300000 10",
        ),
        ("--map-users 0:300003:4 --map-groups auto", "0 300003 4"),
    ] {
        let script = format!("$as_mapper nsx unshare {options} cat /proc/self/uid_map");
        assert_eq!(
            sorted(&with_ranges(session, ranges, &script).output()),
            sorted(expected),
            "{options}"
        );
    }
    // util-linux takes the first line.
    let script = "$as_mapper nsx compat unshare --map-auto cat /proc/self/uid_map";
    assert_eq!(
        sorted(&with_ranges(session, ranges, script).output()),
        sorted("0 100000 10")
    );
}

/// `user_namespaces(7)`: at most 340 lines, and less than a page.
fn more_ranges_than_the_kernel_takes_are_cut_with_a_note(session: &Session) {
    let map = |first: u32| {
        let ranges: String = (0..400)
            .map(|line| format!("root:{}:1\n", first + 2 * line))
            .collect();
        let outcome = with_ranges(
            session,
            &ranges,
            "nsx unshare --map-auto cat /proc/self/uid_map",
        )
        .run()
        .exited(0);
        let lines: Vec<Vec<u32>> = outcome
            .text()
            .lines()
            .map(|line| {
                line.split_whitespace()
                    .map(|word| word.parse().unwrap())
                    .collect()
            })
            .collect();
        for (place, line) in lines.iter().enumerate() {
            let place = u32::try_from(place).unwrap();
            assert_eq!(line, &[place, first + 2 * place, 1]);
        }
        let bytes: usize = lines
            .iter()
            .map(|line| format!("{} {} {}\n", line[0], line[1], line[2]).len())
            .sum();
        outcome.says(&["400 ranges", &format!("first {}", lines.len())]);
        (lines.len(), bytes)
    };
    let (lines, bytes) = map(1000);
    assert!(lines == 340 && bytes < 4096, "{lines} {bytes}");
    // One more line would fill the page.
    let (lines, bytes) = map(4_000_000_000);
    assert!(
        lines < 340 && bytes < 4096 && bytes + "239 4000000478 1\n".len() >= 4096,
        "{lines} {bytes}"
    );
}

fn an_ordinary_users_range_is_mapped_by_newuidmap(session: &Session) {
    // The four examples of util-linux's merge.
    for (options, expected) in [
        (
            "-r --map-auto",
            "0 4242 1 1 100000 65536 / 0 4242 1 1 100000 65536 / allow",
        ),
        (
            "-c --map-auto",
            "4242 4242 1 0 100000 4242 4243 104242 61294 / 4242 4242 1 0 100000 4242 4243 104242 \
            61294 / allow",
        ),
        (
            "-r --map-subids",
            "0 4242 1 100000 100000 65536 / 0 4242 1 100000 100000 65536 / allow",
        ),
        (
            "--map-users 0:100000:10 --map-users 20:100100:5 -r",
            "0 4242 1 1 100000 9 20 100100 5 / 0 4242 1 / deny",
        ),
    ] {
        let script = format!("$as_mapper nsx unshare {options} {PRINT_MAPS}");
        let sorted = |text: &str| {
            // The kernel may list extents in another order than they were written in.
            let maps = text.split(" / ").map(|map| {
                let words: Vec<&str> = map.split(' ').collect();
                let mut extents: Vec<String> =
                    words.chunks(3).map(|extent| extent.join(" ")).collect();
                extents.sort();
                extents
            });
            maps.collect::<Vec<_>>()
        };
        let output = with_ranges(session, "mapper:100000:65536\n", &script).output();
        assert_eq!(sorted(&output), sorted(expected), "{options}");
    }
}

fn setgroups_can_be_denied_beside_ranges(session: &Session) {
    let script = format!("$as_mapper nsx unshare -r --map-auto --setgroups deny {PRINT_MAPS}");
    let output = with_ranges(session, "4242:100000:65536\n", &script).output();
    assert!(output.ends_with("/ deny"), "{output}");
}

fn a_missing_helper_is_reported(session: &Session) {
    let script = "nsx=$(command -v nsx); touch=$(command -v touch)
        $as_mapper env PATH=/nonexistent $nsx unshare -r --map-auto $touch ran";
    let outcome = with_ranges(session, "mapper:100000:65536\n", script).run();
    outcome
        .exited(125)
        .says(&["newuidmap", "No such file", "in PATH", "package uidmap"]);
    assert!(!session.path("ran").exists());
}

fn an_invalid_range_is_refused(session: &Session) {
    for range in [
        "1:2",
        "x",
        "0:0:0",
        "0:4294967295:1",
        "1:2:3:4",
        "4294967296:0:1",
        "",
    ] {
        session
            .nsx("unshare")
            .arg(format!("--map-users={range}"))
            .args("touch ran")
            .run()
            .exited(125);
    }
    assert!(!session.path("ran").exists());
}

fn ranges_that_the_kernel_would_refuse_are_refused_before(session: &Session) {
    let refused = |ranges: &mut dyn Iterator<Item = String>, words: &[&str]| {
        let command = ranges.fold(session.nsx("unshare"), |command, range| {
            command.arg(format!("--map-users={range}"))
        });
        command.args("touch ran").run().exited(125).says(words);
    };
    refused(
        &mut ["0:0:10", "9:100:1"].map(String::from).into_iter(),
        &["0:0:10", "9:100:1", "overlap"],
    );
    refused(
        &mut (0..341).map(|id| format!("{id}:{id}:1")),
        &["341", "340"],
    );
    refused(
        &mut (0..300).map(|id| format!("{0}:{0}:1", 4_000_000_000_u64 + id)),
        &["page"],
    );
    assert!(!session.path("ran").exists());
}

fn ids_that_were_not_granted_are_named_with_the_missing_line(session: &Session) {
    if session.is_root() {
        // In a nested user namespace, root cannot map ids that the namespace lacks.
        let command = "unshare -r nsx unshare --map-users 0:5:2 touch ran";
        session
            .command(command)
            .run()
            .exited(125)
            .says(&["0:5:2", "does not have"]);
    } else {
        let (user, _) = session.ids();
        let line = format!("{user}:654321:5");
        let command = session.nsx("unshare --map-users 0:654321:5 touch ran");
        // The line names the user, if the user has a name.
        let outcome = command
            .run()
            .exited(125)
            .says(&["0:654321:5", "/etc/subuid", ":654321:5"]);
        assert!(user != 4242 || String::from_utf8_lossy(&outcome.stderr).contains(&line));
    }
    assert!(!session.path("ran").exists());
}

/// Checks that nsx suggests no line with ids that belong to others. A user who may map an id can
/// act as its owner: a line for user 0 would make anyone root.
fn no_suggested_line_grants_ids_of_another_user(session: &Session) {
    let ranges = "mapper:100000:65536\nsomeone:400000:10\n";
    let refused = |options: &str| {
        let script = format!(
            "echo high:x:300000:300001::/:/bin/sh >>passwd; cp /etc/group group; echo \
            higher:x:300002: >>group
            mount --bind group /etc/group; exec $as_mapper nsx unshare {options} touch ran"
        );
        with_ranges(session, ranges, &script).run().exited(125)
    };
    for options in [
        "--map-users all",
        "--map-users 0:0:1",
        "-r --map-users 1:1:100",
        "--map-users 0:65535:2",
        "--map-users 0:299999:2",
        "--map-users 0:300000:1",
        "--map-users 0:399999:2",
        "--map-users 0:400009:5",
        "--map-users 0:100000:400000",
        "--map-groups 0:0:1",
        "--map-groups 0:300001:1",
        "--map-groups 0:300002:1",
    ] {
        let outcome = refused(options).says(&["some of them belong to others", "--map-auto"]);
        assert!(
            !String::from_utf8_lossy(&outcome.stderr).contains("add this line"),
            "{options}: {outcome}"
        );
    }
    refused("--map-users 0:65536:2").says(&["add this line to /etc/subuid: mapper:65536:2"]);
    refused("--map-users 0:299990:10").says(&["mapper:299990:10"]);
    refused("--map-users 0:400010:5").says(&["mapper:400010:5"]);
    // More than before, and nobody else's.
    refused("--map-groups 0:100000:65537")
        .says(&["add this line to /etc/subgid: mapper:100000:65537"]);
    // The range that is suggested to a user without one belongs to nobody either.
    let script = "echo high:x:150000:150000::/:/bin/sh >>passwd
        exec $as_mapper nsx unshare --map-auto touch ran";
    with_ranges(session, "", script)
        .run()
        .exited(125)
        .says(&["mapper:150001:65536"]);
    assert!(!session.path("ran").exists());
}
