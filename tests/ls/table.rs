//! The tables of `nsx ls`, on terminals of any width and in pipes.

use crate::support::{Need, Session, Test, both, procfs, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(a_name_is_whole_on_a_narrow_terminal),
        both(an_inode_number_is_whole_on_a_narrow_terminal),
        both(a_long_command_shifts_no_column_in_a_pipe),
        both(added_columns_come_before_the_command),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces]))
    .collect()
}

fn a_name_is_whole_on_a_narrow_terminal(session: &Session) {
    let name = "a-network-with-a-name-that-is-longer-than-anybody-would-like-to-type-again";
    let script = format!(
        "mount -t tmpfs none /run && mkdir /run/netns && touch /run/netns/{name} && \
         unshare --net=/run/netns/{name} true && nsx ls -q"
    );
    std::fs::write(session.path("script"), script).unwrap();
    let mut terminal = session.terminal();
    for columns in [80, 40, 20] {
        terminal.resize(40, columns);
        terminal.line("unshare --mount sh script; echo shown");
        terminal.shows("NAME");
        let shown = terminal.shows("\r\nshown");
        assert!(
            shown.contains(&format!("\nnetns:{name}")),
            "{columns}: {shown}"
        );
        // Other lines are as wide as the terminal.
        let others = shown
            .lines()
            .filter(|line| !line.starts_with("netns:") && !line.contains('\x1b'));
        assert!(
            others.clone().count() > 1
                && others
                    .clone()
                    .all(|line| line.chars().count() <= columns.into()),
            "{shown}"
        );
    }
}

fn an_inode_number_is_whole_on_a_narrow_terminal(session: &Session) {
    let unshare = session.original_unshare("--uts sleep 100").start();
    let sleep = unshare.program("sleep");
    let ns = procfs::ns(sleep.id(), "uts");
    let inode = ns.split(['[', ']']).nth(1).unwrap();
    let mut terminal = session.terminal();
    for (columns, list) in [
        (30, "command,path,cgroup,user,ns"),
        (10, "user,type,ns"),
        (6, "ns,command"),
    ] {
        terminal.resize(40, columns);
        terminal.line(&format!(
            "nsx ls -q -Q 'PID == {}' -o {list}; echo shown",
            sleep.id()
        ));
        let shown = terminal.shows("\r\nshown");
        assert!(
            shown
                .lines()
                .any(|line| line.split(' ').any(|word| word == inode)),
            "{columns}: {shown}"
        );
    }
}

fn a_long_command_shifts_no_column_in_a_pipe(session: &Session) {
    // Like a monitor of podman's, which has more than a thousand bytes of options.
    let long = "--exit-command-arg ".repeat(100);
    let monitor = session
        .original_unshare("--uts sh -c")
        .arg("sleep 100; true")
        .arg(&long)
        .start();
    let other = session.original_unshare("--uts sleep 100").start();
    let ids = [monitor.program("sh").id(), other.program("sleep").id()];
    drop(monitor.program("sleep"));
    for words in [
        "-t uts -o ns,command,ppid,pid",
        "--pids --all -o command,pid",
        "-t uts",
        "--tree -o command,ns,pid",
    ] {
        let text = session
            .nsx(&format!("ls -q {words} -Q"))
            .arg(format!("PID == {} || PID == {}", ids[0], ids[1]));
        let text = text.output();
        assert!(
            text.contains("…") && text.lines().all(|line| line.chars().count() < 300),
            "{words}: {text}"
        );
        assert!(
            text.lines().all(|line| !line.ends_with(' ')),
            "{words}: {text}"
        );
        for id in ids.iter().filter(|_| words.ends_with(",pid")) {
            assert!(
                text.lines().any(|line| line.ends_with(&format!(" {id}"))),
                "{words}: {text}"
            );
        }
    }
    let rows = session
        .nsx(&format!("ls -q --json -t uts -Q PID=={}", ids[0]))
        .output();
    assert!(rows.contains(long.trim_end()), "JSON has all of it: {rows}");
    let groups = session.nsx("ls -q").output();
    assert!(
        groups.lines().all(|line| line.chars().count() < 400),
        "{groups}"
    );
}

fn added_columns_come_before_the_command(session: &Session) {
    let headings = |words: &str| {
        let text = session.nsx(&format!("ls -q {words}")).output();
        text.lines()
            .next()
            .unwrap()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        headings("-a -o +age,owner"),
        "NS TYPE NPROCS PID USER AGE OWNER COMMAND"
    );
    assert_eq!(headings("-a -o command,age"), "COMMAND AGE");
}
