//! Proposals for commands and options that nsx does not have, and that people know from container
//! engines and util-linux.

use crate::text;
use clap::error::{ContextKind, ContextValue};
use std::ffi::OsString;

/// Replaces the proposal in an error of clap's, which compares letters alone.
pub(crate) fn propose(error: &mut clap::Error, proposal: Option<String>) {
    // clap would have an unknown option be an operand: `-- -J`.
    error.remove(ContextKind::Suggested);
    let Some(proposal) = proposal else { return };
    for kind in [
        ContextKind::SuggestedArg,
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedValue,
    ] {
        error.remove(kind);
    }
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![proposal.into()]),
    );
}

/// The counterpart of an engine's command in nsx.
#[derive(Clone, Copy)]
enum Here {
    Enter,
    Unshare,
    List,
    Lsns,
    Processes,
    Show,
    Watch,
    Tree,
    Why,
    Compare,
    Networks,
    Pids,
    Ids,
    End,
    Elsewhere,
    Version,
}

/// Commands of Docker, podman, kubectl, LXC, machinectl, util-linux and iproute2.
const COMMANDS: [(&[&str], Here); 16] = [
    (&["lsns"], Here::Lsns),
    (
        &[
            "exec", "attach", "shell", "sh", "bash", "login", "console", "join", "nsenter", "into",
            "debug",
        ],
        Here::Enter,
    ),
    (
        &[
            "run", "create", "new", "launch", "spawn", "bwrap", "chroot", "sandbox",
        ],
        Here::Unshare,
    ),
    (
        &[
            "list",
            "show",
            "containers",
            "container",
            "namespaces",
            "get",
            "pods",
        ],
        Here::List,
    ),
    (
        &["ps", "top", "processes", "stats", "pstree"],
        Here::Processes,
    ),
    (
        &["inspect", "info", "describe", "status", "stat", "state"],
        Here::Show,
    ),
    (&["watch", "events", "monitor", "follow"], Here::Watch),
    (&["tree", "graph"], Here::Tree),
    (&["why", "holders", "lsof", "fuser"], Here::Why),
    (&["diff", "save", "checkpoint"], Here::Compare),
    (
        &["net", "netns", "network", "networks", "ip"],
        Here::Networks,
    ),
    (&["pid", "pids", "nspid", "translate"], Here::Pids),
    (
        &[
            "uid", "gid", "ids", "map", "idmaps", "uidmap", "gidmap", "subuid",
        ],
        Here::Ids,
    ),
    (
        &[
            "kill",
            "stop",
            "terminate",
            "poweroff",
            "remove",
            "delete",
            "restart",
            "pause",
            "unpause",
            "wait",
        ],
        Here::End,
    ),
    (
        &[
            "start", "logs", "images", "image", "pull", "push", "build", "commit", "cp", "port",
            "volume", "compose", "update", "rename", "export", "import",
        ],
        Here::Elsewhere,
    ),
    (&["version"], Here::Version),
];

/// Returns what to type for a command that nsx does not have. `words` are the command and what
/// follows.
pub(crate) fn command(words: &[OsString]) -> Option<String> {
    let (name, rest) = words.split_first()?;
    let name = name.to_str()?.to_ascii_lowercase();
    let (_, here) = COMMANDS
        .iter()
        .find(|(names, _)| names.contains(&name.as_str()))?;
    let rest = plain(rest);
    let target = rest.first().map_or("TARGET", String::as_str);
    Some(match here {
        Here::Enter if rest.is_empty() => {
            "`nsx enter TARGET [PROGRAM]` runs a program in a container or in the namespaces of a \
            process"
                .to_owned()
        }
        Here::Enter => format!("type `nsx enter {}`", rest.join(" ")),
        Here::Unshare => {
            "`nsx unshare` runs a program in new namespaces; nsx has no images".to_owned()
        }
        Here::Lsns => {
            "`nsx ls` lists namespaces, and `nsx compat lsns` runs as lsns itself".to_owned()
        }
        Here::List => {
            "`nsx ls` lists what has namespaces of its own, such as containers".to_owned()
        }
        Here::Processes if rest.is_empty() => {
            "`nsx ls` lists what has namespaces of its own, such as containers, and `nsx ls \
            --pids` the processes in them"
                .to_owned()
        }
        Here::Processes => format!("type `nsx ls --pids -p {target}`"),
        Here::Show => format!("type `nsx ls {target}`"),
        Here::Watch => "type `nsx ls --watch`".to_owned(),
        Here::Tree => "type `nsx ls --tree`, or `nsx ls --graph svg` for a picture".to_owned(),
        Here::Why => format!(
            "type `nsx ls --why {}`",
            rest.first().map_or("NAMESPACE", String::as_str)
        ),
        Here::Compare => "type `nsx ls --save FILE`, and later `nsx ls --diff FILE`".to_owned(),
        Here::Networks => {
            "`nsx ls -t net` lists network namespaces; `nsx enter netns:NAME` enters \
        one"
            .to_owned()
        }
        Here::Pids => {
            "`nsx pidmap PID` shows the ids of a process in each PID namespace".to_owned()
        }
        Here::Ids => "`nsx idmap TARGET` shows which ids inside stand for which outside".to_owned(),
        Here::End => format!(
            "nsx ends nothing: use the engine of the container, or kill(1) with what `nsx ls \
            --pids -p {target}` lists"
        ),
        Here::Elsewhere => format!(
            "nsx starts no containers and has no images: `{name}` is for \
        their engine"
        ),
        Here::Version => "type `nsx --version`".to_owned(),
    })
}

/// Words without those options in front that ask an engine for a terminal, which `nsx enter` has by
/// itself; none if there are other options, or anything that a shell would not take as it stands.
fn plain(words: &[OsString]) -> Vec<String> {
    const TERMINAL: [&str; 6] = ["-i", "-t", "-it", "-ti", "--interactive", "--tty"];
    let words = words
        .iter()
        .skip_while(|word| TERMINAL.iter().any(|option| word == option));
    let words: Option<Vec<_>> = words
        .map(|word| {
            word.to_str()
                .filter(|word| is_plain(word))
                .map(str::to_owned)
        })
        .collect();
    words
        .filter(|words| words.first().is_some_and(|first| !first.starts_with('-')))
        .unwrap_or_default()
}

/// Returns whether a shell takes a word as it stands.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./:=@,+%".contains(&byte))
}

/// Options of lsns, ps and engines, and what `nsx ls` has for them.
const LIST_OPTIONS: [(&[&str], &str); 12] = [
    (&["-J"], "--json"),
    (&["-l", "--list"], "--all"),
    (&["-T"], "--tree"),
    (&["-P", "--persistent"], "-Q 'NPROCS == 0'"),
    (&["-H", "--list-columns"], "--columns"),
    (&["-f", "-w", "--follow"], "--watch"),
    (
        &[
            "-n",
            "--noheadings",
            "--no-heading",
            "--no-headers",
            "--no-header",
        ],
        "--json-lines",
    ),
    (&["-r", "--raw"], "--json-lines"),
    (
        &["-W", "--nowrap", "-u", "--notruncate", "--no-trunc"],
        "--json",
    ),
    (&["--format"], "--json, or -o COLUMN,COLUMN"),
    (&["-e", "-A"], "--all"),
    (&["--sort"], "--json-lines, or sort(1)"),
];

/// Returns what to type for an option that `nsx ls` does not have.
pub(crate) fn list_option(word: &str) -> Option<String> {
    let name = word.split('=').next()?;
    let (_, here) = LIST_OPTIONS
        .iter()
        .find(|(names, _)| names.contains(&name))?;
    Some(format!("type {here}"))
}

/// Returns a word in quotes that a shell takes off again, if that can be done in a line that is
/// safe to show.
pub(crate) fn quoted(text: &str) -> Option<String> {
    if text::shown(text.as_ref()) != text {
        return None;
    }
    let is_safe_in_double = !text.contains(['"', '$', '`', '\\', '!']);
    match text.contains('\'') {
        false => Some(format!("'{text}'")),
        true if is_safe_in_double => Some(format!("\"{text}\"")),
        true => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(line: &str) -> Option<String> {
        command(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_command_of_an_engine_is_answered_with_what_to_type() {
        for (typed, answer) in [
            ("exec -it web sh", "type `nsx enter web sh`"),
            ("exec --tty web ls -l", "type `nsx enter web ls -l`"),
            ("attach docker:web", "type `nsx enter docker:web`"),
            ("inspect web", "type `nsx ls web`"),
            ("top web", "type `nsx ls --pids -p web`"),
            ("why net:4", "type `nsx ls --why net:4`"),
        ] {
            assert_eq!(meant(typed).as_deref(), Some(answer), "{typed}");
        }
        // What might mean something else here is not repeated.
        for typed in [
            "exec",
            "exec -u root web sh",
            "exec web $(reboot)",
            "exec web \u{1b}[2J",
        ] {
            assert!(
                meant(typed)
                    .unwrap()
                    .starts_with("`nsx enter TARGET [PROGRAM]` runs"),
                "{typed}"
            );
        }
        assert_eq!(meant("bogus"), None);
    }

    #[test]
    fn no_command_is_listed_twice() {
        let mut names: Vec<_> = COMMANDS.iter().flat_map(|(names, _)| *names).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        let mut options: Vec<_> = LIST_OPTIONS.iter().flat_map(|(names, _)| *names).collect();
        let count = options.len();
        options.sort_unstable();
        options.dedup();
        assert_eq!(options.len(), count);
    }

    #[test]
    fn quotes_are_those_that_a_shell_takes_off() {
        assert_eq!(
            quoted("TYPE == \"net\"").as_deref(),
            Some("'TYPE == \"net\"'")
        );
        assert_eq!(
            quoted("TYPE == 'net'").as_deref(),
            Some("\"TYPE == 'net'\"")
        );
        assert_eq!(quoted("TYPE == 'n\"et'"), None);
        assert_eq!(quoted("\u{1b}"), None);
    }
}
