//! Names chosen to mislead, in every view of `nsx ls`; and mounts that hang, which no view may
//! touch.

use crate::support::{Need, Process, Session, Test, both, hang, procfs, root, until};
use serde_json::Value;
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    let tests = vec![
        both(no_name_acts_on_a_terminal_or_breaks_a_document).needs([Need::Tool("perl")]),
        both(no_name_acts_on_the_terminal_of_a_watch).needs([Need::Tool("perl")]),
        root(a_mount_that_hangs_keeps_nobody_waiting).needs([Need::Fuse]),
        both(a_foreign_census_is_refused_or_shown_safely),
    ];
    tests
        .into_iter()
        .map(|test| test.needs([Need::Namespaces]))
        .collect()
}

/// Control characters, a terminal title, marks of bidirectional text, special characters of graph
/// languages, shells and XML, and bytes that are not UTF-8.
const NAME: &[u8] =
    b"n\x1b]2;evil\x07\x1b[31m\r\n\xe2\x80\xae\xe2\x81\xa6\"']<b>&amp;#34;\\l\xc2\x9b\xef\xbf\xbe\xff\xfee";

/// A process in its own namespaces, with the host name, a mount point and its own name set to
/// [`NAME`]. Its standard output is the inode number of the pinned namespace.
fn misnamed(session: &Session) -> Process {
    let hex: String = NAME.iter().map(|byte| format!("{byte:02x}")).collect();
    let script = format!(
        "my $name = pack(\"H*\", \"{hex}\"); $| = 1;
        syscall({sethostname}, $name, length $name) == 0 or die $!; mkdir $name or die $!; chdir \
        $name; open(F, \">\", $name);
        system({{ \"unshare\" }} \"unshare\", \"--ipc=$name\", \"true\") == 0 or die; print \
        +(stat($name))[1], \"\\n\";
        exec {{ \"sleep\" }} $name, \"100\"",
        sethostname = libc::SYS_sethostname
    );
    let mut command = session.original_unshare("--uts --mount --propagation private perl -e");
    command = command.arg(script);
    command.start()
}

#[track_caller]
fn assert_safe(what: &str, text: &str) {
    let acts = |character: char| {
        (character.is_control() && character != '\n')
            || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
    };
    assert!(!text.contains(acts), "{what}: {text:?}");
}

fn no_name_acts_on_a_terminal_or_breaks_a_document(session: &Session) {
    let process = misnamed(session);
    let pin = process.line();
    let sleep = process.program("sleep");
    let uts = procfs::ns(sleep.id(), "uts");
    let inode = uts.split(['[', ']']).nth(1).unwrap();
    let mut texts = Vec::new();
    // From its mount namespace too, in which the mount point exists.
    for prefix in [
        "",
        &format!("nsenter --preserve-credentials -U -m -t {} ", sleep.id()),
    ] {
        let prefix = if session.is_root() {
            prefix.replace(" -U", "")
        } else {
            prefix.to_owned()
        };
        for words in [
            "ls",
            "ls --all -o all",
            "ls --deep -o all",
            "ls --tree -o all",
            "ls --tree=process",
            "ls --tree=pid",
            "ls --pids --all -o all",
            &format!("ls --why ipc:[{pin}]"),
            &format!("ls --why {uts}"),
            &format!("ls {}", sleep.id()),
            "ls --graph dot",
            "ls --graph mermaid",
            "ls --graph svg",
            "ls --all -o all --json",
            "ls --all -o all --json-lines",
            "ls --pids --all -o all --json",
        ] {
            let text = session.command(&format!("{prefix}nsx {words} -q")).output();
            assert_safe(words, &text);
            texts.push((words.to_owned(), text));
        }
    }
    let shown = |view: &str, part: &str| {
        let (_, text) = texts.iter().rev().find(|(words, _)| words == view).unwrap();
        assert!(text.contains(part), "{part} in {view}: {text}");
    };
    let escaped = r#"n\x1b]2;evil\x07\x1b[31m\x0d\x0a\u{202e}\u{2066}"']<b>&amp;#34;\l\u{9b}\u{fffe}\xff\xfee"#;
    for view in [
        "ls --all -o all",
        "ls --deep -o all",
        "ls --tree -o all",
        "ls --pids --all -o all",
    ] {
        shown(view, escaped);
    }
    shown(&format!("ls --why ipc:[{pin}]"), escaped);
    shown("ls --tree=process", inode);

    let dot = &texts
        .iter()
        .find(|(words, _)| words == "ls --graph dot")
        .unwrap()
        .1;
    for line in dot.lines().filter(|line| line.contains("label=")) {
        // The label ends at its closing quote.
        let label = line.split_once("[label=\"").unwrap().1;
        let mut escapes = false;
        let end = label.char_indices().find(|(_, letter)| {
            let ends = *letter == '"' && !escapes;
            escapes = *letter == '\\' && !escapes;
            ends
        });
        let rest = &label[end.unwrap().0..];
        assert!(
            matches!(
                rest,
                "\"];"
                    | "\", style=filled, fillcolor=\"#eef3fb\"];"
                    | "\", style=dashed, constraint=false];"
            ),
            "{line}"
        );
    }
    assert!(dot.contains(r"n\\x1b]2;evil"), "{dot}");
    let mermaid = &texts
        .iter()
        .find(|(words, _)| words == "ls --graph mermaid")
        .unwrap()
        .1;
    for line in mermaid.lines().filter(|line| line.contains("[\"")) {
        let label = line
            .split_once("[\"")
            .unwrap()
            .1
            .strip_suffix("\"]")
            .unwrap()
            .replace("<br>", "");
        assert!(
            !label.contains(['"', '<', '>', '&', '[', ']', '\\']),
            "{line}"
        );
    }
    assert!(
        mermaid.contains("n#92;x1b#93;2;evil") || mermaid.contains("n#92;x1b#93;2#59;evil"),
        "{mermaid}"
    );
    let svg = &texts
        .iter()
        .find(|(words, _)| words == "ls --graph svg")
        .unwrap()
        .1;
    let entities = ["amp;", "lt;", "gt;", "quot;"];
    assert!(
        svg.split('&')
            .skip(1)
            .all(|rest| entities.iter().any(|entity| rest.starts_with(entity))),
        "{svg}"
    );
    let tags = [
        "svg", "/svg", "title", "/title", "rect", "path", "g", "/g", "text", "/text",
    ];
    let tag = |rest: &str| rest.split([' ', '>']).next().unwrap_or_default().to_owned();
    assert!(
        svg.split('<')
            .skip(1)
            .all(|rest| tags.contains(&&*tag(rest))),
        "{svg}"
    );
    assert!(svg.contains("&lt;b&gt;&amp;amp;#34;"), "{svg}");

    // JSON has the kernel's bytes as far as they are text, with harmless characters only.
    shown(
        "ls --all -o all --json",
        r#"\u001b]2;evil\u0007\u001b[31m\r\n\u202e\u2066\"']<b>&amp;#34;\\l\u009b\ufffe"#,
    );
    let json = |words: &str| -> Value {
        let outcome = session
            .nsx(&format!("ls {words} -q --json"))
            .run()
            .exited(0);
        serde_json::from_slice(&outcome.stdout).unwrap()
    };
    let name = String::from_utf8_lossy(NAME);
    let document = json("--all -o all");
    let row = document["namespaces"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["ns"] == inode.parse::<u64>().unwrap())
        .unwrap();
    assert_eq!(
        (&row["hostname"], &row["command"]),
        (&(*name).into(), &format!("{name} 100").into())
    );
    let why = json(&format!("--why ipc:[{pin}]"));
    let point = format!("{}/{name}/{name}", session.directory().display());
    assert!(
        why["holders"]
            .as_array()
            .unwrap()
            .iter()
            .any(|holder| holder["point"] == point),
        "{why}"
    );
}

fn no_name_acts_on_the_terminal_of_a_watch(session: &Session) {
    let mut terminal = session.terminal();
    terminal.resize(60, 200);
    terminal.line("nsx ls --watch=0.1");
    terminal.shows("NAMESPACES");
    let watch = session.nsx("ls --watch=0.1").start();
    // Namespaces of the first look are not events.
    until("an event", || {
        drop(session.original_unshare("--uts sleep 0.3").run().exited(0));
        watch.stdout().contains(&b'\n')
    });
    let process = misnamed(session);
    process.line();
    let sleep = process.program("sleep");
    let ns = procfs::ns(sleep.id(), "uts");
    let own = format!("\"ns\":{},", ns.split(['[', ']']).nth(1).unwrap());
    until("the namespace that is created", || {
        String::from_utf8(watch.stdout()).unwrap().contains(&own)
    });
    let told = String::from_utf8(watch.stdout()).unwrap();
    assert!(
        !told.contains(|character: char| character.is_ascii_control() && character != '\n'),
        "{told:?}"
    );
    let whole = told.rsplit_once('\n').unwrap().0;
    assert!(
        whole
            .lines()
            .all(|line| serde_json::from_str::<Value>(line).is_ok()),
        "{told}"
    );
    let mut screen = terminal.shows(r"n\x1b]2;evil");
    terminal.press("q");
    screen += &terminal.prompt();
    assert!(
        !screen.contains("\x1b]2;")
            && !screen.contains("\x1b[31m")
            && !screen.contains(['\u{202e}', '\u{2066}']),
        "{screen:?}"
    );
}

fn a_mount_that_hangs_keeps_nobody_waiting(session: &Session) {
    // A mount above a pin, so that the pin's path leads through it, with a process in it; and a
    // mount beside pinned networks.
    let script =
        "mount -t tmpfs none /run; mkdir -p /run/netns/hung dir; touch dir/pin /run/netns/blue
        unshare --uts=dir/pin true; unshare --net=/run/netns/blue true; stat -c %i dir/pin
        (cd dir; exec sleep 1000) & exec \"$0\" \"$@\"";
    let tests = std::env::current_exe().unwrap();
    let server = session
        .command("unshare --mount --propagation private sh -ec")
        .arg(script)
        .arg(&tests);
    let server = server
        .arg(hang::OPTION)
        .arg(session.path("dir"))
        .arg("/run/netns/hung")
        .start();
    until("the mounts hang", || server.stdout().ends_with(b"hung\n"));
    let pin = server.line();
    // It does hang: a process that touches it gets no answer.
    let enter = format!("nsenter -m -t {} ", server.id());
    let waiting = session
        .command(&format!("{enter}stat"))
        .arg(session.path("dir/pin"))
        .start();
    std::thread::sleep(Duration::from_millis(500));
    assert!(!waiting.pinned().ended(Duration::ZERO), "{waiting}");
    for prefix in ["", &enter] {
        for (words, status) in [
            ("ls", 0),
            ("ls --all", 0),
            ("ls --deep -o all", 0),
            ("ls --tree", 0),
            ("ls --tree=process", 0),
            ("ls --tree=pid", 0),
            ("ls --pids --all", 0),
            ("ls --graph svg", 0),
            (&*format!("ls --why uts:[{pin}]"), 0),
            (&*format!("ls --deep {}", server.id()), 0),
            ("ls --why netns:nosuch", 1),
            ("enter nosuch true", 125),
            ("enter netns:nosuch true", 125),
        ] {
            let process = session.command(&format!("{prefix}nsx {words}")).start();
            process.wait_for(Duration::from_secs(15)).exited(status);
        }
    }
    session
        .command(&format!("{enter}nsx enter netns:blue true"))
        .run()
        .exited(0);
    let outcome = session
        .nsx(&format!("ls --why uts:[{pin}] --json"))
        .run()
        .exited(0);
    let document: Value = serde_json::from_slice(&outcome.stdout).unwrap();
    assert_eq!(
        document["holders"][0]["point"],
        session.path("dir/pin").to_str().unwrap()
    );
    // When the server ends, all waiting processes continue.
    drop(server);
    waiting.wait();
}

fn a_foreign_census_is_refused_or_shown_safely(session: &Session) {
    let file = session.path("census.json");
    let with = |rows: &str| {
        let text = format!(
            r#"{{"kind":"nsx census","version":1,"namespaces":[{rows}],"hidden":{{"processes":0}}}}"#
        );
        std::fs::write(&file, text).unwrap();
    };
    let from = |words: &str| session.nsx(&format!("ls {words} --from")).arg(&file).run();
    // Deeper than a JSON reader should go, in a cell and around the document.
    for nested in [
        "[".repeat(100_000),
        format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
    ] {
        with(&format!(r#"{{"ns":1,"type":"net","nsfs":{nested}}}"#));
        from("-q")
            .exited(2)
            .says(&["is not a census that nsx saved"]);
        std::fs::write(&file, nested).unwrap();
        from("-q")
            .exited(2)
            .says(&["is not a census that nsx saved"]);
    }
    // Larger than nsx reads; the file has no blocks.
    std::fs::File::create(&file)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    from("-q").exited(2).says(&["it is larger than 256 MiB"]);
    // Namespaces that own one another, and a chain far longer than the kernel allows.
    with(
        r#"{"ns":1,"type":"user","owner":2,"parent":2},{"ns":2,"type":"user","owner":1,"parent":1}"#,
    );
    for words in ["--tree --json", "--tree=parent --json", "--graph svg"] {
        assert!(from(words).exited(0).text().contains('2'));
    }
    let deep: Vec<_> = (1..4000)
        .map(|ns| format!(r#"{{"ns":{ns},"type":"user","owner":{}}}"#, ns - 1))
        .collect();
    with(&deep.join(","));
    for words in [
        "--tree",
        "--tree --json",
        "--graph dot",
        "--graph mermaid",
        "--graph svg",
    ] {
        assert!(from(words).exited(0).text().contains("3999"), "{words}");
    }
    // A saved census may have any names.
    with(
        r#"{"ns":1,"type":"uts","command":"n\u001b]2;evil\u202e","nsfs":["/\u001b[31m"],"hostname":"\u0007"}"#,
    );
    for words in [
        "-o all",
        "--tree -o all",
        "--graph dot",
        "--graph mermaid",
        "--graph svg",
    ] {
        let outcome = from(words).exited(0);
        assert_safe(words, outcome.text());
        assert!(outcome.text().contains("evil"), "{outcome}");
    }
}
