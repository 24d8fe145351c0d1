//! Completion, typed into the real shells.

use crate::support::{
    Cgroups, Host, Need, Session, Test, root,
    terminal::{PROMPT, Terminal},
    until,
};
use std::{fs, path::Path};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        root(bash_completes_each_position).needs([Need::Tool("bash")]),
        root(zsh_completes_each_position).needs([Need::Tool("zsh")]),
        root(fish_completes_each_position).needs([Need::Tool("fish")]),
    ]
}

/// Directory of the scripts.
const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/nsx/completions");

/// Lines as typed, and as they are when Tab has been pressed. A space at the end depends on the
/// shell and is left out.
const LINES: [(&str, &str); 27] = [
    ("nsx ent", "nsx enter"),
    ("nsx help ent", "nsx help enter"),
    ("nsx enter --host-t", "nsx enter --host-tools"),
    // A target is completed once; then come programs.
    ("nsx enter blu", "nsx enter blue"),
    ("nsx enter netns:bla", "nsx enter netns:black"),
    ("nsx enter -t blu", "nsx enter -t blue"),
    ("nsx enter 'netns:bla", "nsx enter 'netns:black'"),
    ("nsx enter blue bla", "nsx enter blue bla"),
    ("nsx enter blue setpri", "nsx enter blue setpriv"),
    ("nsx enter -t blue setpri", "nsx enter -t blue setpriv"),
    (
        "nsx enter blue -- cat /etc/hostn",
        "nsx enter blue -- cat /etc/hostname",
    ),
    ("nsx enter 1 --user mapp", "nsx enter 1 --user mapper"),
    (
        "nsx pidmap --from netns:bla",
        "nsx pidmap --from netns:black",
    ),
    ("nsx rm netns:bla", "nsx rm netns:black"),
    ("nsx ls -tne", "nsx ls -tnet"),
    ("nsx ls -o +ns,nproc", "nsx ls -o +ns,nprocs"),
    ("nsx ls --tree=own", "nsx ls --tree=owner"),
    ("nsx ss -o remot", "nsx ss -o remote"),
    ("nsx can self tra", "nsx can self trace"),
    ("nsx unshare --root /pro", "nsx unshare --root /proc/"),
    (
        "nsx unshare --net=/etc/hostn",
        "nsx unshare --net=/etc/hostname",
    ),
    (
        "nsx unshare --link veth,bri",
        "nsx unshare --link veth,bridge=",
    ),
    (
        "nsx unshare --join net=netns:bla",
        "nsx unshare --join net=netns:black",
    ),
    (
        "nsx unshare --cap-drop net_ra",
        "nsx unshare --cap-drop net_raw",
    ),
    (
        "nsx unshare --kill-child=TER",
        "nsx unshare --kill-child=TERM",
    ),
    // The other names that begin so would be commands or break the line.
    ("nsx enter ho", "nsx enter hostile"),
    ("nsx enter $(touch${IFS}ran)", "nsx enter $(touch${IFS}ran)"),
];

/// Types each line and presses Tab. The shell writes the line to the file `line` on Ctrl-G.
fn check(session: &Session, command: &str, rc: &str, rc_path: &str) {
    let host = Host::new(session, Cgroups::AsOutside);
    for name in [
        "blue",
        "black",
        "hostile",
        "ho$(touch ran)",
        "ho`touch ran`",
        "ho'x",
        "ho\"x",
        "ho\nx",
        "ho\u{1b}[2Jx",
    ] {
        host.command("ip netns add").arg(name).run().exited(0);
    }
    let line = session.path("line");
    let rc = rc.replace("@LINE@", &line.display().to_string());
    let path = session.path(rc_path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(
        &path,
        rc.replace("@SCRIPTS@", SCRIPTS).replace("@PROMPT@", PROMPT),
    )
    .unwrap();
    let shell = host.command(&format!(
        "setsid --ctty --wait env -C {} {command}",
        session.directory().display()
    ));
    let mut terminal = Terminal::of(session, shell.env("TERM", "xterm"));
    let mut wrong = Vec::new();
    for (typed, expected) in LINES {
        terminal.press(typed);
        terminal.press("\t");
        terminal.press("\x07");
        until("the line is written", || {
            fs::read_to_string(&line).is_ok_and(|text| text.ends_with('\n'))
        });
        let text = fs::read_to_string(&line).unwrap();
        fs::remove_file(&line).unwrap();
        if text.trim_end() != expected {
            wrong.push(format!("{typed}: {text:?}"));
        }
        // To the end of the line, and everything before goes.
        terminal.press("\x05\x15");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(!Path::new("/ran").exists() && !session.path("ran").exists());
}

fn bash_completes_each_position(session: &Session) {
    let rc = "PS1='@PROMPT@'
source @SCRIPTS@/nsx.bash
bind -x '\"\\C-g\": printf \"%s\\n\" \"$READLINE_LINE\" >@LINE@'
";
    check(session, "bash --noprofile --rcfile rc -i", rc, "rc");
}

fn zsh_completes_each_position(session: &Session) {
    let rc = "PROMPT='@PROMPT@'
autoload -Uz compinit
compinit -u -D
source @SCRIPTS@/_nsx
write-line() { print -r -- \"$BUFFER\" >@LINE@ }
zle -N write-line
bindkey '^G' write-line
";
    check(session, "zsh -i", rc, ".zshrc");
}

fn fish_completes_each_position(session: &Session) {
    let rc = "function fish_prompt; echo '@PROMPT@'; end
set -g fish_autosuggestion_enabled 0
set -g fish_greeting
source @SCRIPTS@/nsx.fish
bind \\cg 'commandline >@LINE@'
";
    check(session, "fish -i", rc, ".config/fish/config.fish");
}
