//! `nsx pin` and `nsx rm`: a file for a namespace that exists, and its removal; compared with `ip
//! netns`.

use crate::support::{Cgroups, Command, Host, Need, Session, Test, both, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_pin_survives_the_next_ip_netns_add).needs([Need::Tool("ip")]),
        both(the_directory_of_ip_netns_is_prepared_as_ip_does).needs([Need::Tool("ip")]),
        root(a_lock_that_stays_on_the_directory_is_reported).needs([Need::Tool("flock")]),
        both(a_pin_is_removed_with_its_file),
        both(only_pins_are_removed),
        root(no_link_of_another_user_is_followed),
        both(pins_in_a_directory_are_removed),
        both(a_word_that_is_not_a_pin_is_refused),
        root(an_ordinary_user_removes_no_pin_of_root),
        root(an_existing_network_gets_a_name_as_with_ip_netns_attach).needs([Need::Tool("ip")]),
        both(namespaces_of_a_process_are_pinned_all_or_none),
        both(a_mount_namespace_is_not_pinned_over_other_pins),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

/// A shell in a private mount namespace with its own /run, in which the caller may mount.
fn private(session: &Session, script: &str) -> Command {
    let map = session.map_root();
    let script = format!("mount -t tmpfs -o mode=755 none /run\n{script}");
    session
        .command(&format!("unshare {map}--mount sh -ec"))
        .arg(script)
}

/// On a host on which ip has not run before.
fn a_pin_survives_the_next_ip_netns_add(session: &Session) {
    let host = Host::new(session, Cgroups::AsOutside);
    for option in ["net=/run/netns/a", "netns:a"] {
        let script = format!(
            "nsx unshare --pin {option} true; ip netns add b; ip netns list; stat -f -c %T \
            /run/netns/a
            ip netns exec a true; ip netns del a; ip netns list; ip netns del b; ls /run/netns; \
            umount /run/netns; rmdir /run/netns"
        );
        assert_eq!(host.shell(&script).output(), "b\na\nnsfs\nb", "{option}");
    }
    // By a relative path, and for another kind.
    let script = "ip netns add b; ip netns del b; umount /run/netns
        cd /run/netns; nsx unshare --net=a true; nsx unshare --uts=u true; ip netns add b; ip \
    netns del b
        stat -f -c %T a u; nsx rm ./a ./u; ls; cd /; umount /run/netns";
    assert_eq!(host.shell(script).output(), "nsfs\nnsfs");
}

fn the_directory_of_ip_netns_is_prepared_as_ip_does(session: &Session) {
    // The mode, and the mount of the directory: on itself, shared.
    let show = "stat -c %a /run/netns; awk '$5 == \"/run/netns\" { print $4, $7 ~ /^shared:/ }' \
    /proc/self/mountinfo";
    let of = |make: &str| private(session, &format!("umask 022; {make}; {show}")).output();
    // An ordinary user's ip fails to mount, or cannot leave its new network; by then the directory
    // is ready.
    let ip = of("ip netns add a 2>/dev/null || :");
    assert_eq!(ip, "755\n/netns 1");
    for make in [
        "nsx unshare --pin netns:a true",
        "mkdir /run/netns; nsx unshare --pin netns:a true; nsx unshare --pin netns:b true",
        "nsx pin $$ netns:a",
        // A mount of the directory that is not shared.
        "mkdir /run/netns; mount --bind /run/netns /run/netns; mount --make-private /run/netns; \
        nsx unshare --pin netns:a true",
    ] {
        assert_eq!(of(make), ip, "{make}");
    }
    // A failure undoes it, but keeps mounts that others have made since.
    let script =
        "! nsx unshare --pin netns:a nosuch 2>/dev/null; ls -A /run; grep -c ' /run/netns' \
        /proc/self/mountinfo || :
        nsx unshare --pin netns:a sh -c 'nsx unshare --uts true' && ls /run/netns";
    assert_eq!(private(session, script).output(), "0\na");
}

fn a_lock_that_stays_on_the_directory_is_reported(session: &Session) {
    let script = "mkdir /run/netns; flock /run/netns sh -c 'nsx unshare --pin netns:a touch ran'";
    private(session, script)
        .run()
        .exited(125)
        .says(&["another process holds the lock on /run/netns"]);
    assert!(!session.path("ran").exists());
    // Once the directory is ready, no lock is needed.
    let script = "nsx unshare --pin netns:a true; flock /run/netns nsx unshare --pin netns:b true; \
    ls /run/netns";
    assert_eq!(private(session, script).output(), "a\nb");
}

fn a_pin_is_removed_with_its_file(session: &Session) {
    let script = "nsx unshare --pin netns:a --uts=pin --ipc=full true
        mkdir d; nsx unshare --uts=d/pin true
        nsx rm netns:a ./pin d/pin; ls d /run/netns; grep -c nsfs /proc/self/mountinfo
        nsx rm netns:a 2>&1 || echo $?; nsx rm ./pin 2>/dev/null || echo $?";
    let output = private(session, script).output();
    assert!(output.ends_with("there is no such file\n1\n1"), "{output}");
    assert!(
        output.starts_with("/run/netns:\n\nd:\n1\n")
            || output.starts_with("d:\n\n/run/netns:\n1\n"),
        "{output}"
    );
    // A file with content stays, and so does the namespace of a process; a namespace that was
    // pinned twice is removed with both pins.
    let script = "echo mine >file; nsx unshare --uts=file true; nsx rm ./file; cat file
        touch twice; mount --bind /proc/self/ns/uts twice; mount --bind /proc/self/ns/uts twice; \
    nsx rm ./twice; ls twice 2>&1 || :
        nsx unshare --uts=held sleep 100 & until [ -e held ] && [ $(stat -f -c %T held) = nsfs ]; \
    do sleep 0.05; done
        nsx rm ./held; readlink /proc/$!/ns/uts | cut -c 1-5; kill $!; wait $! || :";
    let output = private(session, script).output();
    assert!(
        output.starts_with("mine\n")
            && output.contains("twice': No such file")
            && output.ends_with("uts:["),
        "{output}"
    );
}

fn only_pins_are_removed(session: &Session) {
    let refused = |make: &str, word: &str, status: i32, words: &[&str]| {
        let script = format!(
            "mkdir -p /run/netns; {make}; before=$(ls -lA . /run/netns); nsx rm {word} && status=0 \
            || status=$?
            [ \"$(ls -lA . /run/netns)\" = \"$before\" ] || echo changed >&2; exit $status"
        );
        let outcome = private(session, &script).run();
        assert!(
            !String::from_utf8_lossy(&outcome.stderr).contains("changed"),
            "{outcome}"
        );
        outcome.exited(status).says(words);
    };
    refused("touch file", "./file", 1, &["no namespace is bound to it"]);
    refused(
        "touch /run/netns/file",
        "netns:file",
        1,
        &["no namespace is bound to it"],
    );
    refused(
        "ln -s /proc/$$/ns/net /run/netns/link",
        "netns:link",
        2,
        &["symbolic link"],
    );
    refused(
        "ln -s /proc/$$/ns/net link",
        "./link",
        2,
        &["symbolic link"],
    );
    refused(
        "mkdir -p empty",
        "./empty",
        1,
        &["no namespace is bound to it"],
    );
    refused(
        "mkdir -p full; mount -t tmpfs none full",
        "./full/",
        1,
        &["no namespace is bound to it"],
    );
    refused(":", "./missing", 1, &["there is no such file"]);
    refused(":", "./missing/pin", 1, &["there is no such file"]);
    refused("touch file", "./file/pin", 2, &["not a directory"]);
    refused(":", "/proc/self/ns/net", 2, &["symbolic link"]);
}

fn no_link_of_another_user_is_followed(session: &Session) {
    let script = "mkdir theirs; ln -s /run/netns theirs/link; chown -h 4242:4242 theirs theirs/link
        ln -s \"$PWD\" mine; nsx unshare --pin netns:a true; nsx unshare --uts=pin true
        nsx rm theirs/link/a 2>&1 || echo $?; nsx rm theirs/link 2>&1 || echo $?; nsx rm \
    theirs/link/ 2>&1 || echo $?; ls /run/netns
        nsx rm mine/pin; ls pin 2>&1 || :";
    let output = private(session, script).output();
    assert_eq!(
        output.matches("symbolic link of user 4242").count(),
        2,
        "{output}"
    );
    assert_eq!(
        output.lines().filter(|line| *line == "2").count(),
        3,
        "{output}"
    );
    assert!(
        output.lines().any(|line| line == "a") && output.contains("pin': No such file"),
        "{output}"
    );
}

fn pins_in_a_directory_are_removed(session: &Session) {
    let script = "mkdir d; echo x >d/file; nsx unshare --uts=d/uts --ipc=d/ipc true; mkdir \
    d/below; nsx unshare --uts=d/below/uts true
        nsx rm ./d; ls d d/below; stat -f -c %T d/below/uts; nsx rm d/ 2>/dev/null || echo $?; cd \
    d/below; nsx rm .; ls
        nsx unshare --pin netns:a true; nsx unshare --pin netns:b true; nsx rm /run/netns; ls \
    /run/netns";
    assert_eq!(
        private(session, script).output(),
        "d:\nbelow\nfile\n\nd/below:\nuts\nnsfs\n1"
    );
}

fn a_word_that_is_not_a_pin_is_refused(session: &Session) {
    let said = |script: &str, words: &[&str]| private(session, script).run().exited(2).says(words);
    said(
        "nsx unshare --pin netns:a true; nsx rm a",
        &["a is not a pin", "there is netns:a"],
    );
    said(
        "nsx unshare --uts=a true; nsx rm a",
        &["a is not a pin", "there is ./a"],
    );
    for word in ["netns:", "netns:..", "netns:a/b", "''"] {
        said(&format!("nsx rm {word}"), &["is not a pin"]);
        said(&format!("nsx pin $$ {word}"), &["is not a pin"]);
    }
    said("nsx rm", &["PIN"]);
    said("nsx pin $$", &["KIND=FILE"]);
    // The other pins are tried all the same.
    let script = "nsx unshare --uts=a true; nsx rm nosuch ./a 2>/dev/null || echo $?; ls";
    assert_eq!(private(session, script).output(), "2");
}

fn an_ordinary_user_removes_no_pin_of_root(session: &Session) {
    let script = "nsx unshare --pin netns:a true
        setpriv --reuid=4242 --regid=4242 --clear-groups nsx rm netns:a 2>&1 || echo $?
        setpriv --reuid=4242 --regid=4242 --clear-groups unshare -rm nsx rm netns:a 2>&1 || echo \
    $?; stat -f -c %T /run/netns/a";
    let output = private(session, script).output();
    assert!(
        output.contains("Operation not permitted") && output.contains("run it as root"),
        "{output}"
    );
    assert!(
        output.contains("Invalid argument") && output.contains("more privilege"),
        "{output}"
    );
    assert!(output.ends_with("\n2\nnsfs"), "{output}");
}

fn an_existing_network_gets_a_name_as_with_ip_netns_attach(session: &Session) {
    let show = "stat -c '%a %u' /run/netns/web; ip netns list; \
        [ $(stat -L -c %i /run/netns/web) = $(stat -L -c %i /proc/$!/ns/net) ] && echo same; kill \
    $!";
    let of = |name: &str| {
        let script = format!(
            "umask 022; unshare --net sleep 100 & until [ $(cat /proc/$!/comm) = sleep ]; do sleep \
            0.05; done; {name}; {show}"
        );
        private(session, &script).output()
    };
    let nsx = of("nsx pin $! netns:web");
    assert!(nsx.ends_with("web\nsame"), "{nsx}");
    assert_eq!(of("nsx pin $! net=/run/netns/web"), nsx);
    // ip leaves the file without any permission, which helps nobody.
    assert_eq!(
        of("ip netns attach web $!")
            .lines()
            .skip(1)
            .collect::<Vec<_>>(),
        nsx.lines().skip(1).collect::<Vec<_>>()
    );
    // A namespace that only a name keeps gets another name.
    let script = "nsx unshare --pin netns:a true; nsx pin netns:a netns:b; [ /run/netns/a -ef \
    /run/netns/b ] && nsx rm netns:a; ip netns list";
    assert_eq!(private(session, script).output(), "b");
}

fn namespaces_of_a_process_are_pinned_all_or_none(session: &Session) {
    let with_target = |script: &str| {
        let script = format!(
            "rm -f u i r n; nsx unshare -r --uts --ipc --net --no-mount-sys --no-mount-mqueue \
            sleep 100 & \
            until [ $(cat /proc/$!/comm) = sleep ]; do sleep 0.05; done; {script}; kill $!"
        );
        private(session, &script).run()
    };
    let script = "nsx pin $! uts=u ipc=i user=r; for kind in uts:u ipc:i user:r; do
        [ $(stat -L -c %i /proc/$!/ns/${kind%:*}) = $(stat -c %i ${kind#*:}) ] || echo $kind; \
    done; echo done";
    assert_eq!(with_target(script).exited(0).text(), "done");
    let script = "nsx pin $! uts=u ipc=missing/i 2>&1 || echo $?; ls; grep -c nsfs \
    /proc/self/mountinfo || :";
    let outcome = with_target(script).exited(0);
    assert!(
        outcome.text().contains("there is no directory missing")
            && outcome.text().ends_with("\n2\n0"),
        "{outcome}"
    );
    let script = "nsx pin $! uts=u; nsx pin $! uts=u 2>&1 || echo $?";
    let outcome = with_target(script).exited(0);
    assert!(
        outcome.text().contains("holds a namespace already")
            && outcome.text().contains("nsx rm ./u"),
        "{outcome}"
    );
    let script = "nsx pin $! net=n; nsx pin ./n uts=u 2>&1 || echo $?; nsx pin 4194303 uts=u 2>&1 \
    || echo $?; ls";
    let outcome = with_target(script).exited(0);
    assert!(
        outcome
            .text()
            .contains("is a net namespace, and a uts namespace is needed\n2\n"),
        "{outcome}"
    );
    assert!(outcome.text().ends_with("\n1\nn"), "{outcome}");
    let outcome =
        with_target("nsx pin $$ mnt=m || echo $?; ls m 2>/dev/null || echo none").exited(0);
    assert_eq!(outcome.says(&["that you are in"]).text(), "2\nnone");
}

fn a_mount_namespace_is_not_pinned_over_other_pins(session: &Session) {
    // The pins of one command are made in an order in which none covers another.
    let script = "mkdir d; mount -t tmpfs none d; mount --make-shared d; mkdir d/pins
        nsx unshare --pin uts=d/pins/uts --pin mnt=d/pins/mnt true; stat -f -c %T d/pins/uts \
    d/pins/mnt
        nsx rm ./d/pins; ls d/pins; umount d/pins; umount d; rmdir d";
    assert_eq!(private(session, script).output(), "nsfs\nnsfs");
    let script =
        "mkdir d; mount -t tmpfs none d; mount --make-shared d; mkdir d/pins; nsx unshare \
        --uts=d/pins/uts true
        nsx unshare --mount=d/pins/mnt true 2>&1 || echo $?; stat -f -c %T d/pins/uts; ls d/pins
        nsx unshare --pin netns:a true; nsx unshare --mount=/run/netns/mnt true 2>/dev/null || \
        echo $?; ls /run/netns";
    let output = private(session, script).output();
    assert!(
        output.contains("kept only where mounts are private"),
        "{output}"
    );
    assert!(output.ends_with("\n125\nnsfs\nuts\n125\na"), "{output}");
}
