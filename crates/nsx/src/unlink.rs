//! `nsx unlink`: removes interfaces from a network, with what `nsx link` made for them outside.

use crate::{
    error::Error,
    exit::ExitStatus,
    lab::SetRecord,
    link,
    links::{self, OWN_BRIDGE, hosts},
    program,
    text::escape,
};
use clap::Parser;
use nsx_core::{plan::NamespaceFile, run};
use nsx_net::InterfaceName;
use std::ffi::OsString;

const EXAMPLES: &str = "\
Examples:
  nsx unlink lab:web eth0

Exit status: 0 if all are removed, 1 if the target or an interface does not exist, 2 for wrong usage
or a failure.";

/// Remove links of a set, a process or a container
///
/// Both ends of a cable are removed, and the ports and names that a set has by the link. An interface
/// that was moved into a set comes back.
#[derive(Debug, Parser)]
#[command(name = "nsx unlink", version, bin_name = "nsx unlink", after_help = EXAMPLES)]
pub struct Options {
    /// A set as lab:NAME, a process, a container, or a network namespace
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    target: OsString,
    /// The name of an interface inside
    #[arg(value_name = "NAME", required = true)]
    names: Vec<InterfaceName>,
}

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let proc = program::procfs()?;
    let (found, file) = link::open(&options.target, &proc)?;
    for name in &options.names {
        // Read again for each: the interface before has changed it.
        remove(name, &file, SetRecord::of(&found).as_ref())?;
    }
    Ok(ExitStatus::SUCCESS)
}

fn remove(
    name: &InterfaceName,
    file: &NamespaceFile,
    set: Option<&SetRecord>,
) -> Result<(), Error> {
    let is_about = |line: &str| links::is_about(line, name.as_str());
    let target = escape(file.path.as_os_str().as_encoded_bytes());
    let act = || format!("remove {name} from {target}");
    let text = set.map_or("", |set| set.text.as_str());
    let is_recorded = text.lines().any(is_about);
    let concerned = text
        .lines()
        .filter(|line| is_about(line) || line.starts_with("bridge="));
    let concerned: Vec<&str> = concerned.collect();
    // What the host can reach of an interface goes first; what was moved is brought back.
    if is_recorded {
        links::take_away(&concerned.join("\n"), Some(&file.ns));
    }
    match run::remove_in(&file.ns, name) {
        Ok(true) => {}
        Ok(false) | Err(_) if is_recorded => {}
        Ok(false) => {
            let text = format!("no interface {name} in {target}");
            return Err(Error::Missing(text));
        }
        Err(errno) => return Err(Error::failed(act(), errno)),
    }
    if let Ok(bridge) = OWN_BRIDGE.parse() {
        // Unless others are connected to it.
        let _ = run::remove_bridge(&bridge);
    }
    if let Some(set) = set {
        run::edit_record(&set.path, |line| !is_about(line), &[])
            .and_then(|()| hosts::update(&set.path, &concerned.join("\n")))
            .map_err(|error| Error::failed(act(), error))?;
    }
    Ok(())
}
