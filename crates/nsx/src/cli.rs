//! From the argument vector to a command, and the report of its failure.
//!
//! Only the command that is called builds its options: building all of them would double the time
//! to start.

use crate::{
    arguments::read, bench, can, complete, doctor, enter, error::Error, exit::ExitStatus, idmap,
    link, ls, meant, mounts, net, out, pidmap, pin, rm, trace, unlink, unshare,
};
use clap::{
    Args, CommandFactory, Parser,
    builder::PossibleValue,
    error::{ContextKind, ContextValue, ErrorKind},
};
use nsx_core::trouble;
use std::{
    ffi::{CStr, OsString},
    os::unix::ffi::OsStrExt,
};

/// The help of `nsx`, which fits a screen.
const HELP: &str = "\
Create, enter, list and translate Linux namespaces

Usage: nsx COMMAND [OPTION]...

  enter          Run a program in a container, or in the namespaces of a process
  unshare        Run a program in new namespaces
  ls             List containers and namespaces, and what keeps them alive
  net, ss        List the devices, and sockets, of all network namespaces
  mounts         List the mounts that a process or container sees
  pidmap, idmap  Translate process ids, and user and group ids
  doctor         Find out what you can do here, or what isolates a container
  can, trace     Find out why something is refused, before or when it happens
  bench          Measure what namespaces cost on this host
  pin, rm        Keep namespaces in files, and remove such files and sets
  link, unlink   Connect the network of a set or container, and disconnect it
  compat         Run as unshare, nsenter or lsns of util-linux

Examples:
  nsx ls                       what has namespaces of its own
  nsx enter web                a shell in the container web
  nsx unshare -r --pid --net   a shell as root, alone in a network of its own

`nsx help COMMAND` explains a command, `nsx COMMAND -h` briefly.
";

/// Create, enter, list and translate Linux namespaces.
#[derive(Debug, Parser)]
#[command(
    name = "nsx",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    override_help = HELP
)]
pub enum Nsx {
    /// Run a program in new namespaces
    Unshare(Box<unshare::Options>),
    /// Run a program in a container, or in the namespaces of a process
    Enter(Box<enter::Options>),
    /// List namespaces, or the processes in nested PID namespaces
    Ls(ls::Options),
    /// List network devices of all network namespaces, and what each is connected to
    Net(net::Options),
    /// List the mounts that a process or container sees
    Mounts(mounts::Options),
    /// Translate process ids between PID namespaces
    Pidmap(pidmap::Options),
    /// Translate user and group ids between user namespaces
    Idmap(idmap::Options),
    /// Find out what you can do on this host, or what isolates a container
    Doctor(doctor::Options),
    /// Find out whether one process may do something to another
    Can(can::Options),
    /// Run a program, and say why its system calls are refused
    Trace(trace::Options),
    /// Measure what namespaces cost on this host
    Bench(bench::Options),
    /// Keep namespaces of a process or container in files
    Pin(pin::Options),
    /// Remove pins: files that keep namespaces
    Rm(rm::Options),
    /// Connect the network of a set, a process or a container
    Link(link::Options),
    /// Remove links of a set, a process or a container
    Unlink(unlink::Options),
    /// Run as a program of util-linux, exactly, as a link to nsx of that name does
    Compat(CompatOptions),
}

/// The program to run as. The module `compat` reads its arguments.
#[derive(Args, Debug)]
pub struct CompatOptions {
    /// The program's name
    #[arg(value_name = "PROGRAM", value_parser = [
        PossibleValue::new("lsns").help("List namespaces"),
        PossibleValue::new("nsenter").help("Run a program in the namespaces of a process"),
        PossibleValue::new("unshare").help("Run a program in new namespaces"),
    ])]
    program: String,
    /// The program's arguments
    #[arg(
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "ARG"
    )]
    arguments: Vec<OsString>,
}

/// Returns the exit status of the command that the first argument names if nsx fails.
pub(crate) fn failure(arguments: &[&CStr]) -> ExitStatus {
    match arguments.get(1).map(|name| name.to_bytes()) {
        Some(name) => failure_of(name),
        None => ExitStatus::FAILURE,
    }
}

fn failure_of(command: &[u8]) -> ExitStatus {
    match command {
        b"unshare" | b"enter" | b"trace" => ExitStatus::NOT_RUN,
        _ => ExitStatus::FAILURE,
    }
}

/// Runs the command that the first argument names.
pub(crate) fn dispatch(mut arguments: Vec<OsString>) -> ExitStatus {
    let command = arguments
        .get(1)
        .map(|name| name.as_bytes().to_vec())
        .unwrap_or_default();
    let failure = failure_of(&command);
    // clap takes the first word for the program's name.
    let own = arguments.get(1..).unwrap_or_default();
    match command.as_slice() {
        b"unshare" => run(read::<unshare::Options>(own), unshare::run, failure),
        b"enter" => {
            enter::seal_if_plain(own);
            run(enter::Options::read(own), enter::run, failure)
        }
        b"ls" => whole(run(ls::Options::read(own), ls::run, failure)),
        b"mounts" => whole(run(read::<mounts::Options>(own), mounts::run, failure)),
        // `nsx ss` is `nsx net --sockets`.
        b"ss" => {
            let words = ["nsx", "net", "--sockets"].map(OsString::from);
            arguments.splice(..2, words);
            dispatch(arguments)
        }
        b"net" => whole(run(read::<net::Options>(own), net::run, failure)),
        b"pidmap" => whole(run(read::<pidmap::Options>(own), pidmap::run, failure)),
        b"idmap" => whole(run(read::<idmap::Options>(own), idmap::run, failure)),
        b"doctor" => whole(run(read::<doctor::Options>(own), doctor::run, failure)),
        b"can" => whole(run(read::<can::Options>(own), can::run, failure)),
        b"trace" => run(read::<trace::Options>(own), trace::run, failure),
        b"bench" => run(read::<bench::Options>(own), bench::run, failure),
        b"pin" => run(read::<pin::Options>(own), pin::run, failure),
        b"link" => run(read::<link::Options>(own), link::run, failure),
        b"unlink" => run(read::<unlink::Options>(own), unlink::run, failure),
        b"rm" => run(read::<rm::Options>(own), rm::run, failure),
        // For the completion scripts.
        b"__complete" => finish(complete::run(Nsx::command(), &arguments[2..]), failure),
        // `nsx help enter` is `nsx enter --help`.
        b"help" if arguments.len() > 2 => {
            arguments.remove(1);
            arguments.truncate(2);
            arguments.push("--help".into());
            dispatch(arguments)
        }
        b"help" => no_command(&["nsx".into(), "--help".into()]),
        _ => no_command(&arguments),
    }
}

/// Answers arguments without the name of a command: `--help`, `--version` or wrong usage.
fn no_command(arguments: &[OsString]) -> ExitStatus {
    let Err(mut error) = Nsx::command().try_get_matches_from(arguments) else {
        return ExitStatus::FAILURE;
    };
    if error.kind() == ErrorKind::InvalidSubcommand {
        let own = arguments.get(1..).unwrap_or_default();
        meant::propose(&mut error, meant::command(own));
    }
    print_usage(error, ExitStatus::FAILURE)
}

/// Returns the status of a command that lists, unless the system itself failed meanwhile: then what
/// is printed is not all there is.
fn whole(status: ExitStatus) -> ExitStatus {
    match trouble::first() {
        Some(errno) if status != ExitStatus::FAILURE => {
            let error = Error::failed("read all of it", errno);
            out::report(&error, ExitStatus::FAILURE)
        }
        _ => status,
    }
}

/// Runs a command with the options that were read; `failure` is its exit status if they are wrong
/// or nsx fails.
fn run<O>(
    options: Result<O, clap::Error>,
    command: fn(O) -> Result<ExitStatus, Error>,
    failure: ExitStatus,
) -> ExitStatus {
    match options {
        Ok(options) => finish(command(options), failure),
        Err(error) => print_usage(error, failure),
    }
}

/// Reports the failure of a command.
fn finish(outcome: Result<ExitStatus, Error>, failure: ExitStatus) -> ExitStatus {
    outcome.unwrap_or_else(|error| out::report(&error, failure))
}

/// Prints help to standard output, or wrong usage to standard error.
fn print_usage(mut error: clap::Error, failure: ExitStatus) -> ExitStatus {
    // clap's suggestion would make a negative number the program: `--status-fd -- -1`.
    if let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg)
        && word
            .strip_prefix('-')
            .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))
    {
        error.insert(ContextKind::Suggested, ContextValue::None);
    }
    if let Err(unwritten) = error.print() {
        let error = Error::failed("write to standard output", unwritten);
        return out::report(&error, failure);
    }
    if error.use_stderr() {
        failure
    } else {
        ExitStatus::SUCCESS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_command_on_one_screen() {
        let lines: Vec<_> = HELP.lines().collect();
        assert!(lines.len() <= 24 && lines.iter().all(|line| line.len() <= 80));
        let names = lines.iter().filter_map(|line| line.split("  ").nth(1));
        let names: Vec<_> = names.flat_map(|names| names.split(", ")).collect();
        for command in Nsx::command().get_subcommands() {
            assert!(names.contains(&command.get_name()), "{command}");
        }
    }

    #[test]
    fn every_example_fits_80_columns() {
        for command in Nsx::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            for line in help.lines().filter(|line| line.starts_with(' ')) {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }
}
