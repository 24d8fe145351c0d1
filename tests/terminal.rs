//! A program in new namespaces at a terminal: Ctrl-C, Ctrl-Z, `fg` and the foreground work as for
//! any program.

use crate::support::{
    Need, Session, Test, Ways, both,
    procfs::{self, Pinned},
    terminal::Terminal,
    until,
};
use rustix::process::{Pid, Signal, kill_process_group};
use std::time::Duration;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(ctrl_c_ends_the_program),
        both(ctrl_backslash_ends_the_program_too),
        both(ctrl_z_stops_the_program_and_fg_resumes_it),
        both(ctrl_z_stops_the_program_again_at_once),
        both(ctrl_z_and_ctrl_c_reach_two_pid_namespaces_down),
        both(a_stopped_job_can_be_killed),
        both(a_background_reader_stops_and_does_not_spin),
        both(timeout_ends_the_program_and_gives_the_terminal_back),
        both(a_shell_inside_has_job_control),
        both(a_script_continues_after_a_shell_inside),
        both(a_program_that_handles_the_interrupt_gets_it_once).needs([Need::Tool("perl")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::Tool("bash")]))
    .collect()
}

/// Types a command line and returns the process that it runs, which has the program's name.
fn type_in(terminal: &mut Terminal, prefix: &str, program: &str) -> Pinned {
    terminal.line(&format!("{prefix}{program}"));
    terminal.shell().program(program.split(' ').next().unwrap())
}

/// Returns the shell's `$?`.
fn status(terminal: &mut Terminal) -> String {
    terminal.line("echo status=$?");
    terminal.shows("status=");
    terminal.shows("status=");
    terminal.prompt().lines().next().unwrap().to_owned()
}

fn ctrl_c_ends_the_program(session: &Session) {
    for way in &Ways::new(session).prefixes {
        let mut terminal = session.terminal();
        let sleep = type_in(&mut terminal, way, "sleep 100");
        terminal.press("\x03");
        terminal.prompt();
        assert_eq!(status(&mut terminal), "130", "{way}");
        assert!(sleep.ended(Duration::ZERO), "{way}");
    }
}

fn ctrl_backslash_ends_the_program_too(session: &Session) {
    for way in &Ways::new(session).prefixes {
        let mut terminal = session.terminal();
        let sleep = type_in(&mut terminal, way, "sleep 100");
        terminal.press("\x1c");
        terminal.prompt();
        assert_eq!(status(&mut terminal), "131", "{way}");
        assert!(sleep.ended(Duration::ZERO), "{way}");
    }
}

fn ctrl_z_stops_the_program_and_fg_resumes_it(session: &Session) {
    for way in &Ways::new(session).prefixes {
        let mut terminal = session.terminal();
        let cat = type_in(&mut terminal, way, "cat");
        for round in 0..2 {
            terminal.stop();
            assert_eq!(cat.state(), 'T', "{way}");
            terminal.resume(&cat);
            terminal.line(&format!("round {round}"));
            // Once as typed text, once by cat.
            terminal.shows(&format!("round {round}"));
            terminal.shows(&format!("round {round}"));
        }
        terminal.press("\x04");
        terminal.prompt();
        assert_eq!(status(&mut terminal), "0", "{way}");
    }
}

fn ctrl_z_stops_the_program_again_at_once(session: &Session) {
    // `fg` resumes the program and nsx, in any order: nsx may be far behind.
    let ways = Ways::new(session);
    let relayed = ways.prefixes.last().map(|enter| format!("{enter}--pty "));
    for way in ways.prefixes.iter().chain(&relayed) {
        let mut terminal = session.terminal();
        let sleep = type_in(&mut terminal, way, "sleep 100");
        for round in 0..30 {
            terminal.stop();
            assert_eq!(sleep.state(), 'T', "{way}, round {round}");
            terminal.resume(&sleep);
        }
        terminal.press("\x03");
        terminal.prompt();
    }
}

fn ctrl_z_and_ctrl_c_reach_two_pid_namespaces_down(session: &Session) {
    let mut terminal = session.terminal();
    let sleep = type_in(
        &mut terminal,
        &format!("nsx unshare {}--pid nsx unshare --pid ", session.map_root()),
        "sleep 100",
    );
    terminal.stop();
    until("the sleep stops", || sleep.state() == 'T');
    terminal.resume(&sleep);
    terminal.press("\x03");
    terminal.prompt();
    assert_eq!(status(&mut terminal), "130");
}

fn a_stopped_job_can_be_killed(session: &Session) {
    for way in &Ways::new(session).prefixes {
        let mut terminal = session.terminal();
        let sleep = type_in(&mut terminal, way, "sleep 100");
        terminal.press("\x1a");
        terminal.prompt();
        let nsx = Pinned::new(procfs::descendants(terminal.shell().id())[0]).unwrap();
        // Like a shell's `kill %1`: to the group, and CONT too because it is stopped.
        let group = Pid::from_raw(nsx.id().cast_signed()).unwrap();
        for signal in [Signal::TERM, Signal::CONT] {
            kill_process_group(group, signal).unwrap();
        }
        for process in [nsx, sleep] {
            assert!(process.ended(Duration::from_secs(10)), "{way}");
        }
        // bash reports it before a prompt, once the kernel has told bash.
        until("the shell tells of it", || {
            terminal.line("");
            terminal.prompt().contains("Terminated")
        });
    }
}

fn a_background_reader_stops_and_does_not_spin(session: &Session) {
    for way in &Ways::new(session).prefixes {
        let mut terminal = session.terminal();
        let cat = type_in(&mut terminal, way, "cat &");
        terminal.prompt();
        until("the reader stops", || cat.state() == 'T');
        let nsx = procfs::descendants(terminal.shell().id())[0];
        until("nsx stops", || {
            procfs::stat(nsx).is_some_and(|stat| stat.state == 'T')
        });
        let ticks = || {
            [nsx, cat.id()]
                .iter()
                .map(|&id| procfs::stat(id).unwrap().ticks)
                .sum::<u64>()
        };
        let before = ticks();
        std::thread::sleep(Duration::from_millis(300));
        assert!(
            ticks() - before <= 1,
            "{way}: {} ticks of 30 while stopped",
            ticks() - before
        );
        terminal.resume(&cat);
        terminal.line("heard");
        terminal.shows("heard");
        terminal.shows("heard");
        terminal.press("\x04");
        terminal.prompt();
        assert_eq!(status(&mut terminal), "0", "{way}");
    }
}

fn timeout_ends_the_program_and_gives_the_terminal_back(session: &Session) {
    for way in &Ways::new(session).prefixes {
        let mut terminal = session.terminal();
        terminal.line(&format!("timeout --foreground 0.3 {way}cat"));
        terminal.prompt();
        assert_eq!(status(&mut terminal), "124", "{way}");
    }
}

fn a_shell_inside_has_job_control(session: &Session) {
    let mut terminal = session.terminal();
    let options = session.map_root();
    terminal.line(&format!(
        "PS1='inside> ' nsx unshare {options}--pid bash --norc --noprofile --noediting -i"
    ));
    terminal.shows("\r\ninside> ");
    terminal.line("sleep 100");
    let sleep = terminal.shell().program("sleep");
    terminal.press("\x1a");
    terminal.shows("Stopped");
    terminal.shows("inside> ");
    terminal.resume(&sleep);
    terminal.press("\x03");
    terminal.shows("inside> ");
    terminal.line("exit 5");
    terminal.prompt();
    assert_eq!(status(&mut terminal), "5");
}

fn a_script_continues_after_a_shell_inside(session: &Session) {
    // A script has no job control of its own: only nsx can take the terminal back from the shell
    // inside.
    let mut terminal = session.terminal();
    let options = session.map_root();
    let inside = format!("nsx unshare {options}--pid bash --norc --noprofile --noediting -i");
    std::fs::write(
        session.path("script"),
        format!("PS1='inside> ' {inside}\nread line\necho \"got=$line\"\n"),
    )
    .unwrap();
    terminal.line("bash script");
    terminal.shows("inside> ");
    terminal.line("exit");
    terminal.shows("exit");
    terminal.line("word");
    terminal.shows("got=word");
    terminal.prompt();
}

fn a_program_that_handles_the_interrupt_gets_it_once(session: &Session) {
    // The terminal sends it to the whole process group, which includes nsx. perl counts the
    // signals, because a shell merges them.
    let script =
        "$SIG{INT} = sub { $n++ }; $| = 1; print qq(re), qq(ady\\n); sub nap { select(undef, \
        undef, undef, 0.02) }
        nap until $n; nap for 1 .. 10; exit $n";
    for way in &Ways::new(session).prefixes {
        let mut terminal = session.terminal();
        std::fs::write(session.path("count"), script).unwrap();
        terminal.line(&format!("{way}perl count"));
        terminal.shows("ready");
        terminal.press("\x03");
        terminal.prompt();
        assert_eq!(status(&mut terminal), "1", "{way}");
    }
}
