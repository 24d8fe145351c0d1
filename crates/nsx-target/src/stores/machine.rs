//! systemd-machined: `/run/systemd/machines/<name>`, which everybody may read. Machines are
//! containers and virtual machines that registered there.

use super::{Findings, Query, Record, value_of};
use crate::{
    container::{Container, Sandbox, State},
    engine::Engine,
    files::part,
    host::Host,
    unread::ReadError,
};
use nsx_core::{pid, proc::decimal};
use std::path::Path;

const MACHINES: &str = "/run/systemd/machines";

/// A machine, as machined describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its first process.
    pub leader: Option<pid::Pid>,
    /// The inode of that process's pidfd, from newer releases of systemd.
    pub inode: Option<u64>,
    /// `container`, `vm` or `host`.
    pub class: Vec<u8>,
}

/// Reads a machine's file: lines of `KEY=value`.
pub fn parse(text: &[u8]) -> Machine {
    let value = |key: &[u8]| value_of(text, key);
    Machine {
        leader: pid::parse(value(b"LEADER")).ok(),
        inode: decimal(value(b"LEADER_PIDFDID")).filter(|inode| *inode > 0),
        class: value(b"CLASS").to_vec(),
    }
}

pub(crate) fn look(host: &Host, query: &Query<'_>, findings: &mut Findings) {
    if let Err(error) = look_in(host, query, findings) {
        findings.note(Engine::Machine, MACHINES, error);
    }
}

fn look_in(host: &Host, query: &Query<'_>, findings: &mut Findings) -> Result<(), ReadError> {
    let directory = host.system_dir(MACHINES)?;
    for name in directory.names()? {
        // Links from units, and the host itself.
        if name.contains(&b':') || name.starts_with(b".") {
            continue;
        }
        let mut container = Container::new(Engine::Machine, name.clone());
        container.name = Some(part(&name).to_owned());
        if !matches!(query, Query::All) && !query.wants_container(&container) {
            continue;
        }
        match directory.content(part(&name)) {
            Ok(content) => {
                let machine = parse(&content.bytes);
                container.sandbox = (machine.class == b"vm").then_some(Sandbox::Machine);
                let mut record = Record::new(container, content.claim);
                record.pid = machine.leader;
                record.inode = machine.inode;
                record.written = Some(content.written);
                record.once_ended = Some(State::Stopped("stopped"));
                findings.records.push(record);
            }
            Err(error) => findings.note(
                Engine::Machine,
                Path::new(MACHINES).join(part(&name)),
                error,
            ),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_machines_file_is_read() {
        let text =
            b"# This is private data. Do not \
            parse.\nNAME=box\nSCOPE=machine-box.scope\nSERVICE=systemd-nspawn\n\
            ROOT=/var/lib/machines/box\nID=0a1b\nLEADER=4711\nLEADER_PIDFDID=99\nCLASS=container\nREALTIME=1\n";
        let leader = pid::Pid::from_raw(4711);
        assert_eq!(
            parse(text),
            Machine {
                leader,
                inode: Some(99),
                class: b"container".to_vec()
            }
        );
        assert_eq!(parse(b"LEADER=x\nXLEADER=7"), Machine::default());
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }
    }
}
