//! Everything that runs and that a pattern fits.

use crate::{
    check::{Checked, Checker},
    container::Container,
    engine::Engine,
    error::TargetError,
    find::Subject,
    grammar::{ParseTargetError, Target, with_owner},
    host::{Host, Whose},
    merge::merged,
    scan,
    stores::{self, Query},
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// All containers that run and that a pattern fits: `docker:*`, `web-?`, `podman:ada@*`. Before a colon stands an engine; `*` is
/// any text, `?` any character. Without an owner only the system's and the caller's own are meant. Sandboxes of pods are left
/// out.
///
/// # Errors
/// An error if the pattern's prefix is not an engine, or its owner not a user.
pub fn find_all(host: &Host, pattern: &OsStr) -> Result<Vec<Subject>, TargetError> {
    let bytes = pattern.as_bytes();
    let not_a_target = |source| TargetError::NotATarget { word: pattern.to_owned(), source };
    let (engine, glob) = match bytes.iter().position(|&byte| byte == b':') {
        None => (None, bytes),
        Some(colon) => match Engine::from_name(&bytes[..colon]) {
            Some(engine) => (Some(engine), &bytes[colon + 1..]),
            None => return Err(not_a_target(ParseTargetError::Prefix)),
        },
    };
    let owned = engine.and_then(|engine| Some((engine, with_owner(glob)?)));
    let owned = owned.map(|(engine, (owner, glob))| (engine, OsStr::from_bytes(owner), glob));
    match owned {
        Some((engine, owner, glob)) if !engine.has_at_signs() => {
            let user = host.user(owner).ok_or_else(|| TargetError::NoUser {
                target: Target::Container {
                    engine,
                    owner: Some(owner.to_owned()),
                    name: OsStr::from_bytes(glob).to_owned(),
                },
                user: owner.to_owned(),
            })?;
            Ok(fitting(host, Whose::Of(user), Some(engine), glob))
        }
        owned => {
            let found = fitting(host, Whose::Own, engine, glob);
            match owned.filter(|_| found.is_empty()).and_then(|(_, owner, glob)| Some((host.user(owner)?, glob))) {
                Some((user, glob)) => Ok(fitting(host, Whose::Of(user), engine, glob)),
                None => Ok(found),
            }
        }
    }
}

/// The containers that run and that a pattern without prefix and owner fits.
fn fitting(host: &Host, whose: Whose, engine: Option<Engine>, glob: &[u8]) -> Vec<Subject> {
    let fits = |container: &Container| fits(glob, container.label().as_bytes()) || fits(glob, container.id.as_bytes());
    running(host, whose, engine)
        .into_iter()
        .filter(|it| fits(&it.container))
        .filter_map(|it| Some(Subject { process: it.process?, container: Some(Box::new(it.container)) }))
        .collect()
}

/// Returns every container that runs, checked, but no sandbox of a pod.
pub(crate) fn running(host: &Host, whose: Whose, engine: Option<Engine>) -> Vec<Checked> {
    let is_sandbox = |it: &Checked| it.container.pod.as_ref().is_some_and(|pod| pod.is_sandbox);
    let mut found = all(host, whose, engine);
    found.retain(|it| it.runs() && !is_sandbox(it));
    found
}

/// Returns every container, checked, running or not.
pub(crate) fn all(host: &Host, whose: Whose, engine: Option<Engine>) -> Vec<Checked> {
    let records = stores::look(host, whose, engine, &Query::All).records;
    let mut checker = Checker::new(host);
    let mut found: Vec<_> = records.into_iter().map(|record| checker.check(record)).collect();
    let beyond = scan::beyond(host, whose, engine, &Query::All, &found);
    found.extend(beyond.into_iter().map(|record| checker.check(record)));
    merged(found)
}

/// Whether a pattern of `*` and `?` fits a name. Takes no more steps than the product of their lengths.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut place) = (0, 0);
    // The last star, and how much of the name it stands for.
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(letter) if *letter == b'?' || *letter == name[place] => {
                at += 1;
                place += 1;
            }
            _ => match &mut star {
                Some((of_star, taken)) => {
                    *taken += 1;
                    (at, place) = (*of_star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "web"),
            ("w?b*", "web"),
            ("w*b-?", "web-b-1"),
            ("web", "web"),
            ("*a*b", "aabab"),
            ("**", "x"),
        ] {
            assert!(fits(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
        for (pattern, name) in
            [("", "a"), ("?", ""), ("w*c", "web"), ("web", "webs"), ("web?", "web"), ("*a*b", "aaba"), ("a*", "")]
        {
            assert!(!fits(pattern.as_bytes(), name.as_bytes()), "{pattern} {name}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_the_lengths_multiplied() {
        // One step for each way to share the letters out would not end.
        assert!(!fits(&b"*a".repeat(50), &[b"a".repeat(200), b"b".to_vec()].concat()));
    }
}
