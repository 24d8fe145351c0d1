//! Id maps, from the requested ranges and the ranges that the caller may map.

use crate::error::Error;
use nsx_core::{
    accounts::{self, User},
    idmap::{IdKind, IdMap, MapError, MapRequest, MapRequestError, Owned},
    plan::Caller,
    proc::ProcRoot,
};
use rustix::thread::CapabilitySet;

/// The maker of finished maps.
pub(super) struct Maps<'a> {
    pub(super) caller: &'a Caller,
    pub(super) proc: &'a ProcRoot,
    /// Notes for the user on the maps.
    pub(super) notes: &'a mut Vec<String>,
}

/// The ranges that the caller may map.
#[derive(Default)]
struct Ranges {
    /// The ids that exist in the caller's user namespace.
    own_map: IdMap,
    /// The caller, and the ranges that /etc/subuid or /etc/subgid gives to it.
    user: Option<User>,
    given: Vec<(u32, u32)>,
}

impl Maps<'_> {
    /// Returns the finished map of a request; `None` if it is empty. `own` is the id of the owner
    /// of the new namespace. An error has the hints that would help.
    pub(super) fn finish(
        &mut self,
        ids: IdKind,
        request: &MapRequest,
        own: u32,
    ) -> Result<Option<IdMap>, Error> {
        if request.is_empty() {
            return Ok(None);
        }
        let ranges = match request.ranges.is_empty() {
            true => Ranges::default(),
            false => Ranges::read(ids, self.caller, self.proc)?,
        };
        let owned = Owned {
            id: own,
            given: &ranges.given,
            own_map: &ranges.own_map,
            privileged: self.caller.can(match ids {
                IdKind::User => CapabilitySet::SETUID,
                IdKind::Group => CapabilitySet::SETGID,
            }),
        };
        let (map, used) = resolve(ids, request, owned);
        match map {
            Ok(map) => {
                if used < ranges.given.len() {
                    self.notes.push(format!(
                        "{} has {} ranges for you, and the kernel takes no more than the first \
                        {used}",
                        ids.ranges_file(),
                        ranges.given.len()
                    ));
                }
                Ok(Some(map))
            }
            Err(error) => {
                let user = ranges.user;
                let hints = user.map_or_else(Vec::new, |user| hints(ids, &error, &user));
                Err(Error::Map(ids, error, hints))
            }
        }
    }
}

/// Makes the map, with as many of the ranges that are given to the caller as the kernel takes.
/// Returns their number, too.
fn resolve(
    ids: IdKind,
    request: &MapRequest,
    mut owned: Owned<'_>,
) -> (Result<IdMap, MapRequestError>, usize) {
    loop {
        let map = request.resolve(ids, &owned);
        match (&map, owned.given) {
            (
                Err(MapRequestError::Map(MapError::TooMany(_) | MapError::TooLong(..))),
                [fewer @ .., _],
            ) if !fewer.is_empty() => owned.given = fewer,
            (_, given) => return (map, given.len()),
        }
    }
}

impl Ranges {
    fn read(ids: IdKind, caller: &Caller, proc: &ProcRoot) -> Result<Self, Error> {
        let own_map = IdMap::read_own(ids, proc);
        let own_map = own_map.map_err(|error| Error::Proc(Box::new(error)))?;
        let user = accounts::user_or_number(caller.uid);
        let given = user.and_then(|user| Ok((accounts::given_ranges(ids, &user)?, user)));
        let (given, user) =
            given.map_err(|error| Error::Lookup(ids.ranges_file().to_owned(), error))?;
        Ok(Self {
            own_map,
            user: Some(user),
            given,
        })
    }
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
                    "some of them belong to others, or are reserved for others (those below 65536), and \
                    a process that maps an id can act as its owner"
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
