//! `nsx enter --pty`: the program has a terminal of its own, which behaves like the caller's.

use crate::support::{
    Need, Process, Session, Test, both,
    procfs::{self, Pinned},
    root,
    terminal::Terminal,
    until,
};
use rustix::process::Signal;
use std::{fs, time::Duration};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(the_terminal_is_one_of_the_targets),
        both(a_target_without_devpts_gets_a_terminal_of_the_host),
        root(the_program_has_the_callers_terminal_if_there_are_no_pseudo_terminals),
        both(a_file_that_is_not_a_pty_multiplexer_is_left_alone),
        both(keys_interrupt_stop_and_resume_the_program),
        both(a_shell_inside_has_job_control),
        both(a_full_screen_program_gets_each_key_and_the_size_of_the_window)
            .needs([Need::Tool("busybox")]),
        both(the_callers_terminal_is_as_it_was_however_nsx_ends),
        both(nsx_in_the_background_takes_no_keys),
        both(the_program_stops_and_resumes_without_a_pid_namespace_too),
        both(standard_descriptors_that_are_not_terminals_stay),
        both(no_pty_leaves_the_program_the_callers_terminal),
        both(nothing_can_be_typed_into_the_callers_terminal).needs([Need::Tool("perl")]),
        both(pty_without_a_terminal_is_refused),
        both(the_mount_namespace_of_a_file_comes_with_a_terminal_too),
    ]
    .into_iter()
    .map(|test| {
        test.needs([
            Need::Namespaces,
            Need::Tool("bash"),
            Need::UtilLinux(2, 36),
            Need::Kernel(5, 6),
        ])
    })
    .collect()
}

/// A `sleep` in its own namespaces, in which a script has mounted other files.
fn target(session: &Session, script: &str) -> (Process, Pinned) {
    let options = "--mount --pid --fork --kill-child --mount-proc sh -c";
    let unshare = session
        .original_unshare(options)
        .arg(format!("{script}\nexec sleep 100"))
        .start();
    let sleep = unshare.program("sleep");
    (unshare, sleep)
}

/// Pseudo-terminals of the target's own.
const OWN_TERMINALS: &str = "mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 none /dev/pts \
&& \
    mount --bind /dev/pts/ptmx /dev/ptmx";

/// A terminal in which `$enter` is the way into a target.
fn terminal(session: &Session, sleep: &Pinned) -> Terminal {
    let mut terminal = session.terminal();
    terminal.line(&format!("enter='nsx enter {}'", sleep.id()));
    terminal.prompt();
    terminal
}

/// Types a line and returns what is shown, without the line itself and the prompt.
fn shown(terminal: &mut Terminal, line: &str) -> String {
    terminal.line(line);
    let text = terminal.prompt();
    let (_, text) = text.split_once('\n').unwrap();
    text.trim_end_matches("ready> ")
        .replace("\r\n", "\n")
        .trim_end()
        .to_owned()
}

fn status(terminal: &mut Terminal) -> String {
    shown(terminal, "echo $?")
}

fn the_terminal_is_one_of_the_targets(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let mut terminal = terminal(session, &sleep);
    assert_eq!(shown(&mut terminal, "$enter tty"), "/dev/pts/0");
    assert_eq!(
        shown(&mut terminal, "$enter sh -c 'echo /dev/pts/*'"),
        "/dev/pts/0 /dev/pts/ptmx"
    );
    // The terminal belongs to the program's user, who may open it by name.
    assert_eq!(
        shown(
            &mut terminal,
            "$enter sh -c 'echo by name >/dev/pts/0; echo by tty >/dev/tty'"
        ),
        "by name\nby tty"
    );
    assert_eq!(shown(&mut terminal, "$enter sh -c 'exit 7'"), "");
    assert_eq!(status(&mut terminal), "7");
}

fn a_target_without_devpts_gets_a_terminal_of_the_host(session: &Session) {
    let (_unshare, sleep) = target(session, "mount -t tmpfs none /dev");
    let mut terminal = terminal(session, &sleep);
    assert_eq!(
        shown(&mut terminal, "$enter sh -c 'tty; stty size <&2'"),
        "not a tty\n0 0"
    );
    terminal.resize(33, 77);
    assert_eq!(shown(&mut terminal, "$enter sh -c 'stty size'"), "33 77");
}

fn the_program_has_the_callers_terminal_if_there_are_no_pseudo_terminals(session: &Session) {
    // An initramfs or a rescue shell has no devpts. The caller's /dev is empty, except for the
    // terminal that is open.
    let (_unshare, sleep) = target(session, "mount -t tmpfs none /dev");
    let mut terminal = session.terminal();
    let own = shown(&mut terminal, "readlink /proc/self/fd/0");
    terminal.line(&format!(
        "unshare -m sh -c 'mount -t tmpfs none /dev; exec nsx enter {0} readlink /proc/self/fd/0'",
        sleep.id()
    ));
    let text = terminal.prompt();
    let lines: Vec<_> = text.lines().map(str::trim_end).collect();
    assert!(lines.contains(&own.as_str()), "{text}");
    assert!(
        text.contains(
            "nsx: note: failed to open a terminal for the program: No such file or directory"
        ),
        "{text}"
    );
    terminal.line(&format!(
        "unshare -m sh -c 'mount -t tmpfs none /dev; exec nsx enter {0} --pty touch ran'",
        sleep.id()
    ));
    let text = terminal.prompt();
    assert!(
        text.contains("nsx: failed to open a terminal for the program: No such file or directory"),
        "{text}"
    );
    assert_eq!(status(&mut terminal), "125");
    assert!(!session.path("ran").exists());
}

fn a_file_that_is_not_a_pty_multiplexer_is_left_alone(session: &Session) {
    // Opening the FIFO would wait for ever. The link leads to the host's terminal only if it is
    // followed on the host.
    for script in [
        "mkfifo /dev/ptmx",
        "ln -s /proc/1/root/../../nowhere /dev/ptmx",
        "touch /dev/ptmx",
        "mkdir /dev/ptmx",
    ] {
        let (_unshare, sleep) = target(session, &format!("mount -t tmpfs none /dev && {script}"));
        let mut terminal = terminal(session, &sleep);
        assert_eq!(
            shown(&mut terminal, "$enter sh -c '[ -t 0 ] && echo yes'"),
            "yes",
            "{script}"
        );
    }
}

fn keys_interrupt_stop_and_resume_the_program(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let mut terminal = terminal(session, &sleep);
    for (key, code) in [("\x03", "130"), ("\x1c", "131")] {
        terminal.line("$enter sleep 101");
        let program = terminal.shell().program("sleep");
        terminal.press(key);
        terminal.prompt();
        assert_eq!(status(&mut terminal), code);
        assert!(program.ended(Duration::ZERO));
    }
    terminal.line("$enter cat");
    let cat = terminal.shell().program("cat");
    for round in 0..3 {
        terminal.stop();
        until("it is stopped", || cat.state() == 'T');
        // The shell's own line is edited and shown as before.
        assert_eq!(shown(&mut terminal, "echo out$((1+1))"), "out2");
        terminal.resume(&cat);
        terminal.line(&format!("round {round}"));
        terminal.shows(&format!("round {round}"));
        terminal.shows(&format!("round {round}"));
    }
    terminal.press("\x04");
    terminal.prompt();
    assert_eq!(status(&mut terminal), "0");
}

fn a_shell_inside_has_job_control(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let mut terminal = terminal(session, &sleep);
    terminal.line("$enter env PS1='in> ' bash --norc --noprofile --noediting -i");
    terminal.shows("in> ");
    terminal.line("sleep 102 | cat");
    let pipeline = terminal.shell().program("cat");
    terminal.press("\x1a");
    terminal.shows("Stopped");
    terminal.shows("in> ");
    until("it is stopped", || pipeline.state() == 'T');
    terminal.resume(&pipeline);
    terminal.press("\x03");
    terminal.shows("in> ");
    terminal.line("exit 3");
    terminal.prompt();
    assert_eq!(status(&mut terminal), "3");
}

fn a_full_screen_program_gets_each_key_and_the_size_of_the_window(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let mut terminal = terminal(session, &sleep);
    terminal.resize(20, 60);
    fs::write(
        session.path("text"),
        (1..200)
            .map(|line| format!("line-{line}\n"))
            .collect::<String>(),
    )
    .unwrap();
    terminal.line(&format!(
        "$enter busybox less {}",
        session.path("text").display()
    ));
    // The screen has one line less for the command line.
    assert!(!terminal.shows("line-19").contains("line-20"));
    terminal.press(" ");
    assert!(terminal.shows("line-38").contains("line-20"));
    terminal.press("q");
    terminal.prompt();
    let script = "trap 'stty size; exit 5' WINCH; echo set; while :; do sleep 0.05; done";
    terminal.line(&format!("$enter sh -c \"{script}\""));
    terminal.shows("\nset");
    terminal.resize(44, 111);
    terminal.shows("44 111");
    terminal.prompt();
    assert_eq!(status(&mut terminal), "5");
}

fn the_callers_terminal_is_as_it_was_however_nsx_ends(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let mut terminal = terminal(session, &sleep);
    // While a command runs, bash has restored the terminal.
    terminal.line("read line");
    until("bash reads no keys", || terminal.modes().contains("ICANON"));
    let before = terminal.modes();
    terminal.line("");
    terminal.prompt();
    for (signal, code) in [
        (Signal::TERM, "143"),
        (Signal::HUP, "129"),
        (Signal::INT, "130"),
        (Signal::KILL, "137"),
        (Signal::ABORT, "134"),
    ] {
        // Bash would restore it: something else waits for nsx, and only then does bash.
        terminal.line("sh -c \"trap : INT; $enter sleep 103; echo ended \\$?; read line\"");
        let program = terminal.shell().program("sleep");
        let nsx = terminal.shell().program("nsx");
        until("it has the keys", || !terminal.modes().contains("ICANON"));
        nsx.signal(signal);
        terminal.shows(&format!("ended {code}"));
        // A process that is left behind learns of a signal that it cannot see a moment later.
        until(&format!("it is as it was after {signal:?}"), || {
            terminal.modes() == before
        });
        assert!(program.ended(Duration::from_secs(10)), "{signal:?}");
        terminal.line("");
        terminal.prompt();
    }
}

fn nsx_in_the_background_takes_no_keys(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let mut terminal = terminal(session, &sleep);
    terminal.line("$enter cat &");
    terminal.prompt();
    let cat = terminal.shell().program("cat");
    assert_eq!(shown(&mut terminal, "echo for the shell"), "for the shell");
    terminal.line("fg");
    until("it has the keys", || !terminal.modes().contains("ICANON"));
    terminal.line("for cat");
    terminal.shows("for cat");
    terminal.shows("for cat");
    terminal.press("\x04");
    terminal.prompt();
    assert!(cat.ended(Duration::from_secs(10)));
}

fn the_program_stops_and_resumes_without_a_pid_namespace_too(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let mut terminal = terminal(session, &sleep);
    let user = if session.is_root() { "" } else { " -U" };
    terminal.line(&format!("$enter{user} --mount sh -c 'cat; exit 4'"));
    let cat = terminal.shell().program("cat");
    assert_eq!(procfs::ns(cat.id(), "pid"), procfs::ns("self", "pid"));
    terminal.stop();
    until("it is stopped", || cat.state() == 'T');
    terminal.resume(&cat);
    terminal.press("\x04");
    terminal.prompt();
    assert_eq!(status(&mut terminal), "4");
}

fn standard_descriptors_that_are_not_terminals_stay(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let mut terminal = terminal(session, &sleep);
    let script = "echo given | $enter --pty sh -c 'cat; tty; tty <&2' >out; cat out";
    assert_eq!(shown(&mut terminal, script), "given\nnot a tty\n/dev/pts/0");
    let script = "$enter --pty sh -c 'tty; echo to the terminal >&2' | cat";
    let mut lines: Vec<_> = shown(&mut terminal, script)
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    assert_eq!(lines, ["/dev/pts/0", "to the terminal"]);
    // In a pipeline another process may read the keys.
    assert_eq!(shown(&mut terminal, "$enter tty | cat"), "not a tty");
}

fn no_pty_leaves_the_program_the_callers_terminal(session: &Session) {
    let (_unshare, sleep) = target(session, "true");
    let mut terminal = terminal(session, &sleep);
    let own = shown(&mut terminal, "tty");
    assert_eq!(shown(&mut terminal, "$enter --no-pty tty"), own);
    assert_eq!(shown(&mut terminal, "$enter --pty --no-pty tty"), own);
    assert_ne!(shown(&mut terminal, "$enter tty"), own);
    assert_ne!(shown(&mut terminal, "$enter --no-pty --pty tty"), own);
    // A program with the caller's files.
    let user = if session.is_root() { "" } else { "-U " };
    assert_eq!(
        shown(&mut terminal, &format!("$enter {user}--pid tty")),
        own
    );
    assert_ne!(
        shown(&mut terminal, &format!("$enter {user}--pid --pty tty")),
        own
    );
}

fn nothing_can_be_typed_into_the_callers_terminal(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let mut terminal = terminal(session, &sleep);
    // TIOCSTI, into every descriptor that is a terminal.
    let script = "for my $fd (0..9) { open(my $tty, \"+<&=$fd\") or next; \
        ioctl($tty, 0x5412, $_) for split //, \"touch typed\\n\" }\n\
        if (open my $tty, \"+<\", \"/dev/tty\") { ioctl($tty, 0x5412, $_) for split //, \"touch \
    typed\\n\" }\n";
    fs::write(session.path("type.pl"), script).unwrap();
    let perl = format!("perl {}", session.path("type.pl").display());
    terminal.line(&format!("$enter {perl}"));
    terminal.prompt();
    assert_eq!(shown(&mut terminal, "echo the next"), "the next");
    assert!(!session.path("typed").exists());
    // If the kernel allows TIOCSTI at all, it works on the caller's own terminal: the script is
    // right.
    if session.is_root() {
        terminal.line(&format!("$enter --no-pty {perl}"));
        until("what was typed was run", || session.path("typed").exists());
    }
}

fn pty_without_a_terminal_is_refused(session: &Session) {
    let (_unshare, sleep) = target(session, OWN_TERMINALS);
    let refused = session
        .nsx(&format!("enter {} --pty touch ran", sleep.id()))
        .run();
    refused.exited(125).says(&["--pty", "terminal"]);
    assert!(!session.path("ran").exists());
    assert_eq!(
        session
            .nsx(&format!("enter {} tty", sleep.id()))
            .run()
            .exited(1)
            .text(),
        "not a tty"
    );
}

fn the_mount_namespace_of_a_file_comes_with_a_terminal_too(session: &Session) {
    let (_unshare, sleep) = target(session, "true");
    let mut terminal = session.terminal();
    let own = shown(&mut terminal, "tty");
    let user = if session.is_root() {
        String::new()
    } else {
        format!("-U/proc/{}/ns/user ", sleep.id())
    };
    let enter = format!("nsx enter {user}-m/proc/{}/ns/mnt", sleep.id());
    let inside = shown(&mut terminal, &format!("{enter} tty"));
    assert!(
        inside.starts_with("/dev/pts/") && inside != own,
        "{inside} is not another than {own}"
    );
    assert_eq!(shown(&mut terminal, &format!("{enter} --no-pty tty")), own);
    assert_eq!(shown(&mut terminal, "tty"), own);
}
