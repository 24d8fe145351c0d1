//! `nsx link`: connects the network of a set, a process or a container that exists.

use crate::{
    error::Error,
    execution,
    exit::ExitStatus,
    lab::SetRecord,
    links::{self, LinkError, LinkSpec, Owner, Wanted, hosts},
    out, program, target,
    text::escape,
};
use clap::Parser;
use nsx_core::{
    ns::NsKind,
    plan::{self, Addition, Caller, LinkKind, NamespaceFile, Network, Publish, link::Request},
    proc::{NsLink, ProcRoot},
};
use nsx_target::Found;
use rustix::thread::CapabilitySet;
use std::{ffi::OsString, os::unix::ffi::OsStrExt};

const EXAMPLES: &str = "\
Examples:
  nsx link lab:web veth                   a cable to nsx's own bridge
  nsx link lab:web --publish 8080:80      the same, and a port that leads inside
  nsx link lab:web veth,to=lab:db         a cable between two sets
  nsx link docker:web veth,bridge=br0,addr=10.0.0.7/24
  nsx unlink lab:web eth0                 remove it

Exit status: 0 if all links are made, 1 if the target does not exist, 2 for wrong usage or a failure.";

/// Connect the network of a set, a process or a container
///
/// If one link cannot be made, none is. A link ends with the network namespace; `nsx unlink` removes
/// it before, and `nsx rm` removes all links of a set.
#[derive(Debug, Parser)]
#[command(name = "nsx link", version, bin_name = "nsx link", after_help = EXAMPLES)]
pub struct Options {
    /// A set as lab:NAME, a process, a container, or a network namespace
    #[arg(value_name = "TARGET", allow_negative_numbers = true)]
    target: OsString,
    /// A link, as `nsx unshare --link` takes it
    #[arg(value_name = "SPEC", required_unless_present_any = ["nat", "publish"])]
    links: Vec<LinkSpec>,
    /// Let connections from inside leave with this host's address, through nftables; implies a link
    #[arg(long)]
    nat: bool,
    /// Let a port of this host lead to a port inside; implies a link, as --nat does
    #[arg(long, value_name = "[IP:]HOST:INSIDE[/udp]", value_parser = links::publish)]
    publish: Vec<Publish>,
    /// Print the plan, one line per step, and make nothing
    #[arg(long)]
    explain: bool,
}

/// Runs the command.
pub(crate) fn run(options: Options) -> Result<ExitStatus, Error> {
    let (caller, proc) = program::caller()?;
    let (found, file) = open(&options.target, &proc)?;
    let set = SetRecord::of(&found);
    let joins = joins(&found, file.clone(), &caller, &proc)?;
    let owner = set
        .as_ref()
        .map(|set| Owner::Set(set.name.as_str().to_owned()));
    let owner = owner
        .or_else(|| Owner::this(&proc))
        .ok_or(Error::NoProcfs)?;
    let wanted = Wanted {
        links: &options.links,
        nat: options.nat,
        published: &options.publish,
        pins_network: false,
        target: Some(&file),
        joins_user: joins.len() > 1,
        owner,
    };
    let translates = wanted.translates();
    check_once(translates, "table=", set.as_ref())?;
    let settled = links::settle(&wanted, |word| target::network(word, &proc), &caller, &proc)?;
    let network = settled.network;
    check_once(network.uplink.is_some(), "uplink=", set.as_ref())?;
    check(&network, set.is_some())?;
    let mut lines = links::lines(&network);
    if let Some(set) = &set {
        lines.retain(|line| set.text.lines().all(|own| own != line));
    }
    let record = set.as_ref().map(|set| Addition {
        path: set.path.clone(),
        lines: lines.clone(),
    });
    let plan = plan::link::plan(Request {
        joins,
        network,
        record,
    });
    settled.notes.iter().for_each(|note| out::note(note));
    if options.explain {
        return execution::explain(&plan, std::iter::empty());
    }
    execution::keep(&plan, &caller, &proc, false)?;
    if let Some(set) = &set {
        hosts::update(&set.path, &lines.join("\n"))
            .map_err(|error| Error::failed("bring the names of sets up to date", error))?;
    }
    Ok(ExitStatus::SUCCESS)
}

/// Opens the network namespace of a target, which must not be the caller's.
pub(crate) fn open(word: &OsString, proc: &ProcRoot) -> Result<(Found, NamespaceFile), Error> {
    let (found, file) = target::open(word, NsKind::Net, proc)?;
    if proc.own_ns(NsLink::Own(NsKind::Net)) == Ok(file.ns.id()) {
        return Err(Error::usage(format!(
            "{} has the network that you are in, and needs no link to it",
            escape(word.as_bytes())
        )));
    }
    Ok((found, file))
}

/// Returns the namespaces to join. A caller without the right to join the network namespace goes by
/// way of the user namespace that owns it.
fn joins(
    found: &Found,
    network: NamespaceFile,
    caller: &Caller,
    proc: &ProcRoot,
) -> Result<Vec<NamespaceFile>, Error> {
    if caller.can(CapabilitySet::NET_ADMIN) || !matches!(found, Found::Process(_)) {
        return Ok(vec![network]);
    }
    let word = network.path.as_os_str();
    let user = target::namespace_of(found, word, NsKind::User, proc)?;
    if proc.own_ns(NsLink::Own(NsKind::User)) == Ok(user.id()) {
        return Ok(vec![network]);
    }
    Ok(vec![
        NamespaceFile::new(network.path.clone(), user),
        network,
    ])
}

/// Refuses what nothing would take away from a target that is not a set.
fn check(network: &Network, is_set: bool) -> Result<(), LinkError> {
    let mut links = network.links.iter();
    let is_moved = links.any(|link| matches!(link.kind, LinkKind::Moved { .. }));
    match !is_set && (is_moved || network.table.is_some() || network.uplink.is_some()) {
        true => Err(LinkError::Contradiction(
            "--nat, --publish, move:, pasta and slirp4netns are for sets that `nsx unshare --name` \
            made: nothing would take them away from another target",
        )),
        false => Ok(()),
    }
}

/// Refuses a second of what a set can have once, as the lines of its record with this key say.
fn check_once(is_wanted: bool, key: &str, set: Option<&SetRecord>) -> Result<(), LinkError> {
    let mut lines = set.iter().flat_map(|set| set.text.lines());
    match is_wanted && lines.any(|line| line.starts_with(key)) {
        true => Err(LinkError::Contradiction(
            "the set has --nat, --publish or an uplink already; `nsx unlink` that interface first",
        )),
        false => Ok(()),
    }
}
