//! Namespaces that are kept by something other than a process: by files, by threads, by nothing.

use super::{
    ODD, PINS, SCENE, all_same, in_scene, later, layout::on_terminal, nsx_gives, options_same,
    scene, shown,
};
use crate::{
    strict::{Side, beside_newest, run},
    support::{Need, Session, Test, both, root},
};
use rustix::fd::AsFd;
use rustix::process::Signal;

pub(super) fn tests() -> Vec<Test> {
    let mut tests = vec![
        both(pinned_namespaces),
        root(nsids_of_network_namespaces_are_the_same).needs([Need::Tool("ip")]),
        both(namespaces_without_a_process_are_the_same),
        both(a_covered_pin_holds_nobody_up),
        root(a_namespace_of_a_thread_alone_is_the_same),
    ];
    tests.extend(beside_newest([both(
        pinned_namespaces_are_the_same_on_terminals,
    )
    .needs([Need::Tool("script")])]));
    tests
}

const WITH_PINS: &[&str] = &[
    "-t net",
    "-t net -l",
    "-t net -W",
    "-t net -r",
    "-t net -n",
    "-t net -T -t user -o NS,NSFS,COMMAND,PID,NS",
    "-o NSFS",
    "-o NS,NSFS -l",
    "-o NSFS,COMMAND,NSFS",
    "-o NSFS,NSFS,COMMAND,NSFS,USER",
    "-t net -o NS,NSFS,NS",
    "--output-all",
    "--output-all -T",
    "--output-all -r",
];

fn pinned_namespaces(session: &Session) {
    options_same(session, &(scene() + PINS), WITH_PINS);
    options_same(
        session,
        &(scene() + PINS),
        later(&["-t net -T", "-o NSFS,COMMAND", "-o NSFS,COMMAND,PID"]),
    );
}

fn pinned_namespaces_are_the_same_on_terminals(session: &Session) {
    let lines: Vec<String> = ["80", "40", "160"]
        .iter()
        .flat_map(|width| WITH_PINS.iter().map(|options| on_terminal(width, options)))
        // Nothing fits there, and scripts do not read the part that is too long.
        .filter(|line| !line.contains("cols 40 -opost; lsns -t net -n'"))
        .collect();
    all_same(
        session,
        &(format!("{ODD}{SCENE}{PINS}")),
        &lines.iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

fn nsids_of_network_namespaces_are_the_same(session: &Session) {
    let scene = scene()
        + "mount -t tmpfs none /run && mkdir /run/netns && ip netns add one && ip netns add two && \
        ip netns set two 77 && \
           for name in one two; do ip netns exec $name sleep 1000 & done; until [ $(sleeps) -eq 11 \
        ]; do :; done; ";
    let options = [
        "-t net",
        "-t net -l -o NETNSID,NS",
        "-t net -J -l",
        "-t net -r -o NETNSID,NSFS",
        "-o NS,NETNSID",
    ];
    options_same(session, &scene, &options);
}

fn namespaces_without_a_process_are_the_same(session: &Session) {
    let made = ": >/mnt/empty; : >/mnt/quiet; unshare --net=/mnt/empty true; unshare \
    --uts=/mnt/quiet true";
    let null = "{\n   \"namespaces\": [\n      {\n         \"pid\": null,\n         \"user\": \"root\",\n         \
                \"command\": null\n      }\n   ]\n}\n";
    nsx_gives(
        session,
        made,
        &[
            (
                "lsns -P -n -o TYPE,NPROCS,PID,USER,NSFS -t net",
                "net   0  root /mnt/empty\n",
            ),
            (
                "lsns -P -r -n -o TYPE,NPROCS,PID,PPID,USER,UID,PATH,COMMAND,NSFS | sort",
                "net 0   root 0   /mnt/empty\nuts 0   root 0   /mnt/quiet\n",
            ),
            ("lsns -P -J -l -t uts -o PID,USER,COMMAND", null),
            (
                "lsns -n -l -t net -o NS | grep -c $(stat -c %i /mnt/empty)",
                "1\n",
            ),
            ("lsns $(stat -c %i /mnt/empty); echo $?", "0\n"),
            (
                "lsns -p 1 -n -l -o NS | grep -c $(stat -c %i /mnt/quiet)",
                "0\n",
            ),
            (
                "lsns -P -n -T -t net -o TYPE,NPROCS,NSFS -r -Q 'TYPE == \"net\"'",
                "net 0 /mnt/empty\n",
            ),
        ],
    );
}

/// Checks that a file mounted over a pinned namespace is not opened: a FIFO would never answer.
fn a_covered_pin_holds_nobody_up(session: &Session) {
    let scene = format!(
        "{ODD}{SCENE}{PINS}: >/mnt/covered; unshare --net=/mnt/covered true; mkfifo /mnt/fifo; \
        mount --bind /mnt/fifo /mnt/covered"
    );
    let lines = [
        "timeout 9 lsns -P -r -n -o TYPE,USER,NSFS",
        "timeout 9 lsns -T -n -o TYPE,NSFS -r -Q 'NPROCS == 0 && TYPE == \"net\"'",
    ];
    for (line, [_, nsx]) in in_scene(session, &scene, &lines) {
        assert_eq!(nsx.status, "0", "{line}: {}", shown(&nsx));
        assert!(
            nsx.stdout.starts_with("net ") && nsx.stdout.ends_with(" /mnt/covered\n"),
            "{line}: {}",
            shown(&nsx)
        );
    }
}

fn a_namespace_of_a_thread_alone_is_the_same(session: &Session) {
    let holder = session.original_unshare("--uts sleep 1000").start();
    let sleep = holder.program("sleep");
    let path = format!("/proc/{}/ns/uts", sleep.id());
    let link = std::fs::read_link(&path)
        .unwrap()
        .to_string_lossy()
        .into_owned();
    let inode = link
        .trim_start_matches("uts:[")
        .trim_end_matches(']')
        .to_owned();
    let file = std::fs::File::open(&path).unwrap();
    let (entered, id) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let kind = rustix::thread::LinkNameSpaceType::HostNameAndNISDomainName;
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(kind)).unwrap();
        entered
            .send(rustix::thread::gettid().as_raw_nonzero().get())
            .unwrap();
        let _ = left.recv();
    });
    let tid = id.recv().unwrap();
    holder.signal(Signal::KILL);
    holder.wait();
    let script = format!("lsns -n -r -l -t uts -o NPROCS,PID,PATH -Q 'NS == {inode}'");
    let seen = run(session, Side::Nsx, &script);
    drop(leave);
    thread.join().unwrap();
    assert_eq!(
        seen.stdout,
        format!("0 {tid} /proc/N/ns/uts\n"),
        "{}",
        seen.stderr
    );
}
