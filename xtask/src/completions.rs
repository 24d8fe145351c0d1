//! `cargo xtask completions`: the options for bash, zsh and fish; and for a TARGET, the words that
//! `nsx __targets` prints.

use crate::tree::Generated;
use clap::{Arg, ArgAction, Command, CommandFactory};
use clap_complete::Shell;
use nsx::cli::Nsx;
use std::path::Path;

/// Returns a script for each shell.
pub(crate) fn scripts() -> Vec<Generated> {
    let files = [
        (Shell::Bash, "nsx.bash"),
        (Shell::Zsh, "_nsx"),
        (Shell::Fish, "nsx.fish"),
    ];
    files.map(|(shell, file)| script(shell, file)).into()
}

fn script(shell: Shell, file: &str) -> Generated {
    let mut bytes = Vec::new();
    let mut nsx =
        Nsx::command().mut_subcommands(|command| command.mut_args(without_attached_value));
    clap_complete::generate(shell, &mut nsx, "nsx", &mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let commands = commands(&nsx);
    let text = match shell {
        Shell::Bash => bash(&text, &commands),
        Shell::Zsh => zsh(&text, &commands),
        _ => fish(&text, &commands),
    };
    Generated {
        path: Path::new("crates/nsx/completions").join(file),
        text,
        by: "completions",
    }
}

/// The arguments by which a command takes a target.
struct TargetArguments {
    command: String,
    /// The options with such a value.
    options: Vec<Arg>,
    /// The operand with such a value.
    operand: Option<Arg>,
}

/// The names of values that may be targets.
const NAMES: [&str; 2] = ["TARGET", "PID"];

fn commands(nsx: &Command) -> Vec<TargetArguments> {
    let is_target = |argument: &&Arg| {
        argument
            .get_value_names()
            .is_some_and(|names| names.iter().any(|name| NAMES.contains(&name.as_str())))
    };
    let arguments = |command: &Command| {
        let arguments = command.get_arguments().filter(is_target).cloned();
        let (operands, options): (Vec<_>, Vec<_>) = arguments.partition(Arg::is_positional);
        TargetArguments {
            command: command.get_name().to_owned(),
            options,
            operand: operands.into_iter().next(),
        }
    };
    nsx.get_subcommands()
        .map(arguments)
        .filter(|arguments| arguments.operand.is_some() || !arguments.options.is_empty())
        .collect()
}

/// Returns bash's function, which adds the names of targets to the words that clap's function
/// finds. They contain colons, at which bash may break words, and are not given to `compgen`, which
/// would expand them.
fn bash(text: &str, commands: &[TargetArguments]) -> String {
    let mut after = Vec::new();
    let mut first = Vec::new();
    for TargetArguments {
        command,
        options,
        operand,
    } in commands
    {
        let short = |option: &Arg| {
            option
                .get_short()
                .map(|short| format!("\"{command} -{short}\""))
        };
        let long = |option: &Arg| {
            option
                .get_long()
                .map(|long| format!("\"{command} --{long}\""))
        };
        after.extend(
            options
                .iter()
                .flat_map(|option| [short(option), long(option)])
                .flatten(),
        );
        first.extend(operand.iter().map(|_| format!("\"{command} {command}\"")));
    }
    let function = format!(
        r#"# The names of what runs, beside clap's own words, for arguments that name a target.
_nsx_and_targets() {{
    _nsx "$@"
    local line=${{COMP_LINE:0:COMP_POINT}} words word= last target shown
    read -r -a words <<<"$line"
    if [[ $line != *[[:space:]] ]]; then
        word=${{words[-1]}}
        unset "words[-1]"
    fi
    last=${{words[${{#words[@]}} - 1]-}}
    case "${{words[1]-}} $last" in
        {}) COMPREPLY=() ;;
        {}) [[ $word != -* ]] || return 0 ;;
        *) return 0 ;;
    esac
    shown=
    if [[ $COMP_WORDBREAKS == *:* ]]; then
        shown=${{word%"${{word##*:}}"}}
    fi
    while IFS= read -r target; do
        if [[ $target == "$word"* ]]; then
            COMPREPLY+=("${{target#"$shown"}}")
        fi
    done < <("${{words[0]}}" __targets 2>/dev/null)
}}

if [["#,
        after.join(" | "),
        first.join(" | ")
    );
    let registers = "\nif [[ \"${BASH_VERSINFO";
    text.replacen(registers, &format!("\n{function} \"${{BASH_VERSINFO"), 1)
        .replace("complete -F _nsx ", "complete -F _nsx_and_targets ")
}

fn zsh(text: &str, commands: &[TargetArguments]) -> String {
    let names = NAMES.map(|name| {
        (
            format!(":{name}:_default'"),
            format!(":{name}:_nsx_targets'"),
        )
    });
    let operands: Vec<_> = commands
        .iter()
        .filter_map(|arguments| arguments.operand.as_ref())
        .collect();
    let line = |line: &str| {
        let line = names
            .iter()
            .fold(line.to_owned(), |line, (from, to)| line.replace(from, to));
        let is_operand = |operand: &&&Arg| {
            let rest = line.trim_start_matches(['\'', '*', ':']);
            rest.strip_prefix(operand.get_id().as_str())
                .is_some_and(|rest| rest.starts_with(" -- "))
        };
        match operands.iter().find(is_operand) {
            Some(_) => line.replace(":_default'", ":_nsx_targets'"),
            None => line,
        }
    };
    let text: String = text.lines().map(|text| line(text) + "\n").collect();
    let function = r#"_nsx_targets() {
    local -a targets
    targets=(${(f)"$(_call_program targets nsx __targets 2>/dev/null)"})
    compadd -a targets
}

if [ "$funcstack"#;
    text.replacen("if [ \"$funcstack", function, 1)
}

fn fish(text: &str, commands: &[TargetArguments]) -> String {
    let words = "-a \"(nsx __targets 2>/dev/null)\"";
    let line = |line: &str| {
        let is_option = |arguments: &&TargetArguments| {
            let of_command = line.contains(&format!("using_subcommand {}\"", arguments.command));
            let long = |option: &Arg| {
                option
                    .get_long()
                    .is_some_and(|long| line.contains(&format!(" -l {long} ")))
            };
            of_command && line.ends_with(" -r") && arguments.options.iter().any(long)
        };
        match commands.iter().find(is_option) {
            Some(_) => format!("{line} -f {words}\n"),
            None => format!("{line}\n"),
        }
    };
    let text: String = text.lines().map(line).collect();
    let operand = |arguments: &TargetArguments| {
        let TargetArguments { command, .. } = arguments;
        format!("complete -c nsx -n \"__fish_nsx_using_subcommand {command}\" {words}\n")
    };
    text + &commands
        .iter()
        .filter(|arguments| arguments.operand.is_some())
        .map(operand)
        .collect::<String>()
}

/// Hides an optional value, which is attached with `=`: the scripts would take the next word for
/// it, so they get a flag.
fn without_attached_value(option: Arg) -> Arg {
    if !option.is_require_equals_set() {
        return option;
    }
    let mut flag = Arg::new(option.get_id()).action(ArgAction::SetTrue);
    if let Some(short) = option.get_short() {
        flag = flag.short(short);
    }
    if let Some(long) = option.get_long() {
        flag = flag.long(long.to_owned());
    }
    if let Some(help) = option.get_help() {
        flag = flag.help(help.clone());
    }
    flag
}
