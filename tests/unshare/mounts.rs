//! `nsx unshare` with mounts: bind mounts, tmpfs, overlays, in order; on mount points that a
//! hostile root names; and without a trace on the host's disks.

use crate::{
    support::{Command, Need, Session, Test, both, filter::Filter, root, until},
    unshare::root_directory::small_root,
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(a_bind_mount_shows_its_source),
        both(a_read_only_bind_mount_is_read_only_with_all_submounts),
        both(a_read_only_mount_may_cover_others),
        both(mounts_are_made_in_order_and_hide_nothing_from_each_other),
        both(a_tmpfs_has_the_requested_size_and_the_mode_of_its_mount_point),
        both(an_overlay_takes_changes_and_loses_them),
        both(an_overlay_shows_the_first_directory_on_top),
        both(a_program_starts_in_the_overlay_and_not_below_it),
        both(a_file_goes_on_a_file_and_a_directory_on_a_directory),
        both(a_source_that_is_missing_is_named),
        both(a_hidden_working_directory_is_refused),
        both(shared_mounts_are_refused),
        both(an_overlay_over_the_mounts_of_others_is_refused_to_a_user_namespace),
        root(later_mounts_of_the_host_stay_out_of_a_bound_directory),
        both(no_mount_is_left_whenever_nsx_is_killed),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("busybox"), Need::Kernel(5, 12)]))
    .collect()
}

/// With the calls of this kernel, and with those of an old kernel alone.
pub(super) fn old_and_new(command: &Command) -> [Command; 2] {
    [command.clone(), command.clone().under(Filter::NewCalls)]
}

/// Creates files of the test's user, who may differ from the user who runs the tests.
pub(super) fn write(session: &Session, files: &[(&str, &str)]) {
    for (name, contents) in files {
        let script = "mkdir -p \"$(dirname \"$1\")\" && printf %s \"$2\" > \"$1\"";
        session
            .shell(script)
            .args("sh")
            .arg(name)
            .arg(contents)
            .run()
            .exited(0);
    }
}

fn a_bind_mount_shows_its_source(session: &Session) {
    write(session, &[("from/file", "bound"), ("to/other", "")]);
    let here = session.directory().display();
    let bind = session
        .unshare(&format!(
            "--bind from:{here}/to --bind from/file:{here}/to/file"
        ))
        .args("cat to/file");
    for command in old_and_new(&bind) {
        assert_eq!(command.output(), "bound");
    }
    let write = session
        .unshare(&format!("--bind from:{here}/to sh -c"))
        .arg("echo changed > to/file");
    write.run().exited(0);
    assert_eq!(
        fs::read_to_string(session.path("from/file")).unwrap(),
        "changed\n"
    );
    assert!(!session.path("to/file").exists());
}

fn a_read_only_bind_mount_is_read_only_with_all_submounts(session: &Session) {
    write(
        session,
        &[("from/file", ""), ("from/below/file", ""), ("to/file", "")],
    );
    let here = session.directory().display();
    // util-linux makes the mount below; a user namespace inside may not clear its flags.
    let inner = format!(
        "nsx unshare {}--ro-bind from:{here}/to sh -c",
        session.map_root()
    );
    let script = "echo x > to/file; echo x > to/below/file; cat /proc/self/mountinfo";
    let outer =
        "mount -t tmpfs -o nosuid,noexec tmpfs from/below && touch from/below/file && exec \"$@\"";
    let command = session
        .original_unshare("--mount sh -c")
        .arg(outer)
        .args("sh")
        .args(&inner)
        .arg(script);
    for command in old_and_new(&command) {
        let outcome = command.run().exited(0);
        let options = |place: &str| {
            let line = outcome
                .text()
                .lines()
                .find(|line| line.split(' ').nth(4) == Some(place));
            line.unwrap_or_else(|| panic!("{place} is not a mount point: {outcome}"))
                .split(' ')
                .nth(5)
                .unwrap()
                .to_owned()
        };
        assert!(
            options(&format!("{here}/to")).starts_with("ro,"),
            "{outcome}"
        );
        assert!(
            options(&format!("{here}/to/below")).starts_with("ro,nosuid,noexec,"),
            "{outcome}"
        );
        outcome.says(&["to/file: read-only", "to/below/file: read-only"]);
    }
}

fn a_read_only_mount_may_cover_others(session: &Session) {
    write(session, &[("from/file", ""), ("to/below/file", "")]);
    let here = session.directory().display();
    let line = format!("--tmpfs {here}/to/below --ro-bind from:{here}/to touch to/file");
    for command in old_and_new(&session.unshare(&line)) {
        command.run().exited(1).says(&["to/file", "read-only"]);
    }
}

fn mounts_are_made_in_order_and_hide_nothing_from_each_other(session: &Session) {
    write(session, &[("a/name", "a"), ("b/name", "b")]);
    let here = session.directory().display();
    let swap = session.unshare(&format!(
        "--bind a:{here}/b --bind b:{here}/a cat a/name b/name"
    ));
    assert_eq!(swap.output(), "ba", "each is what the caller saw");
    let hidden = format!(
        "--tmpfs {here} --bind a:{here}/x/a --ro-bind b/name:{here}/name cat x/a/name name"
    );
    for command in old_and_new(&session.unshare(&hidden)) {
        assert_eq!(command.output(), "ab");
    }
    let later = session.unshare(&format!("--bind a:{here}/b --tmpfs={here}/b ls {here}/b"));
    assert_eq!(later.output(), "", "the later one covers the earlier");
}

fn a_tmpfs_has_the_requested_size_and_the_mode_of_its_mount_point(session: &Session) {
    let here = session.directory().display();
    let size = session
        .unshare(&format!("--tmpfs {here}:1M stat -f -c"))
        .arg("%b %S")
        .arg(session.directory());
    for command in old_and_new(&size) {
        let output = command.output();
        let numbers: Vec<u64> = output
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        assert_eq!(numbers[0] * numbers[1], 1 << 20);
    }
    let mode = fs::metadata(session.directory())
        .unwrap()
        .permissions()
        .mode()
        & 0o7777;
    assert_eq!(
        session
            .unshare(&format!("--tmpfs {here} stat -c %a {here}"))
            .output(),
        format!("{mode:o}")
    );
    assert_eq!(
        session
            .unshare("--tmpfs /tmp --wd / stat -c %a /tmp")
            .output(),
        "1777"
    );
}

fn an_overlay_takes_changes_and_loses_them(session: &Session) {
    write(
        session,
        &[
            ("tree/kept", "old"),
            ("tree/gone", "old"),
            ("tree/below/file", "old"),
        ],
    );
    let here = session.directory().display();
    let script = "echo new > kept && rm gone && rm -r below && mkdir below && echo new > made && \
    cat kept && echo *; ls below";
    let overlay = session
        .unshare(&format!(
            "--overlay tree:{here}/tree --wd {here}/tree sh -c"
        ))
        .arg(script);
    for command in old_and_new(&overlay) {
        assert_eq!(command.output(), "new\nbelow kept made");
    }
    for name in ["kept", "gone", "below/file"] {
        assert_eq!(
            fs::read_to_string(session.path("tree").join(name)).unwrap(),
            "old",
            "{name}"
        );
    }
    assert!(!session.path("tree/made").exists());
}

fn an_overlay_shows_the_first_directory_on_top(session: &Session) {
    write(
        session,
        &[
            ("a:b/name", "first"),
            ("second/name", "second"),
            ("second/only", "second"),
            ("to/x", ""),
        ],
    );
    let here = session.directory().display();
    let overlay = session.unshare(&format!(
        r"--overlay a\:b:second:{here}/to cat to/name to/only"
    ));
    for command in old_and_new(&overlay) {
        assert_eq!(command.output(), "firstsecond");
    }
    // More than the newer call takes in one value.
    let layers: Vec<_> = (0..30).map(|number| format!("layer{number}")).collect();
    layers
        .iter()
        .for_each(|layer| write(session, &[(&format!("{layer}/{layer}"), layer)]));
    let overlay = session.unshare(&format!(
        "--overlay {}:{here}/to cat to/layer0 to/layer29",
        layers.join(":")
    ));
    assert_eq!(overlay.output(), "layer0layer29");
}

fn a_program_starts_in_the_overlay_and_not_below_it(session: &Session) {
    write(session, &[("file", "old"), ("below/file", "old")]);
    let here = session.directory().display();
    session
        .unshare(&format!("--overlay .:{here} sh -c"))
        .arg("echo new > file")
        .run()
        .exited(0);
    session
        .unshare(&format!("--overlay .:{here} --wd below sh -c"))
        .arg("echo new > file")
        .run()
        .exited(0);
    assert_eq!(fs::read_to_string(session.path("file")).unwrap(), "old");
    assert_eq!(
        fs::read_to_string(session.path("below/file")).unwrap(),
        "old"
    );
}

fn a_file_goes_on_a_file_and_a_directory_on_a_directory(session: &Session) {
    write(session, &[("directory/x", ""), ("file", "")]);
    let here = session.directory().display();
    let one = session
        .unshare(&format!("--bind directory:{here}/file true"))
        .run();
    one.exited(125)
        .says(&["not a directory", "directory is a directory"]);
    let other = session
        .unshare(&format!("--bind file:{here}/directory true"))
        .run();
    other
        .exited(125)
        .says(&["is a directory", "file is a file"]);
    session
        .unshare(&format!("--tmpfs {here}/file true"))
        .run()
        .exited(125)
        .says(&["not a directory"]);
}

fn a_source_that_is_missing_is_named(session: &Session) {
    let here = session.directory().display();
    for options in [
        "--bind missing",
        "--ro-bind missing:/tmp",
        &format!("--overlay /etc:missing:{here}"),
    ] {
        for command in old_and_new(&session.unshare(options).args("true")) {
            command
                .run()
                .exited(125)
                .says(&["open missing", "no such file"]);
        }
    }
}

fn a_hidden_working_directory_is_refused(session: &Session) {
    let here = session.directory();
    let hides = format!("--tmpfs {}", here.parent().unwrap().display());
    session
        .unshare(&hides)
        .args("true")
        .run()
        .exited(125)
        .says(&["hides the directory", "--wd"]);
    assert_eq!(session.unshare(&hides).args("--wd / pwd").output(), "/");
}

fn shared_mounts_are_refused(session: &Session) {
    for mode in ["shared", "unchanged"] {
        let line = format!("--propagation {mode} --tmpfs /tmp --wd / true");
        session
            .unshare(&line)
            .run()
            .exited(125)
            .says(&["private or slave"]);
    }
    session
        .unshare("--propagation slave --tmpfs /tmp --wd / true")
        .run()
        .exited(0);
}

fn an_overlay_over_the_mounts_of_others_is_refused_to_a_user_namespace(session: &Session) {
    let outcome = session
        .nsx("unshare -r --tmpfs /tmp --overlay /:/tmp/x --wd / true")
        .run();
    outcome
        .exited(125)
        .says(&["overlay", "is mounted below it", "user namespace"]);
}

fn later_mounts_of_the_host_stay_out_of_a_bound_directory(session: &Session) {
    write(session, &[("from/x", ""), ("to/x", "")]);
    let here = session.directory().display();
    // A namespace with shared mounts stands for the host.
    let script = format!(
        "nsx unshare --bind from:{here}/to sh -c 'touch bound; until test -e go; do sleep 0.05; \
        done; ls to' &
         until test -e bound; do sleep 0.05; done
         mount -t tmpfs tmpfs from && touch from/late go && wait && grep -c \"$PWD/to\" \
        /proc/self/mountinfo"
    );
    let host = session
        .original_unshare("--mount --propagation shared sh -c")
        .arg(script);
    assert_eq!(host.run().text(), "x\n0");
}

fn no_mount_is_left_whenever_nsx_is_killed(session: &Session) {
    small_root(session);
    let line =
        "--root root --overlay root:/ --dev --tmpfs /tmp --bind where:/tmp/where --pid sleep 100";
    let before = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let files = || listing(session.directory());
    let expected = files();
    for pause in 0..40 {
        let process = session.unshare(line).start();
        std::thread::sleep(std::time::Duration::from_micros(pause * 400));
        process.signal(rustix::process::Signal::KILL);
        process.wait();
        until("the program is gone", || session.marked().is_empty());
        assert_eq!(fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
        assert_eq!(files(), expected);
    }
}

/// Every path below a directory.
fn listing(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(listing(&entry.path()));
        }
        found.push(entry.path().display().to_string());
    }
    found.sort();
    found
}
