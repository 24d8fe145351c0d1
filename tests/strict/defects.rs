//! The known differences: each still exists, and nsx is right.

use super::{
    SIDES, Side,
    known_differences::{Difference, LSNS, NSENTER, UNSHARE, Who},
    run,
    unshare::{CHILD_OF, as_user_with_ranges},
};
use crate::support::{Need, Session, Test, both, root};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        both(differences_of_anyone_still_differ),
        root(differences_of_root_still_differ).needs([Need::Tool("newuidmap"), Need::Tool("perl")]),
    ]
    .into_iter()
    .map(|test| test.needs([Need::Namespaces, Need::UtilLinux(2, 38)]))
    .collect()
}

fn all() -> impl Iterator<Item = &'static Difference> {
    UNSHARE.iter().chain(NSENTER).chain(LSNS)
}

fn differences_of_anyone_still_differ(session: &Session) {
    all()
        .filter(|difference| difference.who == Who::Anyone)
        .for_each(|known| check(session, known));
}

fn differences_of_root_still_differ(session: &Session) {
    all()
        .filter(|difference| difference.who != Who::Anyone)
        .for_each(|known| check(session, known));
}

#[track_caller]
fn check(session: &Session, known: &Difference) {
    let script = match known.who {
        Who::Anyone | Who::Root => CHILD_OF.to_owned() + known.script,
        Who::WithRanges => as_user_with_ranges(known.script),
        Who::RootBesideRanges => {
            as_user_with_ranges(known.script).replace("--reuid=4242 --regid=4242", "--reuid=0")
        }
    };
    let (since, mended) = known.releases;
    let has = |(major, minor): (u32, u32)| Need::UtilLinux(major, minor).is_met();
    for side in SIDES
        .into_iter()
        .filter(|side| *side == Side::Nsx || has(since) && !mended.is_some_and(has))
    {
        let seen = run(session, side, &script);
        let text = format!("{side:?}, {}: {script}: {seen:?}", known.reason);
        assert_eq!(seen.status, "exit status: 0", "{text}");
        assert_eq!(
            seen.stdout.trim_end() == known.nsx,
            side == Side::Nsx,
            "{text}"
        );
    }
}
