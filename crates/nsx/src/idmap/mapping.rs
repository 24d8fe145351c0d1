//! The whole map, in words: who is who between a target's user namespace and the caller's.

use super::{Options, Subject, own_names};
use crate::{
    exit::ExitStatus,
    out,
    query::maps::{self, Maps, Range},
};
use nsx_core::{
    idmap::{IdKind, IdMap},
    ns::NsId,
};
use serde::Serialize;

/// The inode number of the user namespace that a host starts with.
pub(super) const INITIAL: u64 = 0xefff_fffd;

/// The JSON document.
#[derive(Serialize)]
struct Document {
    version: u32,
    pid: i32,
    /// `allow` or `deny`: whether the target may call setgroups(2).
    setgroups: Option<String>,
    /// The caller's first.
    namespaces: Vec<Level>,
}

#[derive(Serialize)]
struct Level {
    level: usize,
    ns: u64,
    /// To the caller's ids; none for the caller's own, and where no process in it can be asked.
    uid_map: Option<Vec<Range>>,
    gid_map: Option<Vec<Range>>,
}

pub(super) fn print(options: &Options, subject: &Subject<'_>) -> Result<ExitStatus, ExitStatus> {
    let mut text = Vec::new();
    let setgroups = subject
        .proc
        .read(subject.shown, "setgroups", &mut text)
        .ok();
    let setgroups = setgroups.map(|()| String::from_utf8_lossy(text.trim_ascii()).into_owned());
    let levels: Vec<_> = subject.ladder.namespaces().collect();
    if options.json {
        let ranges = |map: &IdMap| map.extents().iter().map(Range::from).collect();
        let level = |(level, (ns, maps)): (usize, &(NsId, Option<&[IdMap; 2]>))| Level {
            level,
            ns: ns.inode,
            uid_map: maps.map(|maps| ranges(&maps[0])),
            gid_map: maps.map(|maps| ranges(&maps[1])),
        };
        let namespaces = levels.iter().enumerate().map(level).collect();
        let pid = subject.process.pid().as_raw_pid();
        out::print_json(&Document {
            version: 1,
            pid,
            setgroups,
            namespaces,
        })?;
        return Ok(ExitStatus::SUCCESS);
    }
    out::print(&words(&levels, setgroups.as_deref()))?;
    Ok(ExitStatus::SUCCESS)
}

fn words(levels: &[(NsId, Option<&[IdMap; 2]>)], setgroups: Option<&str>) -> String {
    let (target, below) = (levels[levels.len() - 1].0, levels.len() - 1);
    let here = levels[0].0;
    let host = if here.inode == INITIAL {
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
            None => text += "  no process in it can be asked\n",
        }
    }
    text += "  who has no id there is seen as 65534 (overflowuid, overflowgid)\n";
    if setgroups == Some("deny") {
        text += "  groups cannot be changed: setgroups is denied\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_is_told() {
        let ns = |inode: u64| format!("user:[{inode}]").parse::<NsId>().unwrap();
        let map = |text: &str| IdMap::parse(text.as_bytes()).unwrap();
        let (outer, inner) = (
            [map("0 100000 65536\n"), map("")],
            [map("0 101000 1\n"), map("")],
        );
        let levels = [
            (ns(INITIAL), None),
            (ns(8), Some(&outer)),
            (ns(9), Some(&inner)),
        ];
        let text = words(&levels, Some("deny"));
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
        assert!(words(&levels[..1], None).contains("the same"));
    }
}
