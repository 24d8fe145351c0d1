//! The fate of a namespace: what would have to happen for it to die.

use super::holders::{HeldBy, Row};
use crate::{query::left_out::LeftOut, text};
use nsx_core::{
    census::{Census, Entry},
    ns::{NsId, NsKind},
};

/// The most holders of one kind that are named. Others are only counted.
const FEW: usize = 3;

/// Returns the events that would all have to happen for a namespace to die.
pub(super) fn to_die(ns: NsId, rows: &[Row]) -> Vec<String> {
    if ns.is_initial() {
        return vec!["the host is shut down".to_owned()];
    }
    let mut ends = Vec::new();
    for of_kind in rows.chunk_by(|one, next| one.kind == next.kind) {
        let count = of_kind.len();
        if count <= FEW {
            ends.extend(of_kind.iter().map(Row::end));
            continue;
        }
        ends.push(match of_kind[0].kind {
            "process" => format!("the {count} processes in it end"),
            "thread" => format!("the {count} threads in it end"),
            "for_children" => format!("{count} threads end whose next children would be in it"),
            "descriptor" => format!("{count} descriptors of it are closed"),
            "socket" => format!("{count} sockets in it are closed"),
            "mount" => format!("it is unmounted in {count} places"),
            "child" => format!("the {count} namespaces below it die"),
            _ => format!("the {count} namespaces that it owns die"),
        });
    }
    ends
}

/// Returns the fate of a namespace in words.
pub(super) fn in_words(ns: NsId, to_die: &[String], certain: bool) -> String {
    let dies = if certain {
        "It dies"
    } else {
        "As far as can be seen, it dies"
    };
    match to_die {
        [] => format!("Nothing that nsx can see keeps {ns}.\n"),
        ends => format!("{dies} when {}.\n", text::listed(ends)),
    }
}

/// Returns commands that remove the mounts. Removing the file of a mount point removes the mounts on
/// it in other mount namespaces, too (3.18). One command for each mount point is therefore enough, in
/// the caller's mount namespace if the mount is there.
pub(super) fn remedies(rows: &[Row]) -> Vec<String> {
    let mut remedies = Vec::new();
    let mut done: Vec<&[u8]> = Vec::new();
    for is_own in [true, false] {
        for row in rows {
            let HeldBy::Mount {
                point,
                own,
                seen_by,
                ..
            } = &row.by
            else {
                continue;
            };
            if *own != is_own || done.contains(&point.as_slice()) {
                continue;
            }
            let Some(word) = text::shell_word(point) else {
                continue;
            };
            match seen_by {
                _ if is_own => remedies.push(format!("umount {word} && rm {word}")),
                Some(pid) => {
                    remedies.push(format!(
                        "nsx enter {pid} --mount -- sh -c 'umount \"$0\" && rm \"$0\"' {word}"
                    ));
                }
                None => continue,
            }
            done.push(point);
        }
    }
    remedies
}

/// Returns the reasons why something else may be in a namespace or hold it.
pub(super) fn doubts(entry: &Entry, census: &Census, left_out: &LeftOut) -> String {
    let mut doubts = String::new();
    if let Some(processes) = left_out.processes() {
        doubts += &format!("Not seen: {processes}, which may be in it or hold it.\n");
    }
    if !census.lists_all {
        doubts += "Not seen: processes that /proc does not list, which may be in it or hold it.\n";
    }
    if census.unseen.closed > 0 {
        doubts += &format!(
            "Not seen: the descriptors of {}, which may hold it.\n",
            left_out.closed()
        );
    }
    if census.unseen.sockets > 0 && entry.ns.kind == NsKind::Net {
        doubts += "Not seen: the network namespaces of some sockets, which may hold it.\n";
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::{super::holders::tests::row, *};

    #[test]
    fn all_holders_have_to_go() {
        let ns: NsId = "net:[7]".parse().unwrap();
        let mount = |inside, own| HeldBy::Mount {
            point: b"/a\x1b".to_vec(),
            mount: 9,
            inside,
            seen_by: None,
            own,
        };
        let mut rows = vec![
            row("process", 12, HeldBy::Process {}),
            row("thread", 12, HeldBy::Thread { tid: 13 }),
            row("for_children", 14, HeldBy::Thread { tid: 14 }),
            row("descriptor", 15, HeldBy::Descriptor { fd: 3 }),
            row("mount", 0, mount(Some(1), true)),
            row("mount", 0, mount(Some(2), false)),
        ];
        let expected = "It dies when process 12 ends, thread 13 of process 12 ends, process 14, \
        whose next children would \
            be in it, ends, process 15 closes descriptor 3, /a\\x1b is unmounted and /a\\x1b in \
        mnt:[2] is unmounted \
            there.\n";
        assert_eq!(in_words(ns, &to_die(ns, &rows), true), expected);
        for pid in 16..19 {
            rows.insert(0, row("process", pid, HeldBy::Process {}));
        }
        assert!(
            in_words(ns, &to_die(ns, &rows), true)
                .starts_with("It dies when the 4 processes in it end, thread 13")
        );
        assert_eq!(
            in_words(ns, &to_die(ns, &rows[..1]), true),
            "It dies when process 18 ends.\n"
        );
        let doubted = "As far as can be seen, it dies when process 18 ends.\n";
        assert_eq!(in_words(ns, &to_die(ns, &rows[..1]), false), doubted);
        assert_eq!(
            in_words(ns, &[], true),
            "Nothing that nsx can see keeps net:[7].\n"
        );
        let host = "user:[4026531837]".parse().unwrap();
        assert_eq!(to_die(host, &rows), ["the host is shut down"]);
    }

    #[test]
    fn each_mount_point_has_one_remedy_and_here_if_possible() {
        let mount = |point: &str, seen_by: Option<i32>| {
            let own = seen_by.is_none();
            row(
                "mount",
                0,
                HeldBy::Mount {
                    point: point.into(),
                    mount: 9,
                    inside: Some(1),
                    seen_by,
                    own,
                },
            )
        };
        let rows = [
            mount("/a b", Some(7)),
            mount("/a b", Some(8)),
            mount("/c", Some(7)),
            mount("/c", None),
        ];
        let elsewhere = "nsx enter 7 --mount -- sh -c 'umount \"$0\" && rm \"$0\"' '/a b'";
        assert_eq!(remedies(&rows), ["umount /c && rm /c", elsewhere]);
        assert!(remedies(&[mount("/a\x1b", None)]).is_empty());
    }
}
