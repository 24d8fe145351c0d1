//! Wrong usage, help, and plans that are printed and not run.

use crate::support::{Need, Session, Test, both, procfs};
use std::fs;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(an_unknown_command_is_refused),
        both(help_goes_to_standard_output),
        both(an_unknown_option_runs_nothing),
        both(a_command_without_a_kind_runs_nothing),
        both(a_misspelt_option_is_answered_with_the_right_one),
        both(a_command_of_an_engine_is_answered_with_that_of_nsx),
        both(a_value_without_its_equals_sign_is_answered_with_it),
        both(an_invalid_filter_is_answered_with_a_valid_one).needs([Need::Namespaces]),
        both(an_option_of_lsns_is_answered_with_that_of_nsx),
        both(options_after_the_program_belong_to_the_program).needs([Need::Namespaces]),
        both(an_invalid_value_of_an_option_is_refused),
        both(a_negative_number_never_becomes_the_program),
        both(a_target_is_named_only_once).needs([Need::Namespaces]),
        both(options_of_docker_exec_are_answered_with_those_of_nsx).needs([Need::Namespaces]),
        both(an_omitted_target_is_told_apart_from_a_missing_one),
        both(without_a_program_the_users_shell_runs).needs([Need::Namespaces]),
    ]
}

const COMMANDS: [&str; 6] = ["unshare", "enter", "ls", "pidmap", "pin", "rm"];

fn an_unknown_command_is_refused(session: &Session) {
    session.nsx("bogus").run().exited(2).says(&["bogus"]);
    session.nsx("--bogus").run().exited(2).says(&["--bogus"]);
    session
        .nsx("unshar --uts touch ran")
        .run()
        .exited(2)
        .says(&["unshare"]);
    session.command("nsx").run().exited(2).says(&COMMANDS);
    assert!(!session.path("ran").exists());
}

fn help_goes_to_standard_output(session: &Session) {
    for words in ["-h", "--help", "help"] {
        let text = session.nsx(words).output();
        COMMANDS
            .iter()
            .for_each(|command| assert!(text.contains(command), "{words}: {text}"));
    }
    for command in COMMANDS {
        let [short, long] =
            ["-h", "--help"].map(|option| session.nsx(&format!("{command} {option}")).output());
        assert!(short.contains(&format!("nsx {command}")), "{short}");
        assert!(
            short.len() < long.len(),
            "-h is short, --help whole: {command}"
        );
        assert_eq!(session.nsx(&format!("help {command}")).output(), long);
    }
    for words in ["--version", "-V", "ls -V", "enter --version"] {
        let version = session.nsx(words).output();
        assert!(version.starts_with("nsx "), "{words}: {version}");
    }
    let enter = session.nsx("enter -h").output();
    let (_, files) = enter.split_once("\nFiles and terminal:\n").unwrap();
    let (files, _) = files.split_once("\n\n").unwrap();
    for option in ["--host-tools", "--no-fix", "--pty", "--preserve-fds"] {
        assert!(files.contains(option), "{option}: {files}");
    }
}

/// Runs nsx, which must refuse with this status and these words, and run nothing.
#[track_caller]
fn assert_refused(session: &Session, words: &str, status: i32, says: &[&str]) {
    let outcome = session
        .nsx(&format!("{words} touch ran"))
        .run()
        .exited(status)
        .says(says);
    assert_eq!(outcome.text(), "", "nothing on standard output");
    assert!(!session.path("ran").exists(), "the program ran");
}

fn an_unknown_option_runs_nothing(session: &Session) {
    assert_refused(session, "unshare --bogus", 125, &["--bogus", "--help"]);
    assert_refused(session, "unshare --uts --bogus", 125, &["--bogus"]);
    assert_refused(session, "unshare -uZ", 125, &["-Z"]);
    assert_refused(session, "enter 1 --bogus", 125, &["--bogus", "--help"]);
    assert_refused(session, "ls --bogus", 2, &["--bogus"]);
    assert_refused(session, "pidmap --bogus", 2, &["--bogus"]);
}

fn a_command_without_a_kind_runs_nothing(session: &Session) {
    for words in ["unshare", "unshare --", "unshare --fork"] {
        let stderr = String::from_utf8(
            session
                .nsx(&format!("{words} touch ran"))
                .run()
                .exited(125)
                .stderr,
        )
        .unwrap();
        assert!(
            ["--all", "--pid", "--mount"]
                .iter()
                .any(|option| stderr.contains(option)),
            "{words}: {stderr}"
        );
        assert!(!session.path("ran").exists(), "the program ran");
    }
    session.nsx("unshare").run().exited(125);
}

fn a_misspelt_option_is_answered_with_the_right_one(session: &Session) {
    assert_refused(session, "unshare --hostnam box", 125, &["--hostname"]);
    assert_refused(session, "unshare --nett", 125, &["--net"]);
    assert_refused(session, "unshare --map-root-usr", 125, &["--map-root-user"]);
    assert_refused(session, "ls --jsn", 2, &["--json"]);
}

fn a_command_of_an_engine_is_answered_with_that_of_nsx(session: &Session) {
    for (typed, says) in [
        ("exec -it web sh", "`nsx enter web sh`"),
        ("exec -u root web sh", "`nsx enter TARGET [PROGRAM]`"),
        ("attach web", "`nsx enter web`"),
        ("ps", "`nsx ls --pids`"),
        ("top web", "`nsx ls --pids -p web`"),
        ("inspect web", "`nsx ls web`"),
        ("list", "`nsx ls`"),
        ("lsns -t net", "`nsx compat lsns`"),
        ("run -it debian", "`nsx unshare`"),
        ("kill web", "kill(1)"),
        ("logs web", "engine"),
    ] {
        let outcome = session
            .nsx(typed)
            .run()
            .exited(2)
            .says(&["unrecognized subcommand", says]);
        assert!(
            !String::from_utf8_lossy(&outcome.stderr).contains("similar"),
            "{typed}: {outcome}"
        );
    }
    // No typed text acts on a terminal.
    let outcome = session
        .command("nsx exec web")
        .arg("\u{1b}[31m")
        .run()
        .exited(2);
    assert!(!outcome.stderr.contains(&0x1b), "{outcome}");
}

fn a_value_without_its_equals_sign_is_answered_with_it(session: &Session) {
    for (typed, says) in [
        ("ls --tree pid", "type --tree=pid"),
        ("ls --tree Parent", "type --tree=Parent"),
        ("ls --watch 5", "type --watch=5"),
        ("ls -q --watch 0.5", "type --watch=0.5"),
    ] {
        session.nsx(typed).run().exited(2).says(&["TARGET", says]);
    }
}

fn an_invalid_filter_is_answered_with_a_valid_one(session: &Session) {
    for (typed, says) in [
        ("SEEN = 1", "-Q 'SEEN == 1'"),
        ("TYPE == net", "-Q 'TYPE == \"net\"'"),
        (
            "TYPE = uts & NPROC => 1",
            "-Q 'TYPE == \"uts\" && NPROCS >= 1'",
        ),
        ("COMMAND =~ ^[a-z]+", "-Q 'COMMAND =~ \"^[a-z]+\"'"),
        (
            "TYPE == 'net' | TYPE == 'uts'",
            "-Q \"TYPE == 'net' || TYPE == 'uts'\"",
        ),
    ] {
        let outcome = session
            .nsx("ls -a -Q")
            .arg(typed)
            .run()
            .exited(2)
            .says(&[says]);
        let stderr = String::from_utf8_lossy(&outcome.stderr);
        let (_, proposed) = stderr.trim_end().split_once("  type ").unwrap();
        // A host may not have such a row.
        let status = session
            .shell(&format!("nsx ls -q -a {proposed}"))
            .run()
            .status();
        assert!(
            ["exit status: 0", "exit status: 1"].contains(&status.as_str()),
            "{proposed}: {status}"
        );
    }
    session
        .nsx("ls -Q BOGUS==1")
        .run()
        .exited(2)
        .says(&["unknown column: BOGUS", "--columns"]);
    session
        .nsx("ls --pids -Q PPDI==1")
        .run()
        .exited(2)
        .says(&["-Q 'PPID==1'"]);
    session
        .nsx("ls -o ns,nproc")
        .run()
        .exited(2)
        .says(&["NPROCS?"]);
}

fn an_option_of_lsns_is_answered_with_that_of_nsx(session: &Session) {
    for (typed, says) in [
        ("-J", "--json"),
        ("-l", "--all"),
        ("-P", "NPROCS == 0"),
        ("--format json", "--json"),
    ] {
        let outcome = session
            .nsx(&format!("ls {typed}"))
            .run()
            .exited(2)
            .says(&[says]);
        let stderr = String::from_utf8_lossy(&outcome.stderr);
        assert!(
            !stderr.contains("as a value") && !stderr.contains("--from"),
            "{stderr}"
        );
    }
}

fn options_after_the_program_belong_to_the_program(session: &Session) {
    for separator in ["", "-- "] {
        let output = session
            .unshare(&format!("--uts {separator}echo --bogus -r -- --uts"))
            .output();
        assert_eq!(output, "--bogus -r -- --uts");
    }
}

fn a_negative_number_never_becomes_the_program(session: &Session) {
    let options = [
        "unshare --uts --status-fd -1",
        "unshare --uts -S -1",
        "enter 1 --preserve-fds -1",
        "enter --all-of web --jobs -1",
        "enter 1 -S -1",
    ];
    for words in options {
        let outcome = session.nsx(&format!("{words} touch ran")).run();
        let stderr = String::from_utf8_lossy(&outcome.stderr).into_owned();
        assert!(
            stderr.contains("-1") && !stderr.contains("-- -1"),
            "{words}: {stderr}"
        );
        assert!(!session.path("ran").exists(), "the program ran");
        outcome.exited(125);
    }
}

/// Checks that `nsx enter` takes exactly one TARGET, from the first operand or from `-t`, and never
/// the wrong one.
fn a_target_is_named_only_once(session: &Session) {
    let sleep = session.original_unshare("--uts --net sleep 100").start();
    let id = sleep.program("sleep").id();
    for words in [
        format!("enter self -t {id}"),
        format!("enter 1 --target={id} --uts"),
        format!("enter 1 -ut {id}"),
        "enter 1 --all-of no-such-name".to_owned(),
    ] {
        assert_refused(session, &words, 125, &["twice", "Usage"]);
    }
    let user = if session.is_root() { "" } else { "U" };
    for words in [
        format!("-{user}ut {id}"),
        format!("-t{id} -u{user}"),
        format!("-u{user} -t {id}"),
    ] {
        let uts = session
            .nsx(&format!("enter {words} readlink /proc/self/ns/uts"))
            .output();
        assert_eq!(uts, procfs::ns(id, "uts"), "{words}");
    }
    let all = session.nsx("enter --all-of no-such-name").run().exited(125);
    all.says(&["PROGRAM", "Usage"]);
    assert_refused(
        session,
        "enter --all-of no-such-name -j 0",
        125,
        &["0", "--jobs"],
    );
}

/// Checks options of `docker exec` that nsx lacks or that mean something else: nsx names the right
/// option, and runs nothing.
fn options_of_docker_exec_are_answered_with_those_of_nsx(session: &Session) {
    let sleep = session.original_unshare("--uts --ipc sleep 100").start();
    let id = sleep.program("sleep").id();
    for (words, meant) in [
        (format!("-it {id}"), format!("nsx enter {id} touch")),
        (format!("-ti {id}"), format!("nsx enter {id} touch")),
        (format!("{id} -it"), format!("nsx enter {id} touch")),
        (
            "-itu ada web".to_owned(),
            "nsx enter web --user ada touch".to_owned(),
        ),
        (
            "-it -e A=B web".to_owned(),
            "nsx enter web --env A=B touch".to_owned(),
        ),
        ("-t -i web".to_owned(), "nsx enter web touch".to_owned()),
        (format!("{id} -e A=B"), "--env NAME=VALUE".to_owned()),
        (format!("{id} --tty"), "at a terminal".to_owned()),
        (format!("{id} --workdir /"), "--wd DIR".to_owned()),
    ] {
        assert_refused(session, &format!("enter {words}"), 125, &[&meant]);
    }
    // Apart, the letters are options of nsx, and after the program they belong to it.
    let user = if session.is_root() { "" } else { "-U " };
    let ipc = session
        .nsx(&format!(
            "enter {user}-i -t {id} readlink /proc/self/ns/ipc /proc/self/ns/uts"
        ))
        .output();
    assert_eq!(
        ipc,
        format!("{}\n{}", procfs::ns(id, "ipc"), procfs::ns("self", "uts"))
    );
    assert_eq!(
        session.nsx(&format!("enter {id} echo -it -e")).output(),
        "-it -e"
    );
    // A user's name after -u is taken for the program, or for TARGET.
    for (words, status) in [
        (format!("{id} {user}-u no-such-user"), 127),
        ("-u no-such-user web".to_owned(), 125),
    ] {
        assert_refused(
            session,
            &format!("enter {words}"),
            status,
            &["-u is --uts", "--user no-such-user"],
        );
    }
    assert_refused(
        session,
        &format!("enter {id} -uno-such-user"),
        125,
        &["--user no-such-user"],
    );
    // A program that is missing for another reason, and a status of the program's own, get no such
    // hint.
    for words in [
        format!("{id} {user}--uts no-such-program"),
        format!("{id} {user}-u -- sh -c exit\\ 127"),
    ] {
        let outcome = session
            .shell(&format!("exec nsx enter {words}"))
            .run()
            .exited(127);
        assert!(
            !String::from_utf8_lossy(&outcome.stderr).contains("--user"),
            "{outcome}"
        );
    }
}

/// A variable for the target may be empty, or hold two words.
fn an_omitted_target_is_told_apart_from_a_missing_one(session: &Session) {
    let enter = |words: &str| {
        session
            .shell(&format!("exec nsx enter {words}"))
            .run()
            .exited(125)
    };
    for words in [
        "$unset --net -- touch ran",
        "$unset -- touch ran",
        "$unset -v --net -- touch ran",
    ] {
        enter(words).says(&["no TARGET", "touch stands after --", "empty"]);
    }
    enter("$unset --net").says(&["no TARGET"]);
    for words in [
        "$unset touch ran",
        "$unset --net touch ran",
        "$unset /usr/bin/touch ran",
        "-t $unset touch ran",
    ] {
        let outcome = enter(words);
        let is_named = words.starts_with("-t");
        assert_eq!(
            String::from_utf8_lossy(&outcome.stderr).contains("touch is a program"),
            !is_named,
            "{outcome}"
        );
    }
    enter("$unset --net ss -lnt").says(&["ss is taken for TARGET", "-l"]);
    for words in [
        "'' --net -- touch ran",
        "-t '' -- touch ran",
        "--target=$unset touch ran",
        "docker:$unset touch ran",
    ] {
        enter(words).says(&["names nothing", "variable", "empty"]);
    }
    for (word, says) in [
        ("77\n78", "two lines"),
        ("web\ndb\nx\n", "3 lines"),
        ("77 78", "two words"),
        ("a\nb:c", "two lines"),
    ] {
        for words in ["enter", "enter -t"] {
            session
                .nsx(words)
                .arg(word)
                .arg("true")
                .run()
                .exited(125)
                .says(&[says]);
        }
        session
            .nsx("pidmap --from")
            .arg(word)
            .arg("1")
            .run()
            .says(&[says]);
    }
    // A word that is not the program is not called a program.
    let outcome = enter("no-such-name touch ran");
    assert!(
        !String::from_utf8_lossy(&outcome.stderr).contains("program"),
        "{outcome}"
    );
    assert!(!session.path("ran").exists(), "the program ran");
}

fn an_invalid_value_of_an_option_is_refused(session: &Session) {
    assert_refused(
        session,
        &format!("unshare --hostname {}", "x".repeat(65)),
        125,
        &["64"],
    );
    assert_refused(
        session,
        "unshare --mount --propagation both",
        125,
        &["both", "slave"],
    );
}

fn without_a_program_the_users_shell_runs(session: &Session) {
    let script = b"readlink /proc/$$/exe /proc/$$/ns/uts\n";
    for shell in ["/bin/sh", "/bin/bash"] {
        let output = session
            .unshare("--uts")
            .env("SHELL", shell)
            .input(script)
            .output();
        let (program, namespace) = output.split_once('\n').unwrap();
        assert_eq!(program, fs::canonicalize(shell).unwrap().to_str().unwrap());
        assert_ne!(namespace, procfs::ns("self", "uts"));
    }
}
