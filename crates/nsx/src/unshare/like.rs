//! The option that makes new namespaces like those of a target: the walls, not what is inside.

use super::options::Options;
use crate::{
    error::Error,
    links::{LinkSpec, OWN_BRIDGE},
    target,
    text::escape,
};
use nsx_core::{
    idmap::{IdKind, IdMap, Setgroups},
    ns::{Namespace, NetlinkOpener, NsKind, NsSet, NsidSocket},
    plan::{Caller, Clock, ClockOffset, PlanError, enter::TargetProcess, unshare::Request},
    proc::{NsLink, decimal},
};
use nsx_net::{Device, InterfaceName, Reader};
use nsx_target::{Found, Host, Subject, enter::Findings};
use rustix::thread::CapabilitySet;
use std::{ffi::CString, os::unix::ffi::OsStrExt};

/// The facts about a target that new namespaces have too.
#[derive(Debug, Default)]
pub(super) struct Like {
    kinds: NsSet,
    users: Option<IdMap>,
    groups: Option<IdMap>,
    setgroups: Option<Setgroups>,
    clocks: Vec<ClockOffset>,
    hostname: Option<CString>,
    /// The links of its network.
    pub(super) links: Vec<LinkSpec>,
}

impl Like {
    /// Reads them. Kinds that are `joined` are left out. Adds to `findings` what cannot be had.
    pub(super) fn read(
        options: &Options,
        joined: NsSet,
        caller: &Caller,
        findings: &mut Findings,
    ) -> Result<Self, Error> {
        let Some(word) = options.like.as_deref() else {
            return Ok(Self::default());
        };
        let host = Host::system()?;
        let found = host.find(&target::parse(word)?)?;
        target::note_cut_off(&host);
        let subject = match found {
            Found::Process(subject) => subject,
            // Of a namespace without a process, only the kind can be seen.
            Found::Namespace(ns) => {
                return Ok(Self {
                    kinds: NsSet::from_iter([ns.id().kind]).difference(joined),
                    ..Self::default()
                });
            }
        };
        let failed = |source: PlanError| {
            let act = format!("read the namespaces of {}", escape(word.as_bytes()));
            Error::failed(act, source)
        };
        let reader = TargetReader::new(&subject, &host);
        let mut like = Self {
            kinds: reader.kinds(caller).map_err(failed)?.difference(joined),
            ..Self::default()
        };
        if like.kinds.contains(NsKind::User) {
            like.users = Some(reader.target.id_map(IdKind::User).map_err(failed)?);
            like.groups = Some(reader.target.id_map(IdKind::Group).map_err(failed)?);
            let allows = reader.target.may_set_groups().map_err(failed)?;
            like.setgroups = (!allows).then_some(Setgroups::Deny);
        }
        if like.kinds.contains(NsKind::Time) {
            like.clocks = reader.clocks().map_err(failed)?;
        }
        if like.kinds.contains(NsKind::Uts) {
            like.hostname = reader.hostname(findings);
        }
        if like.kinds.contains(NsKind::Net) && options.network.names_no_link() {
            like.links = reader.links(caller, findings);
        }
        if subject.process.ended() {
            return Err(failed(PlanError::TargetEnded));
        }
        Ok(like)
    }

    /// Adds the kinds, the clocks and the host name. Options that are applied later take
    /// precedence.
    pub(super) fn apply(&self, request: &mut Request) {
        request.kinds = request.kinds.union(self.kinds);
        request.clocks.clone_from(&self.clocks);
        request.hostname.clone_from(&self.hostname);
    }

    /// Adds the id maps, if no option maps ids.
    pub(super) fn apply_maps(self, request: &mut Request) {
        request.users = request.users.take().or(self.users);
        request.groups = request.groups.take().or(self.groups);
        request.setgroups = request.setgroups.or(self.setgroups);
    }
}

/// A target, and the means to read it.
struct TargetReader<'a> {
    target: TargetProcess<'a>,
}

impl<'a> TargetReader<'a> {
    fn new(subject: &'a Subject, host: &'a Host) -> Self {
        let target = TargetProcess {
            process: &subject.process,
            proc: host.proc(),
            is_whole: subject.container.is_some(),
        };
        Self { target }
    }

    /// Returns the kinds in which the target, or what it runs, differs from the caller.
    fn kinds(&self, caller: &Caller) -> Result<NsSet, PlanError> {
        let mut kinds = self.target.differing(caller.kinds)?;
        // A process that made a PID or time namespace for its children is outside of it.
        for (kind, link) in [
            (NsKind::Pid, NsLink::PidForChildren),
            (NsKind::Time, NsLink::TimeForChildren),
        ] {
            let (proc, pid) = (self.target.proc, self.target.process.pid());
            if let (Ok(theirs), Ok(own)) = (proc.ns(pid, link), proc.own_ns(NsLink::Own(kind)))
                && theirs != own
            {
                kinds.insert(kind);
            }
        }
        Ok(kinds)
    }

    /// Returns the offsets of its clocks that are not zero.
    fn clocks(&self) -> Result<Vec<ClockOffset>, PlanError> {
        let (proc, pid) = (self.target.proc, self.target.process.pid());
        let text = proc
            .read(pid, "timens_offsets")
            .map_err(self.target.failure("clock offsets"))?;
        Ok(clock_offsets(&text))
    }

    fn open(&self, kind: NsKind) -> Option<Namespace> {
        let (proc, pid) = (self.target.proc, self.target.process.pid());
        proc.open_ns(pid, NsLink::Own(kind)).ok()
    }

    fn hostname(&self, findings: &mut Findings) -> Option<CString> {
        let name = self.open(NsKind::Uts).and_then(|ns| ns.hostname().ok());
        if name.is_none() {
            findings.note("its host name", "cannot be read; name one with --hostname");
        }
        name.and_then(|name| CString::new(name).ok())
    }

    /// Returns links to the bridges and parents that its links lead to.
    fn links(&self, caller: &Caller, findings: &mut Findings) -> Vec<LinkSpec> {
        let devices = self.open(NsKind::Net).and_then(|ns| {
            let opener = NetlinkOpener::new(self.target.proc).ok()?;
            let socket = opener.open(&ns, None).ok()?;
            let devices = Reader::new(socket.try_clone().ok()?).devices().ok()?;
            let own = self
                .target
                .proc
                .open_own_ns(NsLink::Own(NsKind::Net))
                .ok()?;
            let outside = Reader::new(opener.open(&own, None).ok()?).devices().ok()?;
            // The kernel gives the number when it lists a device whose other end is here.
            let nsid = NsidSocket::from_socket(socket).number(&own).ok().flatten();
            Some((devices, outside, nsid))
        });
        let Some((devices, outside, nsid)) = devices else {
            findings.note("its links", "cannot be read; name links with --link");
            return Vec::new();
        };
        let mut links = Vec::new();
        for device in devices.iter().filter(|device| !device.is_loopback) {
            let name = escape(&device.name);
            let mut leave_out = |reason: &str| {
                findings.note(format!("its link {name}"), format!("is left out: {reason}"));
            };
            if !caller.can(CapabilitySet::NET_ADMIN) {
                leave_out("a link into another network namespace requires CAP_NET_ADMIN here");
                continue;
            }
            let Some(spec) = spec(device, &outside, nsid) else {
                leave_out("--link cannot make one like it");
                continue;
            };
            if spec.bridge().is_some() {
                findings.note(
                    format!("its link {name}"),
                    "gets no address: only nsx0 has addresses to give; name one with --link",
                );
            }
            links.push(spec);
        }
        links
    }
}

/// Returns a link like a device. `outside` are the devices of the caller's network, and `nsid` is
/// the number of the caller's network in the device's: an index alone may be that of any network.
fn spec(device: &Device, outside: &[Device], nsid: Option<u32>) -> Option<LinkSpec> {
    let interface = |device: &Device| -> Option<InterfaceName> {
        str::from_utf8(&device.name).ok()?.parse().ok()
    };
    let name = interface(device)?;
    let other = device
        .other
        .filter(|other| other.nsid.is_some() && other.nsid == nsid)?;
    let end = outside.iter().find(|end| end.index == other.index)?;
    match device.kind.as_deref()? {
        b"veth" => {
            let bridge = outside.iter().find(|link| Some(link.index) == end.master)?;
            if bridge.kind.as_deref() != Some(b"bridge") {
                return None;
            }
            let bridge = Some(interface(bridge)?).filter(|bridge| bridge.as_str() != OWN_BRIDGE);
            LinkSpec::cable(name, bridge, device.mtu)
        }
        b"macvlan" => Some(LinkSpec::macvlan(name, interface(end)?)),
        _ => None,
    }
}

/// Reads `/proc/PID/timens_offsets`, and leaves out clocks that are not offset.
fn clock_offsets(text: &[u8]) -> Vec<ClockOffset> {
    let lines = text.split(|byte| *byte == b'\n');
    let offset = |line: &[u8]| {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let clock = match words.next()? {
            b"monotonic" => Clock::Monotonic,
            b"boottime" => Clock::Boottime,
            _ => return None,
        };
        let seconds = str::from_utf8(words.next()?).ok()?.parse().ok()?;
        let nanoseconds = decimal(words.next()?).and_then(|it| u32::try_from(it).ok())?;
        ((seconds, nanoseconds) != (0, 0)).then_some(ClockOffset {
            clock,
            seconds,
            nanoseconds,
        })
    };
    lines.filter_map(offset).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn clocks_without_an_offset_are_left_out() {
        let text = b"monotonic        -10         0\nboottime           0         0\n";
        assert_eq!(
            clock_offsets(text),
            [ClockOffset {
                clock: Clock::Monotonic,
                seconds: -10,
                nanoseconds: 0
            }]
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = clock_offsets(&bytes);
        }
    }
}
