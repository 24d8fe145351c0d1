//! The whole mapping between a target's user namespace and the caller's.

use super::user_ns::{UserNs, own_names};
use crate::{
    answer::Answer,
    error::Error,
    query::maps::{self, Maps, Range},
};
use nsx_core::{
    idmap::{IdKind, IdMap},
    ns::NsId,
};
use serde::Serialize;

/// Describes the whole mapping.
#[derive(Debug)]
pub(super) struct Mapping {
    pub(super) json: bool,
}

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    pid: i32,
    /// `allow` if the target may call setgroups(2), or `deny`.
    setgroups: Option<String>,
    /// The caller's user namespace is the first.
    namespaces: Vec<Level>,
}

#[derive(Serialize)]
struct Level {
    level: usize,
    ns: u64,
    /// The mapping to the caller's ids; `None` for the caller's own user namespace, and if no
    /// process in the namespace can be read.
    uid_map: Option<Vec<Range>>,
    gid_map: Option<Vec<Range>>,
}

impl Mapping {
    /// Describes it.
    pub(super) fn answer(self, ns: &UserNs<'_>) -> Result<Answer, Error> {
        let setgroups = ns.proc.read(ns.pid, "setgroups").ok();
        let setgroups =
            setgroups.map(|text| String::from_utf8_lossy(text.trim_ascii()).into_owned());
        let levels: Vec<_> = ns.chain.namespaces().collect();
        if !self.json {
            return Ok(Answer::text(in_words(&levels, setgroups.as_deref())));
        }
        Answer::json(&Document {
            version: 1,
            pid: ns.process.pid().as_raw_pid(),
            setgroups,
            namespaces: levels.iter().zip(0..).map(Level::of).collect(),
        })
    }
}

impl Level {
    fn of(((ns, maps), level): (&(NsId, Option<&[IdMap; 2]>), usize)) -> Self {
        let ranges = |map: &IdMap| map.extents().iter().map(Range::from).collect();
        Self {
            level,
            ns: ns.inode,
            uid_map: maps.map(|maps| ranges(&maps[0])),
            gid_map: maps.map(|maps| ranges(&maps[1])),
        }
    }
}

fn in_words(levels: &[(NsId, Option<&[IdMap; 2]>)], setgroups: Option<&str>) -> String {
    let (target, below) = (levels[levels.len() - 1].0, levels.len() - 1);
    let here = levels[0].0;
    let host = if here.is_initial() {
        ", the host's"
    } else {
        ""
    };
    if below == 0 {
        return format!("{target} is the same here{host}: every user and group is the same\n");
    }
    let names = own_names(IdKind::User);
    let own = rustix::process::geteuid().as_raw();
    let name = |uid: u32| maps::known_as(names.get(&uid), uid == own);
    let mut text = String::new();
    for (level, (ns, maps)) in levels.iter().enumerate().skip(1).rev() {
        let is = if level == below { "" } else { ", on the way" };
        text += &format!("{ns}, {level} below {here}, which is here{host}{is}\n");
        match maps {
            Some([users, groups]) => {
                let lines = Maps {
                    users: users.clone(),
                    groups: groups.clone(),
                }
                .words(name);
                text.extend(lines.iter().map(|line| format!("  {line}\n")));
            }
            None => text += "  no process in it can be read\n",
        }
    }
    text += "  an owner without an id there is seen as 65534 (overflowuid, overflowgid)\n";
    if setgroups == Some("deny") {
        text += "  groups cannot be changed: setgroups is denied\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_described() {
        let ns = |inode: u64| format!("user:[{inode}]").parse::<NsId>().unwrap();
        let map = |text: &str| IdMap::parse(text.as_bytes()).unwrap();
        let (outer, inner) = (
            [map("0 100000 65536\n"), map("")],
            [map("0 101000 1\n"), map("")],
        );
        let levels = [
            (ns(4_026_531_837), None),
            (ns(8), Some(&outer)),
            (ns(9), Some(&inner)),
        ];
        let text = in_words(&levels, Some("deny"));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "user:[9], 2 below user:[4026531837], which is here, the host's"
        );
        assert_eq!(lines[1], "  users: 0 there is 101000 here");
        assert_eq!(
            lines[3],
            "user:[8], 1 below user:[4026531837], which is here, the host's, on the way"
        );
        assert!(text.ends_with("setgroups is denied\n"));
        assert!(in_words(&levels[..1], None).contains("the same"));
    }
}
