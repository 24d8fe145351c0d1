//! The ports that the target listens on, and whether it may bind those below 1024.

use super::Facts;
use crate::{doctor::report::Finding, text};
use nsx_core::{
    ns::NsKind,
    permission::{Outcome, Over, Subject, requires},
    proc::{NsLink, ProcError},
    rustix::thread::CapabilitySet,
};
use procfs::{
    FromBufReadSI, LocalSystemInfo,
    net::{TcpNetEntries, TcpState},
};
use std::{collections::BTreeSet, net::SocketAddr};

/// The part of a table of sockets that is read: 400,000 sockets.
const LONGEST: usize = 64 << 20;

/// The most ports that are listed.
const MOST: usize = 12;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![listening(facts)];
    findings.push(low_ports(facts));
    findings
}

fn listening(facts: &Facts) -> Finding {
    const CHECK: &str = "listening";
    let mut found = BTreeSet::new();
    for table in ["net/tcp", "net/tcp6"] {
        match sockets(facts, table) {
            Ok(listening) => found.extend(listening),
            Err(error) => {
                let finding = format!("its sockets cannot be read: {error}");
                return Finding::unknown(CHECK, finding);
            }
        }
    }
    if found.is_empty() {
        return Finding::info(CHECK, "nothing listens on a TCP port in its network");
    }
    let (local, open): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| it.ip().is_loopback());
    let network = match facts.own.contains(NsKind::Net) {
        true => "in its network",
        false => "in the host's network",
    };
    let mut words = Vec::new();
    if let Some(ports) = ports(&open) {
        words.push(format!("on {ports}"));
    }
    if let Some(ports) = ports(&local) {
        words.push(format!("for itself alone on {ports}"));
    }
    Finding::info(
        CHECK,
        format!("{network}, programs listen {}", words.join(", ")),
    )
}

/// Returns the addresses on which sockets of a table listen. The kernel writes the table, and a
/// network without IPv6 has none.
fn sockets(facts: &Facts, table: &str) -> Result<Vec<SocketAddr>, String> {
    let text = match facts.read(table, LONGEST) {
        Ok(text) => text,
        Err(ProcError::Vanished) => return Ok(Vec::new()),
        Err(error) => return Err(error.to_string()),
    };
    let entries = TcpNetEntries::from_buf_read(text.as_slice(), &LocalSystemInfo);
    let entries = entries.map_err(|error| text::escape(error.to_string().as_bytes()))?;
    let listening = entries
        .0
        .into_iter()
        .filter(|it| it.state == TcpState::Listen);
    Ok(listening.map(|it| it.local_address).collect())
}

fn ports(addresses: &[SocketAddr]) -> Option<String> {
    let ports: BTreeSet<u16> = addresses.iter().map(SocketAddr::port).collect();
    let words: Vec<_> = ports.iter().map(u16::to_string).collect();
    (!words.is_empty()).then(|| text::listed_up_to(&words, MOST, "more ports"))
}

/// Tells which low ports it may bind. Those below a setting of its network require
/// CAP_NET_BIND_SERVICE in the user namespace that owns the network, see `capabilities(7)` and
/// "ip_unprivileged_port_start" in the kernel's ip-sysctl.rst.
fn low_ports(facts: &Facts) -> Finding {
    const CHECK: &str = "low_ports";
    let needed = CapabilitySet::NET_BIND_SERVICE;
    let subject = match Subject::of(&facts.process, &facts.system.proc) {
        Ok(subject) => subject,
        Err(error) => {
            let finding = format!("the owner of its network cannot be read: {error}");
            return Finding::unknown(CHECK, finding);
        }
    };
    let check = requires(&subject, needed, Over::Owner(NsKind::Net));
    if check.outcome == Outcome::Passes {
        let finding = "it may bind every port that nothing else listens on";
        return Finding::info(CHECK, finding);
    }
    let first = match first_free_port(facts) {
        Ok(0) => return Finding::info(CHECK, format!("it may bind every port: {SETTING} is 0")),
        Ok(first) => first,
        Err(error) => {
            let finding = format!(
                "it lacks CAP_NET_BIND_SERVICE over its network, and {SETTING} of that, below \
                which it cannot bind a port, cannot be read: {error}"
            );
            return Finding::unknown(CHECK, finding);
        }
    };
    let (cause, remedy) = match facts.credentials.effective.contains(needed) {
        false => (
            "it lacks CAP_NET_BIND_SERVICE",
            format!("--cap-add NET_BIND_SERVICE, --sysctl {SETTING}=0, or a higher port"),
        ),
        true => (
            "its network belongs to another user namespace, in which its CAP_NET_BIND_SERVICE \
            does not count",
            "create its network in its user namespace, or use a higher port".to_owned(),
        ),
    };
    let finding = format!("it cannot bind ports below {first} ({SETTING}): {cause}");
    Finding::info(CHECK, finding).remedy(remedy)
}

/// The setting of a network: its first port that any program may bind.
const SETTING: &str = "net.ipv4.ip_unprivileged_port_start";

fn first_free_port(facts: &Facts) -> Result<u64, ProcError> {
    let proc = &facts.system.proc;
    let network = proc.open_ns(facts.pid, NsLink::Own(NsKind::Net))?;
    Ok(network.sysctl_number(proc, SETTING)?)
}
