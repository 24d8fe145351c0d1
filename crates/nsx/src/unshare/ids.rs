//! The options about users and groups, and what they come to: finished maps and ids.

use crate::{
    out,
    program::{self, RequestError},
};
use clap::{Args, ValueEnum};
use nsx_core::{
    accounts::{self, User},
    idmap::{self, IdKind, IdMap, MapError, MapRequest, MapRequestError, Owned, RangeRequest},
    ns::NsKind,
    plan::{Caller, unshare::Request},
    proc::ProcRoot,
};
use rustix::thread::CapabilitySet;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

#[derive(Args, Debug)]
#[command(next_help_heading = "Users and groups")]
pub(super) struct IdOptions {
    /// Be root inside: map the caller to user 0 and group 0; implies --user
    #[arg(short = 'r', long, overrides_with = "map_current_user")]
    map_root_user: bool,
    /// Be oneself inside: map the caller to the same user and group; implies --user
    #[arg(short = 'c', long)]
    map_current_user: bool,
    /// Map the caller to this user inside; implies --user
    ///
    /// A number, or a name as the caller's system knows it. It takes precedence over -r and -c.
    #[arg(long, value_name = "UID|NAME")]
    map_user: Option<OsString>,
    /// Map the caller's group to this one inside; implies --user
    ///
    /// A number, or a name as the caller's system knows it. It takes precedence over -r and -c.
    #[arg(long, value_name = "GID|NAME")]
    map_group: Option<OsString>,
    /// Map a range of users; implies --user; repeatable
    ///
    /// INSIDE:OUTSIDE:COUNT, or `auto`: the ranges that /etc/subuid gives to the caller, one after
    /// the other from 0 inside; `subids`: those ranges with the same numbers inside; `all`: every
    /// user of the caller's namespace. What -r, -c or --map-user map is left out of each range.
    /// Without privilege newuidmap(1) writes the map. If /etc/subuid has more ranges than the
    /// kernel takes in a map, the first of them are mapped, and nsx says so.
    #[arg(long, value_name = "RANGE")]
    map_users: Vec<OsString>,
    /// Map a range of groups; implies --user; repeatable
    ///
    /// As --map-users, with /etc/subgid, which gives ranges of groups to users, and newgidmap(1).
    #[arg(long, value_name = "RANGE")]
    map_groups: Vec<OsString>,
    /// Map ids like --map-users=auto --map-groups=auto
    #[arg(long)]
    map_auto: bool,
    /// Map ids like --map-users=subids --map-groups=subids
    #[arg(long)]
    map_subids: bool,
    /// Have this user and group own the new user namespace; implies --user
    ///
    /// nsx becomes them before it creates the namespace, and -r, -c and --map-user map the owner's
    /// ids. That takes privilege, unless they are the caller's own.
    #[arg(long, value_name = "UID:GID", value_parser = owner_ids)]
    owner: Option<(u32, u32)>,
    /// Set whether programs inside may call setgroups(2)
    ///
    /// If only the caller's own group is mapped, the default is `deny`, without which the kernel
    /// requires privilege.
    #[arg(long, value_name = "RULE")]
    setgroups: Option<Setgroups>,
    /// Run the program as this user
    #[arg(short = 'S', long, value_name = "UID|NAME")]
    setuid: Option<OsString>,
    /// Run the program as this group, with no supplementary ones
    ///
    /// It is not run where it would keep groups of the caller's because the user namespace denies
    /// setgroups(2).
    #[arg(short = 'G', long, value_name = "GID|NAME")]
    setgid: Option<OsString>,
}

/// See `setgroups` in `user_namespaces(7)`.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Setgroups {
    /// They may
    Allow,
    /// They may not
    Deny,
}

impl IdOptions {
    /// Returns whether any option maps ids.
    pub(super) fn maps_anything(&self) -> bool {
        let flags = self.map_root_user || self.map_current_user || self.map_auto || self.map_subids;
        let singles = self.map_user.is_some() || self.map_group.is_some();
        flags || singles || !self.map_users.is_empty() || !self.map_groups.is_empty()
    }

    /// Looks up every name and range, and sets the maps and ids. With `map_root`, acts as if -r had
    /// been given.
    pub(super) fn apply(
        &self,
        request: &mut Request,
        map_root: bool,
        caller: &Caller,
        proc: &ProcRoot,
    ) -> Result<(), RequestError> {
        if self.maps_anything() || self.owner.is_some() {
            request.kinds.insert(NsKind::User);
        }
        let (own_user, own_group) = self.owner.unwrap_or((caller.uid, caller.gid));
        let single = |word: &Option<OsString>, look_up: LookUp, own: u32| match word {
            Some(word) => look_up(word).map(Some),
            None if map_root || self.map_root_user => Ok(Some(0)),
            None => Ok(self.map_current_user.then_some(own)),
        };
        let users = MapRequest {
            single: single(&self.map_user, program::user_id, own_user)?,
            ranges: self.ranges(&self.map_users)?,
        };
        let groups = MapRequest {
            single: single(&self.map_group, program::group_id, own_group)?,
            ranges: self.ranges(&self.map_groups)?,
        };
        request.users = map(IdKind::User, &users, own_user, caller, proc)?;
        request.groups = map(IdKind::Group, &groups, own_group, caller, proc)?;
        request.owner = self.owner;
        request.setgroups = self.setgroups.map(|rule| match rule {
            Setgroups::Allow => idmap::Setgroups::Allow,
            Setgroups::Deny => idmap::Setgroups::Deny,
        });
        request.uid = self.setuid.as_deref().map(program::user_id).transpose()?;
        request.gid = self.setgid.as_deref().map(program::group_id).transpose()?;
        Ok(())
    }

    fn ranges(&self, words: &[OsString]) -> Result<Vec<RangeRequest>, RequestError> {
        let mut ranges = Vec::new();
        for word in words {
            let range = RangeRequest::parse(word.as_bytes());
            ranges.push(
                range.map_err(|error| {
                    RequestError::Usage(format!("{}: {error}", out::shown(word)))
                })?,
            );
        }
        ranges.extend(self.map_auto.then_some(RangeRequest::Auto));
        ranges.extend(self.map_subids.then_some(RangeRequest::Subids));
        Ok(ranges)
    }
}

type LookUp = fn(&OsStr) -> Result<u32, RequestError>;

/// The finished map of a request, or why there can be none and what would help. `own` is the id of
/// whoever is to own the namespace.
fn map(
    ids: IdKind,
    request: &MapRequest,
    own: u32,
    caller: &Caller,
    proc: &ProcRoot,
) -> Result<Option<IdMap>, RequestError> {
    if request.is_empty() {
        return Ok(None);
    }
    let capability = match ids {
        IdKind::User => CapabilitySet::SETUID,
        IdKind::Group => CapabilitySet::SETGID,
    };
    let lookup = |error| RequestError::Lookup(ids.ranges_file().to_owned(), error);
    let mut own_map = Vec::new();
    let mut user = None;
    let mut given = Vec::new();
    if !request.ranges.is_empty() {
        proc.read_own(ids.file(), &mut own_map)
            .map_err(|error| RequestError::Proc(Box::new(error)))?;
        let owner = accounts::user_or_number(caller.uid).map_err(lookup)?;
        given = accounts::given_ranges(ids, &owner).map_err(lookup)?;
        user = Some(owner);
    }
    let own_map = IdMap::parse(&own_map).map_err(|error| RequestError::Proc(Box::new(error)))?;
    let privileged = caller.can(capability);
    let resolve = |given: &[(u32, u32)]| {
        request.resolve(
            ids,
            &Owned {
                id: own,
                given,
                own_map: &own_map,
                privileged,
            },
        )
    };
    let (mut map, mut taken) = (resolve(&given), given.len());
    while let (Err(MapRequestError::Map(MapError::TooMany(_) | MapError::TooLong(..))), 2..) =
        (&map, taken)
    {
        taken -= 1;
        map = resolve(&given[..taken]);
    }
    if map.is_ok() && taken < given.len() {
        let (file, all) = (ids.ranges_file(), given.len());
        out::note(&format!(
            "{file} has {all} ranges for you, and the kernel takes no more than the first {taken}"
        ));
    }
    map.map(Some).map_err(|error| {
        let hints = user.map_or_else(Vec::new, |user| hints(ids, &error, &user));
        RequestError::Map(ids, error, hints)
    })
}

/// Returns hints for ids that are not the caller's to map: the line that is missing in /etc/subuid
/// or /etc/subgid, but never a line that gives away somebody else's ids.
fn hints(ids: IdKind, error: &MapRequestError, user: &User) -> Vec<String> {
    const USUAL: u32 = 65536;
    let line = |first: u32, count: u32| {
        let name = String::from_utf8_lossy(&user.name);
        format!(
            "have the administrator add this line to {}: {name}:{first}:{count}",
            ids.ranges_file()
        )
    };
    match error {
        MapRequestError::NothingGiven(_) => {
            let first = accounts::ungiven_range(ids, USUAL).ok().flatten();
            first.map(|first| line(first, USUAL)).into_iter().collect()
        }
        MapRequestError::NotGiven(_, extent) => {
            let (first, count) = (extent.outside(), extent.count());
            match accounts::may_be_given(ids, user, first, count) {
                Ok(true) => vec![line(first, count)],
                Ok(false) => vec![
                    "some of them are others', or kept for others (those below 65536), and whoever \
                    maps an id can act as its owner"
                        .to_owned(),
                    format!("map your own with -r or -c, and ids that {} gives to you with \
                    --map-auto", ids.ranges_file()),
                ],
                Err(_) => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn owner_ids(text: &str) -> Result<(u32, u32), String> {
    let ids = text
        .split_once(':')
        .and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    ids.filter(|(uid, gid)| *uid != u32::MAX && *gid != u32::MAX)
        .ok_or_else(|| "an owner is UID:GID".to_owned())
}
