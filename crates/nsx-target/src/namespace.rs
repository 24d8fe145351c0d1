//! Namespaces that a file, a name, an inode number or an id names.

use crate::{
    belief,
    claim::{Claim, Location},
    container::Owner,
    error::TargetError,
    files::part,
    grammar::Target,
    host::Host,
    link,
    no_namespace::NoNamespace,
    person::Owners,
    unread::ReadError,
};
use nsx_core::{
    census::{Lost, Wanted},
    ns::Namespace,
};
use rustix::{fs::CWD, io::Errno};
use std::{
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
};

/// Opens the namespace that the file `path` holds.
///
/// # Errors
/// [`TargetError::NoNamespace`] if the file does not hold a namespace or does not exist.
pub(crate) fn by_file(target: &Target, path: &Path) -> Result<Namespace, TargetError> {
    Namespace::open(CWD, path).map_err(|errno| {
        let why = Box::new(link::refusal(path, errno));
        TargetError::NoNamespace {
            target: target.clone(),
            why,
        }
    })
}

/// Opens the namespace that `ip netns` or an engine has called `name`. If another user gave the
/// name, the namespace must be that user's own.
pub(crate) fn by_name(
    target: &Target,
    name: &OsStr,
    host: &Host,
    owners: Owners,
) -> Result<Namespace, TargetError> {
    let mut opened: Vec<(PathBuf, Namespace)> = Vec::new();
    let mut refusal = None;
    for directory in directories(host, owners) {
        match open_in(host, &directory, name) {
            Ok((_, claim)) if !host.wants(owners, claim) => {}
            // Two paths may lead to one directory.
            Ok((namespace, _)) if opened.iter().any(|(_, other)| other.id() == namespace.id()) => {}
            Ok((namespace, claim)) => {
                if let Some(owner) = host.owner(claim).filter(|owner| !owner.is_caller)
                    && !belief::is_users(host, &namespace, owner.uid)
                {
                    return Err(TargetError::Unbelieved {
                        target: target.clone(),
                        user: owner.word,
                    });
                }
                opened.push((directory.path.join(name), namespace));
            }
            Err(NoNamespace::Os(Errno::NOENT)) => {}
            Err(why) => refusal = refusal.or(Some(why)),
        }
    }
    match (opened.len(), refusal) {
        (0, Some(why)) => Err(TargetError::NoNamespace {
            target: target.clone(),
            why: Box::new(why),
        }),
        (0, None) => {
            let unread = directories(host, owners)
                .into_iter()
                .filter_map(|directory| {
                    let error = host.dir(&directory).err().filter(ReadError::is_distrust)?;
                    Some(format!("{}: {error}", directory.path.display()))
                });
            Err(TargetError::Nothing {
                target: target.clone(),
                meant: unread.collect(),
                unread: Vec::new(),
            })
        }
        (1, _) => Ok(opened.remove(0).1),
        _ => {
            let addresses = opened
                .iter()
                .map(|(path, _)| path.display().to_string())
                .collect();
            Err(TargetError::Ambiguous {
                target: target.clone(),
                addresses,
            })
        }
    }
}

/// Returns whether the system or the caller has given that name to a namespace.
pub(crate) fn is_named(name: &OsStr, host: &Host) -> bool {
    let is_named = |directory: Location| {
        open_in(host, &directory, name).is_ok_and(|(_, claim)| host.wants(Owners::Own, claim))
    };
    directories(host, Owners::Own).into_iter().any(is_named)
}

/// Returns the users other than the caller who have given that name. Only root may look into
/// others' directories.
pub(crate) fn elsewhere(name: &OsStr, host: &Host) -> Vec<Owner> {
    if !host.is_root() {
        return Vec::new();
    }
    let claims = directories(host, Owners::All)
        .into_iter()
        .filter_map(|it| Some(open_in(host, &it, name).ok()?.1));
    claims
        .filter(|claim| host.is_anothers(*claim))
        .filter_map(|claim| host.owner(claim))
        .collect()
}

/// A name that somebody has given a network namespace.
pub(crate) struct NetworkName {
    /// The user who gave it; none for the system.
    pub(crate) owner: Option<Owner>,
    pub(crate) name: OsString,
}

/// The address: `netns:blue`, or `netns:ada@blue` for another user than the caller.
impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.owner.as_ref().filter(|owner| !owner.is_caller) {
            Some(owner) => write!(f, "netns:{}@{}", owner.word, self.name.display()),
            None => write!(f, "netns:{}", self.name.display()),
        }
    }
}

/// Returns the names that these users have given. Docker's own names are left out, because they are
/// of no use to people.
pub(crate) fn names(host: &Host, owners: Owners) -> Vec<NetworkName> {
    let mut names = Vec::new();
    for directory in directories(host, owners)
        .into_iter()
        .filter(|it| it.path != Path::new(DOCKERS))
    {
        let known = host
            .dir(&directory)
            .and_then(|directory| directory.names())
            .unwrap_or_default();
        names.extend(known.into_iter().filter_map(|name| {
            let name = part(&name).to_owned();
            let (_, claim) = open_in(host, &directory, &name).ok()?;
            host.wants(owners, claim).then(|| NetworkName {
                owner: host.owner(claim),
                name,
            })
        }));
    }
    names
}

/// The directory in which `ip-netns(8)` gives names to network namespaces.
pub const NETNS: &str = "/run/netns";

/// The directory of Docker's own names.
const DOCKERS: &str = "/run/docker/netns";

/// Returns the directories in which network namespaces have names.
fn directories(host: &Host, owners: Owners) -> Vec<Location> {
    let own = host
        .people(owners)
        .into_iter()
        .map(|person| person.runtime("netns"));
    [NETNS, DOCKERS]
        .map(Location::system)
        .into_iter()
        .chain(own)
        .collect()
}

fn open_in(
    host: &Host,
    directory: &Location,
    name: &OsStr,
) -> Result<(Namespace, Claim), NoNamespace> {
    let failed = |errno| Err(NoNamespace::Os(errno));
    let Ok(opened) = host.dir(directory) else {
        return failed(Errno::NOENT);
    };
    match opened.open_path(name) {
        Ok((file, claim)) => link::open(host, directory, file, claim),
        Err(ReadError::Absent) => failed(Errno::NOENT),
        Err(ReadError::Os(errno)) => failed(errno),
        Err(_) => failed(Errno::PERM),
    }
}

/// Searches for a namespace among all that the caller can see, see [`Wanted::open`].
pub(crate) fn search(
    target: &Target,
    wanted: Wanted,
    host: &Host,
) -> Result<Namespace, TargetError> {
    wanted.open(host.proc()).map_err(|lost| match lost {
        Lost::Os(errno) => {
            let why = Box::new(NoNamespace::Os(errno));
            TargetError::NoNamespace {
                target: target.clone(),
                why,
            }
        }
        Lost::Absent(unseen) => {
            let processes = |count| {
                if count == 1 {
                    "1 process".to_owned()
                } else {
                    format!("{count} processes")
                }
            };
            let hidden = [
                (unseen.hidden(), processes(unseen.hidden())),
                (
                    unseen.closed,
                    format!("the descriptors of {}", processes(unseen.closed)),
                ),
            ];
            let line = |(count, what): (usize, String)| {
                (count > 0).then(|| format!("{what} could not be read"))
            };
            let meant = hidden.into_iter().filter_map(line).collect();
            TargetError::Nothing {
                target: target.clone(),
                meant,
                unread: Vec::new(),
            }
        }
    })
}
