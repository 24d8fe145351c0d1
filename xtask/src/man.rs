//! `cargo xtask man`: the options of each command, written into its man page between two comments.
//!
//! Between them `nsx-compat(1)` also gets the differences from util-linux's programs. The rest of a
//! page is written by hand. See `groff_man(7)` for the macros.

/// The differences that the tests check with both programs.
#[allow(dead_code, reason = "the rest of an entry is for the tests")]
#[path = "../../tests/strict/known_differences.rs"]
mod known_differences;

use crate::{
    Outcome,
    tree::{self, Generated},
};
use clap::{Arg, Command, CommandFactory};
use known_differences::Difference;
use nsx::cli::Nsx;
use std::path::PathBuf;

const BEGIN: &str = ".\\\" From here on written by `cargo xtask man`.\n";
const END: &str = ".\\\" Up to here written by `cargo xtask man`.\n";

/// nsx and its commands, complete as clap uses them.
pub(crate) fn commands() -> Vec<Command> {
    let mut nsx = Nsx::command();
    nsx.build();
    let commands: Vec<_> = nsx.get_subcommands().cloned().collect();
    std::iter::once(nsx).chain(commands).collect()
}

/// Returns the path of a command's page.
pub(crate) fn path(command: &Command) -> PathBuf {
    format!("man/{}.1", page_name(command)).into()
}

/// Returns the pages with the current options.
pub(crate) fn pages() -> Outcome<Vec<Generated>> {
    commands().iter().map(page).collect()
}

fn page(command: &Command) -> Outcome<Generated> {
    let path = path(command);
    let old = tree::read(&path)?;
    let around = old
        .split_once(BEGIN)
        .and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let Some((before, after)) = around else {
        return Err(format!(
            "{} lacks the comments between which the options go",
            path.display()
        )
        .into());
    };
    let text = [
        before,
        BEGIN,
        &subcommands(command),
        &options(command),
        &differences(command),
        END,
        after,
    ]
    .concat();
    Ok(Generated {
        path,
        text,
        by: "man",
    })
}

fn page_name(command: &Command) -> String {
    command
        .get_bin_name()
        .unwrap_or_else(|| command.get_name())
        .replace(' ', "-")
}

fn subcommands(command: &Command) -> String {
    let items = command.get_subcommands().map(|command| {
        let about = command
            .get_about()
            .map(ToString::to_string)
            .unwrap_or_default();
        format!(
            ".TP\n{}(1)\n{}\n",
            bold(&page_name(command)),
            sentence(&about, &[])
        )
    });
    let items: String = items.collect();
    if items.is_empty() {
        items
    } else {
        format!(".SH COMMANDS\n{items}")
    }
}

/// Returns the options under their headings, in the order of the help text.
fn options(command: &Command) -> String {
    let visible: Vec<_> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
        .collect();
    let mut headings = vec![None];
    for argument in &visible {
        if !headings.contains(&argument.get_help_heading()) {
            headings.push(argument.get_help_heading());
        }
    }
    let mut text = ".SH OPTIONS\n".to_owned();
    for heading in headings {
        if let Some(heading) = heading {
            text += &format!(".SS {heading}\n");
        }
        let (operands, options): (Vec<_>, Vec<_>) = visible
            .iter()
            .copied()
            .filter(|argument| argument.get_help_heading() == heading)
            .partition(|argument| argument.is_positional());
        text.extend(operands.into_iter().chain(options).map(item));
    }
    text
}

/// Lists the differences between the programs that `nsx compat` runs as and util-linux's.
fn differences(command: &Command) -> String {
    if command.get_name() != "compat" {
        return String::new();
    }
    let programs = [
        ("lsns", known_differences::LSNS),
        ("nsenter", known_differences::NSENTER),
        ("unshare", known_differences::UNSHARE),
    ];
    let section = |(program, differences): (&str, &[Difference])| {
        let items = differences.iter().map(|known| {
            format!(
                ".IP \\(bu 3\n{}\n",
                capitalized(&sentence(known.reason, &[]))
            )
        });
        format!(".SS {program}\n{}", items.collect::<String>())
    };
    ".SH DIFFERENCES\nOn purpose, because it is right or because more works with it:\n".to_owned()
        + &programs.into_iter().map(section).collect::<String>()
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

fn item(argument: &Arg) -> String {
    // clap gives flags a value name too.
    let values = argument
        .get_value_names()
        .filter(|_| takes_values(argument))
        .unwrap_or_default();
    let values: Vec<_> = values.iter().map(|name| name.as_str()).collect();
    let help = argument
        .get_long_help()
        .or(argument.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut paragraphs: Vec<_> = help
        .split("\n\n")
        .map(|paragraph| sentence(paragraph, &values))
        .collect();
    if takes_values(argument) && !argument.is_hide_default_value_set() {
        let defaults = argument.get_default_values().iter();
        paragraphs.extend(
            defaults.map(|value| format!("The default is {}.", bold(&value.to_string_lossy()))),
        );
    }
    let mut text = format!(
        ".TP\n{}\n{}\n",
        term(argument, &values),
        paragraphs.join("\n.IP\n")
    );
    let words: Vec<_> = argument
        .get_possible_values()
        .into_iter()
        .filter(|word| !word.is_hide_set())
        .collect();
    if !words.is_empty() {
        text += ".RS\n";
        for word in words {
            let help = word.get_help().map(ToString::to_string).unwrap_or_default();
            text += &format!(".TP\n{}\n{}\n", bold(word.get_name()), sentence(&help, &[]));
        }
        text += ".RE\n";
    }
    text
}

/// Returns an option's names and value as they are typed.
fn term(argument: &Arg, values: &[&str]) -> String {
    let value = values
        .iter()
        .map(|name| italic(name))
        .collect::<Vec<_>>()
        .join(" ");
    if argument.is_positional() {
        let many = argument
            .get_num_args()
            .is_some_and(|range| range.max_values() > 1);
        return value + if many { "..." } else { "" };
    }
    let short = argument.get_short().map(|short| bold(&format!("-{short}")));
    let long = argument.get_long().map(|long| bold(&format!("--{long}")));
    let names = short.into_iter().chain(long).collect::<Vec<_>>().join(", ");
    match argument.get_num_args() {
        _ if !takes_values(argument) => names,
        Some(range) if range.max_values() == 0 => names,
        Some(range) if range.min_values() == 0 => format!("{names}[={value}]"),
        _ => format!("{names} {value}"),
    }
}

fn takes_values(argument: &Arg) -> bool {
    argument.get_action().takes_values()
}

/// Returns a paragraph of help text, with the full stop that help texts leave out. Words in
/// backticks, options and references to manual pages are bold, the option's own `values` italic.
fn sentence(text: &str, values: &[&str]) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        if index % 2 == 1 {
            return bold(part);
        }
        part.split(' ')
            .map(|word| marked(word, values))
            .collect::<Vec<_>>()
            .join(" ")
    });
    let mut text: String = parts.collect();
    if !text.is_empty() && !text.ends_with(['.', ':', '?']) {
        text.push('.');
    }
    text
}

fn marked(word: &str, values: &[&str]) -> String {
    let bare = word.trim_start_matches('(');
    let (before, word) = word.split_at(word.len() - bare.len());
    let end = match word.find('(') {
        Some(end)
            if end > 0 && word[end + 1..].starts_with(|section: char| section.is_ascii_digit()) =>
        {
            end
        }
        _ if word.starts_with('-') && word.len() > 1 => {
            word.trim_end_matches([',', '.', ';', ':', ')']).len()
        }
        _ => 0,
    };
    if end > 0 {
        return before.to_owned() + &bold(&word[..end]) + &escape(&word[end..]);
    }
    let (name, after) = word.split_at(
        word.find(|letter: char| !letter.is_ascii_uppercase())
            .unwrap_or(word.len()),
    );
    let name = if values.contains(&name) {
        italic(name)
    } else {
        escape(name)
    };
    before.to_owned() + &name + &escape(after)
}

fn bold(word: &str) -> String {
    format!("\\fB{}\\fR", literal(word))
}

fn italic(word: &str) -> String {
    format!("\\fI{}\\fR", literal(word))
}

/// Formats text that is typed literally: its hyphens are the ASCII ones.
fn literal(text: &str) -> String {
    escape(text).replace('-', "\\-")
}

/// Text that is prose to roff. No generated line begins with a dot or a quotation mark.
fn escape(text: &str) -> String {
    text.replace('\\', "\\e")
        .replace('~', "\\(ti")
        .replace('^', "\\(ha")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_text_becomes_a_sentence_with_its_marks() {
        assert_eq!(
            sentence("Be root; implies --user", &[]),
            "Be root; implies \\fB\\-\\-user\\fR."
        );
        assert_eq!(
            sentence(
                "With DIR, `ps aux` (pivot_root(2), not chroot(2)) in DIR/proc.",
                &["DIR"]
            ),
            "With \\fIDIR\\fR, \\fBps aux\\fR (\\fBpivot_root\\fR(2), not \\fBchroot\\fR(2)) in \\fIDIR\\fR/proc."
        );
    }

    #[test]
    fn a_term_is_what_one_types() {
        let text = |argument: Arg| {
            let command = Command::new("x").arg(argument);
            options(&command)
        };
        assert!(
            text(Arg::new("a").short('w').long("wd").value_name("DIR"))
                .contains("\\fB\\-w\\fR, \\fB\\-\\-wd\\fR \\fIDIR\\fR\n")
        );
        assert!(
            text(
                Arg::new("a")
                    .long("dev")
                    .num_args(0)
                    .action(clap::ArgAction::Append)
            )
            .contains("\\fB\\-\\-dev\\fR\n")
        );
        assert!(
            text(Arg::new("a").long("proc").num_args(0..=1).value_name("DIR"))
                .contains("\\fB\\-\\-proc\\fR[=\\fIDIR\\fR]\n")
        );
    }
}
