//! Translation of addresses: a table of nftables for one set or program, as commands for `nft -j`.

use super::{error::LinkError, publish};
use nsx_core::{
    ns::NsKind,
    pid::{self, Pid},
    plan::{Publish, Table},
    proc::{NsLink, ProcRoot, decimal},
    run,
};
use nsx_net::{InterfaceName, IpNet};
use serde_json::{Value, json};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The first part of the names of nsx's tables.
const PREFIX: &str = "nsx/";

/// The holder of a table.
#[derive(Clone, Debug)]
pub(crate) enum Owner {
    /// A set of this name.
    Set(String),
    /// The program that this nsx runs.
    Program {
        /// The inode number of nsx's PID namespace.
        namespace: u64,
        /// nsx.
        pid: Pid,
        /// The time of its start, in clock ticks since the boot.
        start: u64,
    },
}

impl Owner {
    /// Returns this process as an owner.
    pub(crate) fn this(proc: &ProcRoot) -> Option<Self> {
        let pid = rustix::process::getpid();
        Some(Self::Program {
            namespace: proc.own_ns(NsLink::Own(NsKind::Pid)).ok()?.inode,
            pid,
            start: proc.start_time(pid).ok()?,
        })
    }

    /// The last part of the names of its tables.
    fn word(&self) -> String {
        match self {
            Self::Set(name) => format!("lab-{name}"),
            Self::Program {
                namespace,
                pid,
                start,
            } => format!("{namespace}-{pid}-{start}"),
        }
    }

    /// Returns whether this owner replaces the table with this last part of its name: an earlier
    /// table of its own, or that of a program that has ended.
    fn replaces(&self, word: &str, proc: &ProcRoot) -> bool {
        if word == self.word() {
            return true;
        }
        let parts: Vec<_> = word.split('-').map(str::as_bytes).collect();
        let [namespace, pid, start] = parts[..] else {
            return false;
        };
        let (Some(namespace), Ok(pid), Some(start)) =
            (decimal(namespace), pid::parse(pid), decimal(start))
        else {
            return false;
        };
        // A process of another PID namespace cannot be looked up.
        let own = proc.own_ns(NsLink::Own(NsKind::Pid));
        let is_own = own.is_ok_and(|own| own.inode == namespace);
        is_own && proc.start_time(pid).ok() != Some(start)
    }
}

/// Returns the interface in the name of one of nsx's tables, and the word for the owner.
fn parts(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PREFIX)?.split_once('/')
}

/// Removes a table of nsx's. A table that is gone is not a failure.
pub(super) fn remove(name: &str) {
    if let (Some((interface, _)), Some(program)) = (parts(name), super::program("nft")) {
        run::remove_table(&program, name, interface.parse().ok().as_ref());
    }
}

/// The links that a table is about.
pub(super) struct Inside<'a> {
    /// The interface outside that leads there.
    pub(super) interface: &'a InterfaceName,
    /// The addresses inside, with their networks.
    pub(super) addresses: &'a [IpNet],
}

/// The tables of this network namespace.
pub(super) struct Nftables {
    program: PathBuf,
    ruleset: Vec<Value>,
}

impl Nftables {
    /// Finds `nft` and reads the tables.
    pub(super) fn read() -> Result<Self, LinkError> {
        let program = super::program("nft").ok_or(LinkError::NoProgram("nft", "nftables"))?;
        let listed = Command::new(&program)
            .args(["-j", "list", "ruleset"])
            .stdin(Stdio::null())
            .output();
        let listed = listed.map_err(|error| LinkError::Nft(error.to_string()))?;
        if !listed.status.success() {
            let text = String::from_utf8_lossy(&listed.stderr);
            return Err(LinkError::Nft(
                text.lines().next().unwrap_or_default().to_owned(),
            ));
        }
        let mut text: Value = serde_json::from_slice(&listed.stdout)
            .map_err(|error| LinkError::Nft(error.to_string()))?;
        let ruleset = match text["nftables"].take() {
            Value::Array(objects) => objects,
            _ => Vec::new(),
        };
        Ok(Self { program, ruleset })
    }

    /// Names the chains that drop what is forwarded unless a rule of theirs accepts it.
    pub(super) fn dropping(&self) -> Vec<String> {
        let chains = self.ruleset.iter().map(|object| &object["chain"]);
        chains
            .filter(|chain| chain["hook"] == "forward" && chain["policy"] == "drop")
            .map(|chain| {
                let word = |key: &str| chain[key].as_str().unwrap_or("?").to_owned();
                format!(
                    "{} of the table {} {}",
                    word("name"),
                    word("family"),
                    word("table")
                )
            })
            .collect()
    }

    /// Returns the table for a set or a program.
    pub(super) fn table(
        &self,
        owner: &Owner,
        inside: &Inside<'_>,
        masquerades: bool,
        published: &[Publish],
        proc: &ProcRoot,
    ) -> Result<Table, LinkError> {
        let stale: Vec<&str> = self
            .ruleset
            .iter()
            .filter_map(|object| object["table"]["name"].as_str())
            .filter(|name| parts(name).is_some_and(|(_, word)| owner.replaces(word, proc)))
            .collect();
        for publish in published {
            let taken = self
                .ruleset
                .iter()
                .map(|object| &object["rule"])
                .any(|rule| {
                    let table = rule["table"].as_str().unwrap_or_default();
                    let comment = rule["comment"].as_str().unwrap_or_default();
                    table.starts_with(PREFIX)
                        && !stale.contains(&table)
                        && publish::parse(comment)
                            .is_ok_and(|other| publish::overlap(publish, &other))
                });
            if taken {
                return Err(LinkError::Busy(*publish));
            }
        }
        let name = format!("{PREFIX}{}/{}", inside.interface, owner.word());
        let routes_loopback = published
            .iter()
            .any(|publish| publish.address.is_none_or(|address| address.is_ipv4()))
            && !routes_loopback(inside.interface);
        let mut commands = Vec::new();
        for table in stale.into_iter().filter(|table| *table != name) {
            commands.extend(removal(table));
        }
        commands.extend(removal(&name));
        commands.extend(make(&name, inside, masquerades, published));
        Ok(Table {
            program: self.program.clone(),
            commands: json!({ "nftables": commands }).to_string(),
            name,
            published: published.to_vec(),
            masquerades,
            routes_loopback: routes_loopback.then(|| inside.interface.clone()),
        })
    }
}

/// Returns whether the interface leads to loopback addresses by the administrator's own setting.
fn routes_loopback(interface: &InterfaceName) -> bool {
    let setting = format!("/proc/sys/net/ipv4/conf/{interface}/route_localnet");
    std::fs::read(Path::new(&setting)).is_ok_and(|text| text.starts_with(b"1"))
}

/// The commands that remove a table, whether it exists or not: deleting a missing table would fail.
fn removal(name: &str) -> [Value; 2] {
    let table = json!({ "table": { "family": "inet", "name": name } });
    [json!({ "add": table }), json!({ "delete": table })]
}

fn make(name: &str, inside: &Inside<'_>, masquerades: bool, published: &[Publish]) -> Vec<Value> {
    let chain = |chain: &str, kind: &str, hook: &str, priority: i32| {
        json!({ "add": { "chain": {
            "family": "inet", "table": name, "name": chain,
            "type": kind, "hook": hook, "prio": priority, "policy": "accept",
        } } })
    };
    let rule = |chain: &str, comment: Option<String>, expressions: Vec<Value>| {
        let mut rule = json!({
            "family": "inet", "table": name, "chain": chain, "expr": expressions,
        });
        if let Some(comment) = comment {
            rule["comment"] = comment.into();
        }
        json!({ "add": { "rule": rule } })
    };
    let interface = inside.interface.as_str();
    // The priorities of nft(8): raw, dstnat and srcnat.
    let mut commands = vec![
        json!({ "add": { "table": { "family": "inet", "name": name } } }),
        chain("guard", "filter", "prerouting", -300),
        chain("prerouting", "nat", "prerouting", -100),
        chain("output", "nat", "output", -100),
        chain("postrouting", "nat", "postrouting", 100),
        // Nothing from inside reaches the host's loopback addresses, though replies to them do.
        rule(
            "guard",
            None,
            vec![
                meta("iifname", "==", interface),
                is_loopback("daddr"),
                json!({ "drop": null }),
            ],
        ),
    ];
    for address in inside.addresses {
        let own = address.addr();
        if masquerades {
            commands.push(rule(
                "postrouting",
                None,
                vec![
                    is("saddr", own),
                    meta("oifname", "!=", interface),
                    json!({ "masquerade": null }),
                ],
            ));
        }
        if published.is_empty() {
            continue;
        }
        // A neighbour that comes through the host's address would be answered past the host, and
        // an answer to a loopback address would not leave.
        let mut back = vec![within("saddr", address.network(), address.prefix_len())];
        if own.is_ipv4() {
            back.push(is_loopback("saddr"));
        }
        for from in back {
            commands.push(rule(
                "postrouting",
                None,
                vec![
                    from,
                    is("daddr", own),
                    json!({ "match": {
                        "op": "in", "left": { "ct": { "key": "status" } }, "right": "dnat",
                    } }),
                    json!({ "masquerade": null }),
                ],
            ));
        }
    }
    for publish in published {
        for to in targets(publish, inside.addresses) {
            for chain in ["prerouting", "output"] {
                commands.push(rule(
                    chain,
                    Some(publish.to_string()),
                    translation(publish, to),
                ));
            }
        }
    }
    commands
}

/// The addresses inside that a port leads to: the first of each family that it is of.
pub(super) fn targets(publish: &Publish, addresses: &[IpNet]) -> Vec<IpAddr> {
    let first = |is_ipv4: bool| {
        let mut of_family = addresses.iter().map(IpNet::addr);
        of_family.find(|address| address.is_ipv4() == is_ipv4)
    };
    match publish.address {
        Some(address) => first(address.is_ipv4()).into_iter().collect(),
        None => [first(true), first(false)].into_iter().flatten().collect(),
    }
}

fn translation(publish: &Publish, to: IpAddr) -> Vec<Value> {
    let nfproto = if to.is_ipv4() { "ipv4" } else { "ipv6" };
    let destination = match publish.address {
        Some(address) => is("daddr", address),
        None => json!({ "match": {
            "op": "==", "left": { "fib": { "result": "type", "flags": ["daddr"] } }, "right": "local",
        } }),
    };
    vec![
        meta("nfproto", "==", nfproto),
        destination,
        json!({ "match": {
            "op": "==", "left": { "payload": { "protocol": publish.protocol.word(), "field": "dport" } },
            "right": publish.outside,
        } }),
        json!({ "dnat": { "family": protocol(to), "addr": to, "port": publish.inside } }),
    ]
}

fn meta(key: &str, op: &str, value: &str) -> Value {
    json!({ "match": { "op": op, "left": { "meta": { "key": key } }, "right": value } })
}

/// An address of the packet in a network.
fn within(field: &str, address: IpAddr, length: u8) -> Value {
    let right = match length == whole(address) {
        true => json!(address),
        false => json!({ "prefix": { "addr": address, "len": length } }),
    };
    json!({ "match": {
        "op": "==",
        "left": { "payload": { "protocol": protocol(address), "field": field } },
        "right": right,
    } })
}

fn is(field: &str, address: IpAddr) -> Value {
    within(field, address, whole(address))
}

fn is_loopback(field: &str) -> Value {
    within(field, Ipv4Addr::new(127, 0, 0, 0).into(), 8)
}

/// The length of an address in bits.
fn whole(address: IpAddr) -> u8 {
    IpNet::from(address).max_prefix_len()
}

/// The protocol of an address, as nft names it.
fn protocol(address: IpAddr) -> &'static str {
    if address.is_ipv4() { "ip" } else { "ip6" }
}
