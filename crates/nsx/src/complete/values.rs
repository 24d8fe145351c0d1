//! The values of options and operands: which words stand for a value is said by the value's name in
//! the help.

use super::{
    answer::{Answer, Word},
    line::Line,
};
use crate::{
    query::column::{Column, LinkColumn, MountColumn, NsColumn, ProcessColumn, SocketColumn},
    target,
};
use clap::{Arg, ValueHint};
use nsx_core::{accounts, hash::HashMap, ns::NsKind, pid::Pid, proc::ProcRoot, signal};
use nsx_net::Netlink;
use nsx_target::Host;
use rustix::{fs::OFlags, thread::CapabilitySet};
use std::ffi::OsStr;

/// Returns the words for the value of an argument, of which `text` is typed.
pub(super) fn of(line: &Line<'_>, argument: &Arg, text: &str) -> Answer {
    let possible = argument.get_possible_values();
    if !possible.is_empty() {
        let words = possible.iter().filter(|value| !value.is_hide_set());
        return Answer::words(
            words
                .map(|value| Word::described(value.get_name(), value.get_help()))
                .collect(),
        );
    }
    let names = argument.get_value_names().unwrap_or_default();
    match names.first().map_or("", |name| name.as_str()) {
        "TARGET" | "PID" => Answer::words(targets(text)),
        "PROCESS" => {
            let mut words = targets(text);
            words.push(Word::new("self", "The caller"));
            Answer::words(words)
        }
        "PATTERN" => Answer::words(patterns()),
        "PIN" => Answer::files(names_with(&["lab:", "netns:"])),
        "TYPE" => listed(text, kinds("")),
        "KIND" => Answer::words(kinds("")),
        "KIND=FILE" => pin(text),
        "KIND[,KIND]=TARGET" => join(text),
        "LIST" => columns(line, text),
        "UID|NAME" => Answer::words(accounts(line, true)),
        "GID|NAME" => Answer::words(accounts(line, false)),
        "NAME|UID[:GROUP|GID]" => match text.split_once(':') {
            Some((user, _)) => after(&format!("{user}:"), Answer::words(accounts(line, false))),
            None => Answer::words(accounts(line, true)),
        },
        "ID" => ids(line),
        "RANGE" => Answer::words(vec![
            Word::new(
                "auto",
                "The ranges of /etc/subuid or /etc/subgid, from 0 inside",
            ),
            Word::new("subids", "Those ranges, with the same numbers inside"),
            Word::new("all", "Every id of the caller's namespace"),
        ]),
        "SIGNAL" => Answer::words(signal::names().map(Word::plain).collect()),
        "CAP" => Answer::words(capabilities(text)),
        "CAP|all" => {
            let mut words = capabilities(text);
            words.push(Word::new("all", "Every capability"));
            Answer::words(words)
        }
        "SPEC" => link(text),
        "LIMITS" => limits(text),
        "NAME=VALUE" | "NAME[=VALUE]" => Answer::open(variables()),
        "NAMES" => listed(text, variables()),
        "NAME" if matches!(argument.get_id().as_str(), "unset_env" | "keep_env") => {
            Answer::words(variables())
        }
        name => paths(argument, name, text),
    }
}

/// Files or directories, if the value is one.
fn paths(argument: &Arg, name: &str, text: &str) -> Answer {
    let answer = match argument.get_value_hint() {
        ValueHint::DirPath => Answer::directories(),
        ValueHint::FilePath | ValueHint::AnyPath => Answer::files(Vec::new()),
        _ if name.starts_with("DIR") => Answer::directories(),
        _ if ["FILE", "PATH", "SRC", "LOWER"]
            .iter()
            .any(|it| name.starts_with(it)) =>
        {
            Answer::files(Vec::new())
        }
        _ => Answer::default(),
    };
    match text.rfind(':') {
        Some(colon) if name.contains(':') => after(&text[..=colon], answer),
        _ => answer,
    }
}

/// Puts the part of the value that stays before each word.
fn after(prefix: &str, mut answer: Answer) -> Answer {
    answer.prepend(prefix);
    answer
}

/// A list with commas, whose last item is completed. Items before it are not proposed again.
fn listed(text: &str, words: Vec<Word>) -> Answer {
    let start = text.rfind(',').map_or(0, |comma| comma + 1);
    let given: Vec<&str> = text[..start].split(',').collect();
    let is_new = |word: &Word| !given.contains(&word.text.as_str());
    let words = words.into_iter().filter(is_new).collect();
    after(&text[..start], Answer::open(words))
}

/// Everything that runs; also the processes if a number is typed.
fn targets(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = names().into_iter().map(Word::plain).collect();
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        words.extend(processes(text));
    }
    words
}

/// The processes whose ids begin with these digits, with their commands.
fn processes(digits: &str) -> Vec<Word> {
    let Ok(proc) = ProcRoot::system() else {
        return Vec::new();
    };
    let pids = proc.pids().unwrap_or_default();
    let describe = |pid: Pid| {
        let word = pid.to_string();
        if !word.starts_with(digits) {
            return None;
        }
        let command = proc.read(pid, "comm").ok()?;
        Some(Word::new(word, &String::from_utf8_lossy(&command)))
    };
    pids.into_iter().filter_map(describe).collect()
}

fn names() -> Vec<String> {
    Host::system().map(|host| host.words()).unwrap_or_default()
}

fn names_with(prefixes: &[&str]) -> Vec<Word> {
    let names = names().into_iter();
    names
        .filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        .map(Word::plain)
        .collect()
}

/// A pattern for each engine and kind of name that something has.
fn patterns() -> Vec<Word> {
    let prefix = |name: String| Some(name.split_once(':')?.0.to_owned());
    let mut prefixes: Vec<String> = names().into_iter().filter_map(prefix).collect();
    prefixes.dedup();
    let words = prefixes.iter();
    words
        .map(|prefix| Word::plain(format!("{prefix}:*")))
        .collect()
}

/// The kinds of namespace, each with `end` after it.
fn kinds(end: &str) -> Vec<Word> {
    NsKind::ALL
        .into_iter()
        .map(|kind| Word::plain(format!("{}{end}", kind.name())))
        .collect()
}

/// `KIND=FILE`, or a name for `ip netns`.
fn pin(text: &str) -> Answer {
    match text.split_once('=') {
        Some((kind, _)) => after(&format!("{kind}="), Answer::files(Vec::new())),
        None => {
            let mut words = kinds("=");
            words.push(Word::new("netns:", "A name that ip-netns(8) knows"));
            Answer::open(words)
        }
    }
}

/// `KIND[,KIND]=TARGET`.
fn join(text: &str) -> Answer {
    if let Some((kinds, target)) = text.split_once('=') {
        return after(&format!("{kinds}="), Answer::words(targets(target)));
    }
    let mut answer = listed(text, kinds(""));
    answer.words.iter_mut().for_each(|word| word.text.push('='));
    answer
}

/// Columns of what the command lists, after `+` and commas.
fn columns(line: &Line<'_>, text: &str) -> Answer {
    let words = match line.command.get_name() {
        "net" if line.has("sockets") => names_of::<SocketColumn>(),
        "net" => names_of::<LinkColumn>(),
        "mounts" => names_of::<MountColumn>(),
        "ls" if line.has("pids") || line.value("tree") == Some("pid") => {
            names_of::<ProcessColumn>()
        }
        _ => names_of::<NsColumn>(),
    };
    match text.strip_prefix('+') {
        Some(added) => after("+", listed(added, words)),
        None => listed(text, words),
    }
}

fn names_of<C: Column>() -> Vec<Word> {
    let words = C::SPECS
        .iter()
        .map(|spec| Word::new(spec.name.to_ascii_lowercase(), spec.about));
    words.chain([Word::new("all", "All columns")]).collect()
}

/// Users or groups: the target's if a target is named, otherwise the caller's.
fn accounts(line: &Line<'_>, of_users: bool) -> Vec<Word> {
    let target = ["target", "named_target"]
        .iter()
        .find_map(|id| line.value(id));
    let names: HashMap<u32, Vec<u8>> = match target {
        Some(target) => below(target, of_users).unwrap_or_default(),
        None if of_users => accounts::user_names().unwrap_or_default(),
        None => accounts::group_names().unwrap_or_default(),
    };
    let mut words: Vec<Word> = names
        .into_values()
        .filter_map(|name| String::from_utf8(name).ok())
        .map(Word::plain)
        .collect();
    words.sort_unstable_by(|one, other| one.text.cmp(&other.text));
    words
}

/// The names in the files of a target.
fn below(target: &str, of_users: bool) -> Option<HashMap<u32, Vec<u8>>> {
    let process = target::resolve(OsStr::new(target)).ok()?.process;
    let proc = ProcRoot::system().ok()?;
    let pid = process.pid_in(&proc).ok()?;
    let root = proc.open_entry(pid, "root", OFlags::PATH | OFlags::DIRECTORY);
    let root = root.ok().filter(|_| !process.ended())?;
    match of_users {
        true => accounts::user_names_below(root).ok(),
        false => accounts::group_names_below(root).ok(),
    }
}

/// The ids that `nsx idmap` takes: users, and groups after the word `group`.
fn ids(line: &Line<'_>) -> Answer {
    let mut words = accounts(line, line.value("ids") != Some("group"));
    words.push(Word::new("user", "Ids of users follow"));
    words.push(Word::new("group", "Ids of groups follow"));
    Answer::words(words)
}

/// Capabilities in the spelling that was begun: with `cap_` or without, in either case.
fn capabilities(text: &str) -> Vec<Word> {
    let spellings: [fn(&str) -> String; 4] = [
        str::to_ascii_lowercase,
        |name| format!("cap_{}", name.to_ascii_lowercase()),
        str::to_owned,
        |name| format!("CAP_{name}"),
    ];
    let names = || CapabilitySet::all().iter_names().map(|(name, _)| name);
    let begun =
        |spelling: &&fn(&str) -> String| names().any(|name| spelling(name).starts_with(text));
    let spelling = spellings.iter().find(begun);
    spelling.map_or_else(Vec::new, |spelling| {
        names().map(|name| Word::plain(spelling(name))).collect()
    })
}

/// The variables of the environment.
fn variables() -> Vec<Word> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names.map(Word::plain).collect()
}

/// The kind of a link, then its keys.
fn link(text: &str) -> Answer {
    let interfaces = |wanted: fn(&str) -> bool| -> Vec<Word> {
        let links = Netlink::open().and_then(|mut netlink| netlink.links());
        let links = links.unwrap_or_default().into_iter();
        links
            .filter(|link| link.name != "lo" && wanted(link.kind.as_deref().unwrap_or_default()))
            .map(|link| Word::plain(link.name))
            .collect()
    };
    let Some((kind, _)) = text.split_once(',') else {
        return match text.split_once(':') {
            Some((kind, _)) => after(&format!("{kind}:"), Answer::open(interfaces(|_| true))),
            None => Answer::open(vec![
                Word::new("veth", "A cable to a bridge or to this host"),
                Word::new(
                    "macvlan:",
                    "A device on top of an interface, with an address of its own",
                ),
                Word::new(
                    "ipvlan:",
                    "A device on top of an interface, with its address",
                ),
                Word::new("move:", "An interface of this host, which comes back"),
                Word::new("pasta", "Through the program pasta, without privilege"),
                Word::new(
                    "slirp4netns",
                    "Through the program slirp4netns, without privilege",
                ),
            ]),
        };
    };
    let start = text.rfind(',').map_or(0, |comma| comma + 1);
    let (given, key) = text.split_at(start);
    if key.starts_with("bridge=") {
        let bridges = interfaces(|kind| kind == "bridge");
        return after(&format!("{given}bridge="), Answer::open(bridges));
    }
    if key.contains('=') {
        return Answer::default();
    }
    let mut keys = vec![
        Word::new("name=", "The name inside"),
        Word::new("addr=", "An address with the length of its prefix"),
        Word::new("gw=", "The gateway of the default route"),
        Word::new("mac=", "The hardware address"),
        Word::new("mtu=", "The largest packet, in bytes"),
    ];
    if kind == "veth" {
        keys.extend([
            Word::new("peer=", "The name outside"),
            Word::new("bridge=", "The bridge that the peer is a port of"),
            Word::new("create", "Make the bridge if it is missing"),
        ]);
    }
    after(given, Answer::open(keys))
}

fn limits(text: &str) -> Answer {
    listed(
        text,
        vec![
            Word::new("memory=", "Bytes, as in 512M"),
            Word::new("pids=", "A number of processes"),
            Word::new("cpu=", "A number of processors, as in 1.5"),
        ],
    )
}
