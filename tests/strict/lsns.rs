//! `lsns`: each option, column, tree and form of output, in the same scene of processes with both programs.
//!
//! A scene is a PID namespace of its own, where nothing happens meanwhile and ids are small.

use super::{SIDES, Seen, Side, assert_gives, assert_same, run};
use crate::support::{Need, Session, Test, both, root};
use rustix::{fd::AsFd, process::Signal};
use serde_json::Value;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(usage),
        both(words_that_cannot_be),
        both(lists_and_trees),
        both(columns),
        both(rows_of_one_process),
        both(processes_of_one_namespace),
        both(raw),
        both(json),
        both(without_utf8),
        both(terminals).needs([Need::Tool("script")]),
        both(pinned_namespaces),
        both(pinned_namespaces_on_terminals).needs([Need::Tool("script")]),
        root(users),
        root(numbers_of_network_namespaces).needs([Need::Tool("ip")]),
        both(filters),
        both(namespaces_without_a_process),
        both(a_covered_pin_holds_nobody_up),
        root(a_namespace_that_only_a_thread_is_in),
        both(columns_are_listed),
        both(json_on_one_line),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
    .collect()
}

/// Processes whose namespaces hang together in many ways: all kinds; two deep; a child whose namespace is older than its
/// parent's; user namespaces in one another; a zombie; and a command that is hard to show. They all sleep, nine of them,
/// before the scene is complete.
const SCENE: &str = r#"
    unshare -Urmpfuin --mount-proc -C -T sleep 1000 &
    unshare -n sh -c 'sleep 1000 & unshare -u sleep 1000; :' &
    sleeps() { cat /proc/[0-9]*/comm 2>/dev/null | grep -cx sleep; }
    until [ $(sleeps) -eq 3 ]; do :; done
    unshare -i bash -c 'exec -a "$0" sleep 1000' "$(printf "$odd with a long tail, which no terminal has room for, however wide it is")" &
    sh -c 'unshare -u sleep 1000 & exec sleep 1000' &
    until [ $(sleeps) -eq 6 ]; do :; done
    unshare -u sh -c 'sleep 0 & exec sleep 1000' &
    until [ $(sleeps) -eq 8 ] && grep -q '^State:.Z' /proc/[0-9]*/status; do :; done
    unshare -Ur unshare -Urn unshare -pf sleep 1000 &
    until [ $(sleeps) -eq 9 ]; do :; done
    of() { lsns -l -n -t $1 -o NS | sed -n $2p; }
"#;

/// What is hard to show, for printf: a tab, what looks like an escape, characters of two and three bytes.
const ODD: &str = r#"odd='odd\ttab \\\\x41 \303\251 \346\227\245\346\234\254 q"'"#;
/// With a byte that is not UTF-8.
const ODDER: &str = r#"odd='odd\ttab \\\\x41 \377 \303\251 \346\227\245\346\234\254 q"'"#;

/// Mount points of the second network namespace, and one each of two others.
const PINS: &str = r#"
    mount -t tmpfs none /mnt
    pin() { : >"/mnt/$2" && mount --bind /proc/$1/ns/$3 "/mnt/$2"; }
    second=$(lsns -l -n -t net -o PID | sed -n 2p)
    pin $second a net; pin $second 'b c' net; pin $second longer-than-the-others-are net
    pin $(lsns -l -n -t net -o PID | sed -n 3p) d net
    pin $(lsns -l -n -t uts -o PID | sed -n 2p) e uts
"#;

/// Runs each line in one scene with both programs; they must give the same.
#[track_caller]
fn all_same(session: &Session, scene: &str, lines: &[&str]) {
    for (line, [original, nsx]) in in_scene(session, scene, lines) {
        assert!(original == nsx, "{line}\n--- util-linux\n{}\n--- nsx\n{}", shown(&original), shown(&nsx));
    }
}

fn shown(seen: &Seen) -> String {
    format!("{}\n{}{}", seen.status, seen.stdout, seen.stderr)
}

/// What each line gives in one scene: with util-linux's program and with nsx.
#[track_caller]
fn in_scene(session: &Session, scene: &str, lines: &[&str]) -> Vec<(String, [Seen; 2])> {
    let script = format!(
        r#"nsx=$PATH; original=${{PATH#*:}}; PATH=$original
        {scene}
        while IFS= read -r line; do
            for PATH in "$original" "$nsx"; do
                (eval "$line") >out 2>err </dev/null
                printf '\001%s\002' $?; cat out; printf '\002'; cat err
            done
        done <<'LINES'
{}
LINES"#,
        lines.join("\n")
    );
    let unshare = format!("/usr/bin/unshare {}-mpf --mount-proc --kill-child bash -c", session.map_root());
    let outcome = session.strict(session.command(&unshare).arg(script)).run().exited(0);
    let text = session.without_strict_path(&outcome.stdout.iter().map(|byte| char::from(*byte)).collect::<String>());
    let mut found = text.split('\x01').skip(1).map(|part| {
        let mut fields = part.splitn(3, '\x02').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        Seen { status: next(), stdout: next(), stderr: next() }
    });
    let found: Vec<_> = lines
        .iter()
        .map(|line| ((*line).to_owned(), [found.next(), found.next()].map(|seen| seen.expect("every line is run"))))
        .collect();
    // A scene that shows nothing would compare nothing.
    assert!(
        found.iter().any(|(_, seen)| seen.iter().any(|seen| !seen.stdout.is_empty())),
        "{scene}: {}",
        String::from_utf8_lossy(&outcome.stderr)
    );
    found
}

/// The lines with these options each.
fn lsns(options: &[&str]) -> Vec<String> {
    options.iter().map(|options| format!("lsns {options}")).collect()
}

#[track_caller]
fn options_same(session: &Session, scene: &str, options: &[&str]) {
    all_same(session, scene, &lsns(options).iter().map(String::as_str).collect::<Vec<_>>());
}

fn scene() -> String {
    format!("{ODDER}{SCENE}")
}

fn usage(session: &Session) {
    for script in [
        "lsns --bogus",
        "lsns -z",
        "lsns -o",
        "lsns --no",
        "lsns --o",
        "lsns --raw=1",
        "lsns --version >/dev/full",
        "lsns --help >/dev/full",
        "lsns --help >&-",
        "lsns -h --bogus | head -n 4",
        "lsns -t foo --bogus",
    ] {
        assert_same(session, script);
    }
    let version = "lsns from util-linux 2.42.2\n";
    assert_eq!(run(session, Side::Nsx, "lsns -V --bogus").stdout, version);
    assert_eq!(session.nsx("compat lsns --vers").run().exited(0).stdout, version.as_bytes());
    let both = "options --json and --raw cannot be combined";
    assert_gives(session, (2, 41), "lsns -J -r --bogus", 1, "", &format!("lsns: {both}\n"));
    assert_gives(session, (2, 41), "lsns -r -n -J", 1, "", &format!("lsns: {both}\n"));
    assert_gives(session, (2, 41), "lsns -p 1 -P", 1, "", "lsns: options --persistent and --task cannot be combined\n");
    assert_eq!(run(session, Side::Nsx, "lsns >&-").status, "exit status: 0");
    // util-linux gives the reason only where the list is short.
    let full = run(session, Side::Nsx, "lsns >/dev/full");
    assert_eq!(
        (full.status.as_str(), full.stderr.as_str()),
        ("exit status: 1", "lsns: write error: No space left on device\n")
    );
}

fn words_that_cannot_be(session: &Session) {
    for words in [
        "-p abc",
        "-p ''",
        "-p 1x",
        "-p 0x1",
        "-p 2147483648",
        "-p 99999999999999999999",
        "abc",
        "''",
        "-- -1",
        "99999999999999999999",
        "-p 1 1",
        "-p 1 abc",
        "-p 0 abc",
        "-t foo",
        "-t ''",
        "-t NET",
        "-t net,uts",
        "-o FOO",
        "-o NS,FOO",
        "-o NS,",
        "-o TYPE,NS,",
        "-o ''",
        "-o +",
        "-o +FOO",
        "-o NS,,PID",
        "-o ,NS",
        "-o NS,,",
        "-Tfoo",
        "-T=foo",
        "--tree=foo",
        "--tree=",
        "--tree==foo",
        "-o FOO -t foo",
        "-o FOO abc",
        "-o FOO -p 1 1",
        "-p x -o FOO",
    ] {
        assert_same(session, &format!("lsns {words}"));
    }
}

fn lists_and_trees(session: &Session) {
    options_same(
        session,
        &scene(),
        &[
            "",
            "-l",
            "-n",
            "-u",
            "-W",
            "--list --noheadings --nowrap --notruncate",
            "-T",
            "-Towner",
            "-T=owner",
            "-Tparent",
            "-Tprocess",
            "--tree",
            "--tree=parent",
            "-l -T",
            "-T -l",
            "-Tprocess -l",
            "-T -Tprocess",
            "-Tprocess -T",
            "-t uts",
            "-t net",
            "-t net -l",
            "-t uts -t pid -t uts",
            "-t mnt -t ipc -t user -t cgroup -t time",
            "-t uts -T",
            "-t uts -Tparent",
            "-t uts -Tprocess",
            "-t pid -T",
            "-t pid -Tparent",
            "-t mnt -Tparent",
            "-t user -n -T",
            "12345",
            "1 abc",
            "-p 0 1",
            "18446744073709551615",
        ],
    );
}

fn columns(session: &Session) {
    let all = "--output-all";
    options_same(
        session,
        &scene(),
        &[
            all,
            "--output-all -l",
            "--output-all -T",
            "--output-all -Tparent",
            "--output-all -Tprocess",
            "--output-all -o COMMAND,NS",
            "-o COMMAND,NS --output-all",
            "--output-all -o +NS -t uts",
            "-o NS",
            "-o ns,Type",
            "-o +PATH",
            "-o +PNS,ons",
            "-o COMMAND,NS,COMMAND,NS",
            "-T -o NS,NS,COMMAND",
            "-T -o TYPE,NS",
            "-T -o TYPE,PNS,ONS,PID",
            "-Tparent -o TYPE,PNS,ONS,PID",
            "-Tprocess -o TYPE,NS",
            "-Tprocess -o COMMAND",
            "-T -t uts -o TYPE,PID",
            "-T -t uts -o PID",
            "-T -t pid -o UID,USER,PPID,NPROCS,PATH,NETNSID,NSFS,COMMAND",
            "-l -o PPID,PID,UID,USER",
            "-l -o PATH,NPROCS",
            "-l -o PATH,NPROCS -n",
        ],
    );
    // From a PID of three digits on, the column is as wide as five.
    let numbers = format!(
        "{}echo 980 >/proc/sys/kernel/ns_last_pid && unshare -u sleep 1000 & until [ $(sleeps) -eq 10 ]; do :; done; ",
        scene()
    );
    if session.is_root() {
        options_same(session, &numbers, &["", "-l -o PPID,PID", "-o PID", "-n -o TYPE,PID", "-t user -o TYPE,PID"]);
    }
}

fn rows_of_one_process(session: &Session) {
    let options: Vec<String> =
        ["", "-l", "-T", "-Tparent", "-t net", "-t pid -T", "-t pid -Tparent", "-r", "-J -l", "-o NS,PNS"]
            .iter()
            .flat_map(|options| {
                ["1", "0", "$(lsns -l -n -t pid -o PID | tail -n 1)", "$(lsns -l -n -t user -o PID | tail -n 1)"]
                    .map(|pid| format!("{options} -p {pid}"))
            })
            .chain(["-p 1 -p 2 -t uts".to_owned()])
            .collect();
    let scene = format!("{ODD}{SCENE}");
    options_same(session, &scene, &options.iter().map(String::as_str).collect::<Vec<_>>());
}

fn processes_of_one_namespace(session: &Session) {
    let options: Vec<String> = [
        "",
        "-l",
        "-n",
        "-r",
        "-J",
        "-J -l",
        "-T",
        "-Tparent",
        "-Tprocess",
        "--output-all",
        "-o PID",
        "-o +PATH",
        "-o NS,TYPE,NPROCS,PATH,UID",
        "-t net",
        "-t uts",
        "-u -W",
    ]
    .iter()
    // Those that lsns itself is not in: its own id is another one each time.
    .flat_map(|options| {
        ["$(of net 2)", "$(of user 2)", "$(of pid 2)", "$(of uts 3) extra"].map(|ns| format!("{options} {ns}"))
    })
    .collect();
    let scene = format!("{ODD}{SCENE}");
    options_same(session, &scene, &options.iter().map(String::as_str).collect::<Vec<_>>());
}

fn raw(session: &Session) {
    let options = [
        "-r",
        "-r -n",
        "-r -l",
        "-r -T",
        "-r -Tparent",
        "-r --output-all",
        "-r -t net",
        "-r -T -t uts -o USER,PID,COMMAND",
    ];
    options_same(session, &scene(), &options);
}

fn json(session: &Session) {
    let scene = format!("{ODD}{SCENE}");
    let options = [
        "-J -l",
        "-J -T",
        "-J -Tparent",
        "-J -Tprocess",
        "-J --output-all -l",
        "-J --output-all -T",
        "-J --output-all",
        "-J -l -t net",
        "-J -T -t uts -o UID,USER,PPID,PID,NPROCS,PATH,PNS,ONS,NETNSID,NSFS,COMMAND",
        "-J -T -t uts -o NS,UID,COMMAND",
        "-J -Tprocess -o NS",
        "-J -n -t time -l",
        "--json --list",
    ];
    options_same(session, &scene, &options);
    // A parser of its own agrees that it is JSON.
    for (line, [_, nsx]) in in_scene(session, &scene, &["lsns -J", "lsns -J -T --output-all", "lsns -J -l -t uts"]) {
        let text: Vec<u8> = nsx.stdout.chars().map(|byte| byte as u8).collect();
        let value: Value = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(value["namespaces"].as_array().is_some_and(|rows| !rows.is_empty()), "{line}");
    }
}

fn without_utf8(session: &Session) {
    for locale in ["LC_ALL=C", "LC_ALL= LC_CTYPE=C.UTF-8 LANG=C", "LC_ALL= LANG=C", "LC_ALL=POSIX LANG=C.UTF-8"] {
        let lines = ["", "-T", "-r", "-J -T -t net", "-t net"].map(|options| format!("{locale} lsns {options}"));
        all_same(session, &scene(), &lines.each_ref().map(String::as_str));
    }
}

/// Runs lsns on a terminal of that width.
fn on_terminal(width: &str, options: &str) -> String {
    format!("script -qec 'stty cols {width} -opost; lsns {options}' /dev/null")
}

fn terminals(session: &Session) {
    let mut lines = Vec::new();
    for width in ["80", "40", "160"] {
        for options in ["", "-l", "-T", "-Tparent", "-n", "-u", "-t net", "--output-all", "-r", "-J -l -t net"] {
            lines.push(on_terminal(width, options));
        }
    }
    for width in ["60", "61", "62", "63"] {
        lines.push(on_terminal(width, "-o COMMAND,NS,COMMAND"));
        lines.push(on_terminal(width, "-T -o COMMAND,NS,COMMAND,COMMAND"));
    }
    lines.extend(["1", "20", "500", "0"].map(|width| on_terminal(width, "-o PID,COMMAND,TYPE")));
    // What the variable says of the width is not believed.
    lines.push(format!("COLUMNS=30 {}", on_terminal("70", "")));
    lines.push("COLUMNS=30 lsns".to_owned());
    all_same(session, &scene(), &lines.iter().map(String::as_str).collect::<Vec<_>>());
}

const WITH_PINS: &[&str] = &[
    "-t net",
    "-t net -l",
    "-t net -W",
    "-t net -r",
    "-t net -n",
    "-t net -T",
    "-t net -J -l",
    "-t net -T -t user -o NS,NSFS,COMMAND,PID,NS",
    "-o NSFS",
    "-o NS,NSFS -l",
    "-o NSFS,COMMAND",
    "-o NSFS,COMMAND,NSFS",
    "-o NSFS,COMMAND,PID",
    "-o NSFS,NSFS,COMMAND,NSFS,USER",
    "-t net -o NS,NSFS,NS",
    "--output-all",
    "--output-all -T",
    "--output-all -r",
];

fn pinned_namespaces(session: &Session) {
    options_same(session, &(scene() + PINS), WITH_PINS);
}

fn pinned_namespaces_on_terminals(session: &Session) {
    let lines: Vec<String> = ["80", "40", "160"]
        .iter()
        .flat_map(|width| WITH_PINS.iter().map(|options| on_terminal(width, options)))
        .collect();
    all_same(session, &(format!("{ODD}{SCENE}{PINS}")), &lines.iter().map(String::as_str).collect::<Vec<_>>());
}

fn users(session: &Session) {
    let scene = scene()
        + "as() { setpriv --reuid=$1 --regid=$1 --clear-groups \"${@:2}\"; }; \
           as 4242 unshare -r unshare -Ur unshare -npf sleep 1000 & as 1 unshare -r sleep 1000 & as 4242 sleep 1000 & \
           until [ $(sleeps) -eq 12 ]; do :; done; ";
    let options = [
        "",
        "-l -o +UID",
        "-T",
        "-T -t net -o NS,USER,UID,PID",
        "-Tparent -t pid -o NS,USER,UID,PID",
        "-J -T -t net -o NS,USER,UID,PID",
        "-p $(lsns -l -n -t net -o PID | tail -n 1) -t pid -T",
    ];
    options_same(session, &scene, &options);
}

fn numbers_of_network_namespaces(session: &Session) {
    let scene = scene()
        + "mount -t tmpfs none /run && mkdir /run/netns && ip netns add one && ip netns add two && ip netns set two 77 && \
           for name in one two; do ip netns exec $name sleep 1000 & done; until [ $(sleeps) -eq 11 ]; do :; done; ";
    let options = ["-t net", "-t net -l -o NETNSID,NS", "-t net -J -l", "-t net -r -o NETNSID,NSFS", "-o NS,NETNSID"];
    options_same(session, &scene, &options);
}

/// What nsx gives, and util-linux where it is new enough, in a scene with pins and with what `more` does.
#[track_caller]
fn nsx_gives(session: &Session, more: &str, lines: &[(&str, &str)]) {
    let scene = format!("{ODD}{SCENE}{PINS}{more}");
    let all: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    for ((line, [original, nsx]), (_, expected)) in in_scene(session, &scene, &all).into_iter().zip(lines) {
        let given = |seen: &Seen| format!("{}{}", seen.stdout, seen.stderr);
        assert_eq!(given(&nsx), *expected, "nsx (left) and the reference (right): {line}");
        if Need::UtilLinux(2, 41).is_met() {
            assert_eq!(given(&original), *expected, "util-linux (left) and the reference (right): {line}");
        }
    }
}

fn filters(session: &Session) {
    nsx_gives(
        session,
        "",
        &[
            ("lsns -l -n -o TYPE -Q 'TYPE == \"time\" && PID == 1'", "time\n"),
            ("lsns -l -n -o TYPE -Q 'PID EQ 1 AND NOT (TYPE =~ \"^[^p]\")'", "pid\n"),
            ("lsns -l -n -o TYPE,PID -Q 'NS > 4G'", ""),
            ("lsns -l -r -n -o PID -Q 'PPID == 0 && type == \"net\"'", "1\n"),
            ("lsns -l -n -t net -o NSFS -W -Q 'NSFS =~ \"b c\"'", "/mnt/a,/mnt/b c,/mnt/longer-than-the-others-are\n"),
            ("lsns -J -l -t net -o PID -Q 'COMMAND =~ \"nothing[ ]such\"'", "{\n   \"namespaces\": [\n\n   ]\n}\n"),
            ("lsns -n -o PID -Q 'NPROCS >= 1K || false' && lsns -Q 'PNS == \"x\"'", ""),
            ("lsns -Q 'NS =='", "lsns: failed to parse \"NS ==\": syntax error, unexpected end of file\n"),
            ("lsns -Q 'FOO == 1'; echo $?", "1\nlsns: unknown column: FOO\nlsns: failed to initialize filter\n"),
            ("lsns -Q ''; echo $?", "1\nlsns: failed to parse \"\": syntax error, unexpected end of file\n"),
        ],
    );
}

fn namespaces_without_a_process(session: &Session) {
    let made = ": >/mnt/empty; : >/mnt/quiet; unshare --net=/mnt/empty true; unshare --uts=/mnt/quiet true";
    let null = "{\n   \"namespaces\": [\n      {\n         \"pid\": null,\n         \"user\": \"root\",\n         \
                \"command\": null\n      }\n   ]\n}\n";
    nsx_gives(
        session,
        made,
        &[
            ("lsns -P -n -o TYPE,NPROCS,PID,USER,NSFS -t net", "net       0     root /mnt/empty\n"),
            (
                "lsns -P -r -n -o TYPE,NPROCS,PID,PPID,USER,UID,PATH,COMMAND,NSFS | sort",
                "net 0   root 0   /mnt/empty\nuts 0   root 0   /mnt/quiet\n",
            ),
            ("lsns -P -J -l -t uts -o PID,USER,COMMAND", null),
            ("lsns -n -l -t net -o NS | grep -c $(stat -c %i /mnt/empty)", "1\n"),
            ("lsns $(stat -c %i /mnt/empty); echo $?", "0\n"),
            ("lsns -p 1 -n -l -o NS | grep -c $(stat -c %i /mnt/quiet)", "0\n"),
            ("lsns -P -n -T -t net -o TYPE,NPROCS,NSFS -r -Q 'TYPE == \"net\"'", "net 0 /mnt/empty\n"),
        ],
    );
}

/// What lies over a pinned namespace is not opened: a FIFO would never answer.
fn a_covered_pin_holds_nobody_up(session: &Session) {
    let scene = format!(
        "{ODD}{SCENE}{PINS}: >/mnt/covered; unshare --net=/mnt/covered true; mkfifo /mnt/fifo; mount --bind /mnt/fifo /mnt/covered"
    );
    let lines = [
        "timeout 9 lsns -P -r -n -o TYPE,USER,NSFS",
        "timeout 9 lsns -T -n -o TYPE,NSFS -r -Q 'NPROCS == 0 && TYPE == \"net\"'",
    ];
    for (line, [_, nsx]) in in_scene(session, &scene, &lines) {
        assert_eq!(nsx.status, "0", "{line}: {}", shown(&nsx));
        assert!(nsx.stdout.starts_with("net ") && nsx.stdout.ends_with(" /mnt/covered\n"), "{line}: {}", shown(&nsx));
    }
}

fn a_namespace_that_only_a_thread_is_in(session: &Session) {
    let holder = session.original_unshare("--uts sleep 1000").start();
    let sleep = holder.program("sleep");
    let path = format!("/proc/{}/ns/uts", sleep.id());
    let link = std::fs::read_link(&path).unwrap().to_string_lossy().into_owned();
    let inode = link.trim_start_matches("uts:[").trim_end_matches(']').to_owned();
    let file = std::fs::File::open(&path).unwrap();
    let (entered, id) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        let kind = rustix::thread::LinkNameSpaceType::HostNameAndNISDomainName;
        rustix::thread::move_into_link_name_space(file.as_fd(), Some(kind)).unwrap();
        entered.send(rustix::thread::gettid().as_raw_nonzero().get()).unwrap();
        let _ = left.recv();
    });
    let tid = id.recv().unwrap();
    holder.signal(Signal::KILL);
    holder.wait();
    let script = format!("lsns -n -r -l -t uts -o NPROCS,PID,PATH -Q 'NS == {inode}'");
    let seen = run(session, Side::Nsx, &script);
    drop(leave);
    thread.join().unwrap();
    assert_eq!(seen.stdout, format!("0 {tid} /proc/N/ns/uts\n"), "{}", seen.stderr);
}

fn columns_are_listed(session: &Session) {
    let names = "NS\nTYPE\nPATH\nNPROCS\nPID\nPPID\nCOMMAND\nUID\nUSER\nNETNSID\nNSFS\nPNS\nONS\n";
    assert_gives(session, (2, 41), "lsns -H -r | cut -d ' ' -f 1 | grep -v HOLDER", 0, names, "");
    for side in SIDES.into_iter().filter(|side| *side == Side::Nsx || Need::UtilLinux(2, 41).is_met()) {
        let columns: Value = serde_json::from_str(&run(session, side, "lsns -J -H").stdout).unwrap();
        let columns = columns["lsns-columns"].as_array().unwrap();
        let types: Vec<_> = columns.iter().map(|column| column["type"].as_str().unwrap()).collect();
        let (number, text) = ("<integer>", "<string>");
        let expected = [number, text, text, number, number, number, text, number, text, text, text, number, number];
        assert_eq!(types, expected, "{side:?}");
        assert!(columns.iter().all(|column| column["description"].as_str().is_some_and(|text| !text.is_empty())));
    }
    let text = run(session, Side::Nsx, "lsns --list-columns").stdout;
    assert_eq!(text.lines().count(), 13);
}

fn json_on_one_line(session: &Session) {
    nsx_gives(
        session,
        "",
        &[
            ("LIBSMARTCOLS_JSON=lines lsns -J -l -t time -o type,pid -Q 'PID == 1'", "{\"type\":\"time\",\"pid\":1}\n"),
            ("LIBSMARTCOLS_JSON=lines lsns -J -l -t time -o NS -Q 'PID == 0'", ""),
        ],
    );
    let line = "LIBSMARTCOLS_JSON=compact lsns -J -T -o TYPE,NS";
    let pretty = line.replace("LIBSMARTCOLS_JSON=compact ", "");
    let seen = in_scene(session, &format!("{ODD}{SCENE}"), &[line, &pretty]);
    let [compact, pretty] = [0, 1].map(|place: usize| serde_json::from_str::<Value>(&seen[place].1[1].stdout).unwrap());
    assert_eq!(compact, pretty);
    assert_eq!(seen[0].1[1].stdout.lines().count(), 1);
}
