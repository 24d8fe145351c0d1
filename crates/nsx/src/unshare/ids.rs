//! The options about users and groups.

use super::maps::Maps;
use crate::{error::Error, program, text};
use clap::{Args, ValueEnum};
use nsx_core::{
    idmap::{self, IdKind, MapRequest, RangeRequest},
    ns::NsKind,
    plan::unshare::Request,
};
use std::{ffi::OsString, os::unix::ffi::OsStrExt};

#[derive(Args, Debug)]
#[command(next_help_heading = "Users and groups")]
pub(super) struct IdOptions {
    /// Be root inside: map the caller to user 0 and group 0; implies --user
    #[arg(short = 'r', long, overrides_with = "map_current_user")]
    map_root_user: bool,
    /// Keep your own user and group ids inside; implies --user
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
    /// Make this user and group the owner of the new user namespace; implies --user
    ///
    /// nsx becomes them before it creates the namespace, and -r, -c and --map-user map the owner's
    /// ids. That requires privilege, unless they are the caller's own.
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
    /// Run the program as this group, without supplementary groups
    ///
    /// The program is not run if it would keep groups of the caller because the user namespace
    /// denies setgroups(2).
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
        mut maps: Maps<'_>,
    ) -> Result<(), Error> {
        if self.maps_anything() || self.owner.is_some() {
            request.kinds.insert(NsKind::User);
        }
        let caller = (maps.caller.uid, maps.caller.gid);
        let (own_user, own_group) = self.owner.unwrap_or(caller);
        let by_flag = |own: u32| match map_root || self.map_root_user {
            true => Some(0),
            false => self.map_current_user.then_some(own),
        };
        let user = self.map_user.as_deref().map(program::user_id);
        let users = MapRequest {
            single: user.transpose()?.or(by_flag(own_user)),
            ranges: self.ranges(&self.map_users)?,
        };
        let group = self.map_group.as_deref().map(program::group_id);
        let groups = MapRequest {
            single: group.transpose()?.or(by_flag(own_group)),
            ranges: self.ranges(&self.map_groups)?,
        };
        request.users = maps.finish(IdKind::User, &users, own_user)?;
        request.groups = maps.finish(IdKind::Group, &groups, own_group)?;
        request.owner = self.owner;
        request.setgroups = self.setgroups.map(|rule| match rule {
            Setgroups::Allow => idmap::Setgroups::Allow,
            Setgroups::Deny => idmap::Setgroups::Deny,
        });
        request.uid = self.setuid.as_deref().map(program::user_id).transpose()?;
        request.gid = self.setgid.as_deref().map(program::group_id).transpose()?;
        Ok(())
    }

    fn ranges(&self, words: &[OsString]) -> Result<Vec<RangeRequest>, Error> {
        let mut ranges = Vec::new();
        for word in words {
            let range = RangeRequest::parse(word.as_bytes());
            ranges.push(
                range.map_err(|error| Error::Usage(format!("{}: {error}", text::shown(word))))?,
            );
        }
        ranges.extend(self.map_auto.then_some(RangeRequest::Auto));
        ranges.extend(self.map_subids.then_some(RangeRequest::Subids));
        Ok(ranges)
    }
}

fn owner_ids(text: &str) -> Result<(u32, u32), String> {
    let ids = text
        .split_once(':')
        .and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
    ids.filter(|(uid, gid)| *uid != u32::MAX && *gid != u32::MAX)
        .ok_or_else(|| "an owner is UID:GID".to_owned())
}
