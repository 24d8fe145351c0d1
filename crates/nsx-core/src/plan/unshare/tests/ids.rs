//! The steps about ids and supplementary groups.

use super::*;
use crate::{idmap::Setgroups, plan::GroupsDenied};

#[test]
fn setgroups_stays_allowed_only_where_a_privileged_outside_writes_the_map() {
    let mut request = request(&[NsKind::User]);
    (request.users, request.groups) = (
        Some(IdMap::single(0, 0).unwrap()),
        Some(IdMap::single(0, 0).unwrap()),
    );
    request.setgroups = Some(Setgroups::Allow);
    let unprivileged = Caller {
        capabilities: CapabilitySet::empty(),
        ..root()
    };
    assert!(matches!(
        plan(request.clone(), &unprivileged),
        Err(PlanError::SetgroupsAllowed)
    ));
    assert_eq!(
        text(&plan(request, &root()).unwrap())[1..3],
        [
            "nsx: write uid_map \"0 0 1\"",
            "outside: write gid_map \"0 0 1\""
        ]
    );
}

#[test]
fn ranges_are_written_from_outside_by_a_process_with_the_right() {
    let map = IdMap::parse(b"0 1000 1\n1 100000 65536\n").unwrap();
    let mut request = request(&[NsKind::User]);
    (request.users, request.groups) = (Some(map.clone()), Some(map));
    assert_eq!(
        text(&plan(request.clone(), &root()).unwrap())[1..3],
        [
            "outside: write uid_map \"0 1000 1, 1 100000 65536\"",
            "outside: write gid_map \"0 1000 1, 1 100000 65536\"",
        ]
    );
    assert_eq!(
        text(&plan(request.clone(), &ordinary()).unwrap())[1..3],
        [
            "outside: newuidmap 0 1000 1 1 100000 65536",
            "outside: newgidmap 0 1000 1 1 100000 65536"
        ]
    );
    // Denied before the map is there, while the kernel still takes it.
    request.setgroups = Some(Setgroups::Deny);
    assert_eq!(
        text(&plan(request, &ordinary()).unwrap())[2],
        "nsx: write setgroups \"deny\""
    );
}

#[test]
fn the_user_namespace_of_another_owner_is_mapped_by_the_outside() {
    let mut request = request(&[NsKind::User, NsKind::Time]);
    request.owner = Some((1000, 1001));
    (request.users, request.groups) = (
        Some(IdMap::single(0, 1000).unwrap()),
        Some(IdMap::single(0, 1001).unwrap()),
    );
    request.clocks = vec![ClockOffset {
        clock: Clock::Monotonic,
        seconds: 7,
        nanoseconds: 0,
    }];
    let unshared = [
        "nsx: unshare(CLONE_NEWTIME|CLONE_NEWUSER)",
        "nsx: write uid_map \"0 1000 1\"",
        "nsx: write setgroups \"deny\"",
        "nsx: write gid_map \"0 1001 1\"",
        "nsx: write timens_offsets \"monotonic 7 0\"",
        "inside: execvp(ps aux)",
    ];
    // Who is the owner already becomes nobody else.
    assert_eq!(text(&plan(request.clone(), &ordinary()).unwrap()), unshared);
    let outside = [
        "nsx: setgroups(0)",
        "nsx: setgid(1001)",
        "nsx: setuid(1000)",
        "nsx: unshare(CLONE_NEWTIME|CLONE_NEWUSER)",
        "outside: write uid_map \"0 1000 1\"",
        "outside: write setgroups \"deny\"",
        "outside: write gid_map \"0 1001 1\"",
        "outside: write timens_offsets \"monotonic 7 0\"",
        "inside: execvp(ps aux)",
    ];
    assert_eq!(text(&plan(request, &root()).unwrap()), outside);
}

#[test]
fn groups_that_cannot_be_dropped_are_left_alone_or_fail_as_asked() {
    let mut request = request(&[NsKind::User]);
    request.gid = Some(0);
    let mut drops = |denied, caller: &Caller| {
        request.groups = Some(IdMap::single(0, caller.gid).unwrap());
        request.groups_denied = denied;
        let text = text(&plan(request.clone(), caller).unwrap());
        ["nsx: setgroups(0)", "inside: setgroups(0)"].map(|line| text.contains(&line.to_owned()))
    };
    // Who may leaves them while it is not denied yet.
    for (denied, of_root, of_others) in [
        (GroupsDenied::Keep, [true, false], [false, false]),
        (GroupsDenied::Fail, [true, true], [false, true]),
        (GroupsDenied::FailAlways, [false, true], [false, true]),
    ] {
        assert_eq!(
            (drops(denied, &root()), drops(denied, &ordinary())),
            (of_root, of_others),
            "{denied:?}"
        );
    }
}
