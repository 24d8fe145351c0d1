//! `lsns`: each option, column, tree and form of output, in the same scene of processes with both
//! programs.
//!
//! A scene is a PID namespace in which nothing else happens and PIDs are small.

mod layout;
mod lists;
mod pins;
mod since;
mod words;

use super::Seen;
use crate::support::{Need, Session, Test};

pub(crate) fn tests() -> Vec<Test> {
    [
        words::tests(),
        lists::tests(),
        layout::tests(),
        pins::tests(),
        since::tests(),
    ]
    .into_iter()
    .flatten()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
    .collect()
}

/// Processes whose namespaces are related in many ways: all kinds; two levels deep; a child whose
/// namespace is older than its parent's; nested user namespaces; a zombie; and a command that is
/// hard to print. All nine sleep before the scene is complete. `of KIND N` is the number of the Nth
/// namespace of a kind, the first being the shell's own: inode numbers are reused in any order.
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
    of() {
        own=$(stat -Lc %i /proc/self/ns/$1)
        { echo $own; lsns -l -n -t $1 -o NS | grep -v $own; } | sed -n $2p
    }
"#;

/// Text that is hard to print, for printf: a tab, text that looks like an escape, characters of two
/// and three bytes.
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

/// Runs each line in one scene with both programs; they must give the same. Before 2.40 column
/// widths were different and do not count.
#[track_caller]
fn all_same(session: &Session, scene: &str, lines: &[&str]) {
    let exact = Need::UtilLinux(2, 40).is_met();
    if lines.is_empty() {
        return;
    }
    for (line, mut both) in in_scene(session, scene, lines) {
        if !exact {
            both.iter_mut()
                .for_each(|seen| seen.stdout = without_widths(&seen.stdout));
        }
        let [original, nsx] = both;
        assert!(
            original == nsx,
            "{line}\n--- util-linux\n{}\n--- nsx\n{}",
            shown(&original),
            shown(&nsx)
        );
    }
}

/// The text with each run of spaces as one, and none in front of a line.
fn without_widths(text: &str) -> String {
    let mut last = '\n';
    let is_first = |character: &char| {
        let before = std::mem::replace(&mut last, *character);
        *character != ' ' || !matches!(before, ' ' | '\n')
    };
    text.chars().filter(is_first).collect()
}

/// Lines on which releases before 2.42 differ. They are compared with the host's program if it is
/// as new as that; `since` compares nsx with the results of those releases.
fn later<'a>(lines: &'a [&'a str]) -> &'a [&'a str] {
    if Need::UtilLinux(2, 42).is_met() {
        lines
    } else {
        &[]
    }
}

fn shown(seen: &Seen) -> String {
    format!("{}\n{}{}", seen.status, seen.stdout, seen.stderr)
}

/// Returns the output of each line in one scene: of util-linux's program and of nsx.
#[track_caller]
pub(super) fn in_scene(session: &Session, scene: &str, lines: &[&str]) -> Vec<(String, [Seen; 2])> {
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
    let unshare = format!(
        "/usr/bin/unshare {}-mpf --mount-proc --kill-child bash -c",
        session.map_root()
    );
    let outcome = session
        .strict(session.command(&unshare).arg(script))
        .run()
        .exited(0);
    let text = session.without_strict_path(
        &outcome
            .stdout
            .iter()
            .map(|byte| char::from(*byte))
            .collect::<String>(),
    );
    let mut found = text.split('\x01').skip(1).map(|part| {
        let mut fields = part.splitn(3, '\x02').map(str::to_owned);
        let mut next = || fields.next().unwrap_or_default();
        Seen {
            status: next(),
            stdout: next(),
            stderr: next(),
        }
    });
    let found: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                (*line).to_owned(),
                [found.next(), found.next()].map(|seen| seen.expect("every line is run")),
            )
        })
        .collect();
    // A scene that shows nothing would compare nothing.
    assert!(
        found
            .iter()
            .any(|(_, seen)| seen.iter().any(|seen| !seen.stdout.is_empty())),
        "{scene}: {}",
        String::from_utf8_lossy(&outcome.stderr)
    );
    found
}

/// The lines with these options each.
fn lsns(options: &[&str]) -> Vec<String> {
    options
        .iter()
        .map(|options| format!("lsns {options}"))
        .collect()
}

#[track_caller]
fn options_same(session: &Session, scene: &str, options: &[&str]) {
    all_same(
        session,
        scene,
        &lsns(options).iter().map(String::as_str).collect::<Vec<_>>(),
    );
}

/// Checks the output of nsx, and of util-linux if it is new enough, in a scene with pins and with
/// the setup in `more`.
#[track_caller]
fn nsx_gives(session: &Session, more: &str, lines: &[(&str, &str)]) {
    let scene = format!("{ODD}{SCENE}{PINS}{more}");
    let all: Vec<&str> = lines.iter().map(|(line, _)| *line).collect();
    for ((line, [original, nsx]), (_, expected)) in
        in_scene(session, &scene, &all).into_iter().zip(lines)
    {
        let given = |seen: &Seen| format!("{}{}", seen.stdout, seen.stderr);
        assert_eq!(
            given(&nsx),
            *expected,
            "nsx (left) and the reference (right): {line}"
        );
        if Need::UtilLinux(2, 42).is_met() {
            assert_eq!(
                given(&original),
                *expected,
                "util-linux (left) and the reference (right): {line}"
            );
        }
    }
}

fn scene() -> String {
    format!("{ODDER}{SCENE}")
}
