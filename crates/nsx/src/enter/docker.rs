//! Options of docker exec that people type out of habit. Here each has another meaning, or none.

use crate::text;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

/// The letters of docker exec's options, without `i` and `t`.
const OTHERS: &[u8] = b"deuw";

/// The words of the command line before the options of docker exec.
pub(super) struct Before<'a> {
    pub(super) options: &'a [OsString],
    pub(super) target: Option<&'a OsString>,
    /// `true` if an option names TARGET.
    pub(super) names_target: bool,
}

/// Returns a message with the command to type instead, if the letters after a dash are `-it` in any
/// form. `rest` are the words after the letters.
pub(super) fn typed(letters: &[u8], before: &Before<'_>, rest: &[OsString]) -> Option<String> {
    let (others, rest) = match letters {
        [b'i', b't', others @ ..] => (others, rest),
        [b't', b'i', others @ ..] if others.iter().all(|letter| OTHERS.contains(letter)) => {
            (others, rest)
        }
        // -t requires a value, which -i is not.
        [b't'] if rest.first().is_some_and(|word| word == "-i") => (&b""[..], &rest[1..]),
        _ => return None,
    };
    Some(format!(
        "-{} belongs to docker exec: here -i joins the IPC namespace, and no other, and -t names \
        the target\n  \
         for a program in the container, type: {}\n  \
         for the IPC namespace alone, write both apart: -t TARGET -i",
        text::shown(OsStr::from_bytes(letters)),
        in_own_words(others, before, rest)
    ))
}

/// Returns the command that does what was meant.
fn in_own_words(letters: &[u8], before: &Before<'_>, rest: &[OsString]) -> String {
    let mut options = Vec::new();
    let (mut target, mut program) = (before.target.cloned(), None);
    if before.names_target {
        options.extend(before.options.iter().map(|word| text::shown(word)));
    }
    let mut words = rest.iter();
    if letters.iter().all(|letter| OTHERS.contains(letter)) {
        for option in letters.iter().filter_map(|letter| long_form(*letter)) {
            options.extend([
                option.to_owned(),
                words
                    .next()
                    .map(|value| text::shown(value))
                    .unwrap_or_default(),
            ]);
        }
    } else {
        target = target.or(Some(
            OsStr::from_bytes(letters.strip_prefix(b"=").unwrap_or(letters)).to_owned(),
        ));
    }
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => {}
            [b'-', letter] if long_form(*letter).is_some() => {
                options.extend(long_form(*letter).map(str::to_owned));
                options.extend(words.next().map(|value| text::shown(value)));
            }
            [b'-', ..] => options.push(text::shown(word)),
            _ if target.is_none() && !before.names_target => target = Some(word.clone()),
            _ => {
                program = Some(text::shown(word));
                break;
            }
        }
    }
    let target = match target {
        Some(target) => Some(text::shown(&target)),
        None => (!before.names_target).then(|| "TARGET".to_owned()),
    };
    let more = words.next().map(|_| "...".to_owned());
    let words = std::iter::once("nsx enter".to_owned())
        .chain(target)
        .chain(options)
        .chain(program)
        .chain(more);
    words.collect::<Vec<_>>().join(" ")
}

fn long_form(letter: u8) -> Option<&'static str> {
    match letter {
        b'u' => Some("--user"),
        b'e' => Some("--env"),
        b'w' => Some("--wd"),
        _ => None,
    }
}

/// Returns a tip for an option that nsx lacks.
pub(super) fn instead_of(option: &str) -> Option<&'static str> {
    match option {
        "-e" => Some("a variable is given with --env NAME=VALUE"),
        "--workdir" => Some("the directory is named with --wd DIR"),
        "-d" | "--detach" => {
            Some("nsx enter waits for the program; the shell's & leaves it in the background")
        }
        "--interactive" | "--tty" => {
            Some("leave it out: at a terminal the program has a terminal of its own")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::enter::{Options, arguments::Arguments};
    use clap::CommandFactory;

    #[test]
    fn the_command_that_was_meant_is_shown() {
        let refused = |line: &str| {
            let words: Vec<_> = line.split_whitespace().map(OsString::from).collect();
            Arguments::read(&Options::command(), &words).err()
        };
        for (line, meant) in [
            ("-it web sh", "nsx enter web sh"),
            ("-ti web sh -c x", "nsx enter web sh ..."),
            ("web -it sh", "nsx enter web sh"),
            ("-it", "nsx enter TARGET"),
            ("-itu ada web psql", "nsx enter web --user ada psql"),
            ("-tiu ada web psql", "nsx enter web --user ada psql"),
            (
                "-it -u ada -e A=B web psql -l",
                "nsx enter web --user ada --env A=B psql ...",
            ),
            ("-t -i -w / web ls", "nsx enter web --wd / ls"),
            ("-itw / web ls", "nsx enter web --wd / ls"),
            ("-itd web ls", "nsx enter web ls"),
            ("-it4711 ls", "nsx enter 4711 ls"),
            ("-it=web ls", "nsx enter web ls"),
            ("-t web -it ls", "nsx enter -t web ls"),
            ("--all-of web-* -it ls /", "nsx enter --all-of web-* ls ..."),
        ] {
            let words = refused(line).unwrap_or_else(|| panic!("{line} is not refused"));
            assert!(
                words.contains(&format!("type: {meant}\n")),
                "{line}: {words}"
            );
        }
        for line in [
            "-i -t web sh",
            "-i -tweb sh",
            "-tibm-db sh",
            "-uit web sh",
            "web sh -it",
            "-t web -- sh -it",
        ] {
            assert_eq!(refused(line), None, "{line}");
        }
    }
}
