//! The words for a target, read without a system call.
//!
//! | form | means |
//! |---|---|
//! | `1234` | a PID as the caller sees it |
//! | `1234:5678` | a PID whose pidfd has inode 5678: proof against a number that was used again |
//! | `docker:web`, `docker://ID` | a container or unit of that engine, by name, id or the start of an id |
//! | `podman:ada@db` | a container in the store of user ada, a name or a number |
//! | `k8s://NAMESPACE/POD[/CONTAINER]` | a pod's container on this node |
//! | `netns:blue`, any word with a slash | a namespace that a file holds |
//! | `netns:ada@blue` | a namespace that user ada gave a name |
//! | `net:[4026532177]`, `id:77` | a namespace by its inode or its never-reused id |
//! | `web` | any container or namespace of the system's or the caller's own that has the name |
//! If names of an engine may contain an `@`, `ada@db` is a name first. Only if nothing has that
//! name, it is a name with its owner: [`with_owner`].

mod error;
mod pod;

pub use error::ParseTargetError;
pub use pod::PodName;

use crate::{engine::Engine, id::ID_BY_ITSELF, near};
use nsx_core::{
    ns::{NsId, NsKind},
    pid::{self, Pid},
    proc::decimal,
};
use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

/// A word for a process or a namespace. The target need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// A process by its number.
    Process {
        /// The process id in the caller's PID namespace.
        pid: Pid,
        /// The inode that its pidfd must have, if one is given (Linux 6.9).
        inode: Option<u64>,
    },
    /// A container or unit of one engine.
    Container {
        /// The engine of the container or unit.
        engine: Engine,
        /// The name or number of the user in whose store it is, if one is named.
        owner: Option<OsString>,
        /// The name, the id, or the start of the id.
        name: OsString,
    },
    /// A container of a Kubernetes pod on this node.
    Pod(PodName),
    /// A namespace that `ip netns` or an engine gave a name.
    Netns(OsString),
    /// A namespace that a file holds.
    File(PathBuf),
    /// A namespace by its kind and inode number.
    Namespace(NsId),
    /// A namespace by its inode number, from [`Self::parse_namespace`].
    Inode(u64),
    /// A namespace by its id, which is never used again (6.18).
    Id(u64),
    /// Anything that carries that name.
    Name(OsString),
}

impl Target {
    /// Reads a word, of which a bare number is a PID.
    ///
    /// # Errors
    /// [`ParseTargetError`] if the word has none of the forms.
    pub fn parse(word: &[u8]) -> Result<Self, ParseTargetError> {
        use ParseTargetError::{Empty, Pod, Prefix};
        if word.is_empty() {
            return Err(Empty);
        }
        let digits = word.strip_prefix(b"-").unwrap_or(word);
        if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && word.len() < ID_BY_ITSELF
        {
            return Ok(Self::Process {
                pid: pid::parse(word)?,
                inode: None,
            });
        }
        if let Some(path) = word.strip_prefix(b"k8s://") {
            return PodName::parse(path).map(Self::Pod);
        }
        let colon = word.iter().position(|&byte| byte == b':');
        let slash = word.iter().position(|&byte| byte == b'/');
        let Some(colon) = colon.filter(|&colon| slash.is_none_or(|slash| colon < slash)) else {
            return Ok(match slash {
                Some(_) => Self::File(PathBuf::from(os(word))),
                None => Self::Name(os(word)),
            });
        };
        let (prefix, rest) = (&word[..colon], &word[colon + 1..]);
        if !prefix.is_empty() && prefix.iter().all(u8::is_ascii_digit) {
            let inode = decimal(rest).ok_or(ParseTargetError::Inode)?;
            return Ok(Self::Process {
                pid: pid::parse(prefix)?,
                inode: Some(inode),
            });
        }
        if let Ok(ns) = NsId::parse(word) {
            return Ok(Self::Namespace(ns));
        }
        match (prefix, Engine::from_name(prefix)) {
            (_, Some(engine)) => Self::container(engine, rest),
            (b"netns", _) if rest.is_empty() => Err(Empty),
            (b"netns", _) if rest.contains(&b'/') => Err(ParseTargetError::Slash),
            (b"netns", _) => Ok(Self::Netns(os(rest))),
            (b"id", _) => decimal(rest).map(Self::Id).ok_or(ParseTargetError::Id),
            (b"k8s", _) => Err(Pod),
            (kind, _) if NsKind::from_name(kind).is_some() => Err(ParseTargetError::Namespace),
            _ => Err(Prefix),
        }
    }

    /// Reads a word for a namespace, of which a bare number is an inode.
    ///
    /// # Errors
    /// [`ParseTargetError`].
    pub fn parse_namespace(word: &[u8]) -> Result<Self, ParseTargetError> {
        match decimal(word) {
            Some(inode) => Ok(Self::Inode(inode)),
            None => Self::parse(word),
        }
    }

    /// Returns the target that was probably meant by a word that is not a target, if another prefix
    /// makes it one: `docker:web` for `doker:web`, `netns:blue` for `net:blue`.
    pub(crate) fn proposed(word: &[u8], wrong: ParseTargetError) -> Option<Self> {
        let colon = word.iter().position(|&byte| byte == b':')?;
        let (prefix, rest) = (&word[..colon], &word[colon..]);
        let prefixes: Vec<&str> = match wrong {
            ParseTargetError::Prefix => {
                near::nearest(prefix, Engine::words().chain(["netns", "k8s", "id"]))
            }
            ParseTargetError::Namespace if prefix == NsKind::Net.name().as_bytes() => vec!["netns"],
            ParseTargetError::Pod => {
                return PodName::parse(without_slashes(&rest[1..]))
                    .ok()
                    .map(Self::Pod);
            }
            _ => return None,
        };
        prefixes
            .into_iter()
            .find_map(|prefix| Self::parse(&[prefix.as_bytes(), rest].concat()).ok())
    }

    fn container(engine: Engine, name: &[u8]) -> Result<Self, ParseTargetError> {
        // `docker://ID` is how Kubernetes prints it.
        let name = name.strip_prefix(b"//").unwrap_or(name);
        let (owner, name) = match with_owner(name) {
            Some((owner, name)) if !engine.has_at_signs() => (Some(os(owner)), name),
            _ => (None, name),
        };
        // containerd's names may have their namespace before them.
        let names: Vec<_> = name.split(|&byte| byte == b'/').collect();
        let most = if engine == Engine::Containerd { 2 } else { 1 };
        if name.is_empty() {
            return Err(ParseTargetError::Empty);
        }
        if names.len() > most || names.iter().any(|name| name.is_empty()) {
            return Err(ParseTargetError::Slash);
        }
        Ok(Self::Container {
            engine,
            owner,
            name: os(name),
        })
    }
}

/// Returns the word without the slashes at its start.
fn without_slashes(word: &[u8]) -> &[u8] {
    &word[word.iter().take_while(|&&byte| byte == b'/').count()..]
}

/// Returns the owner and the name in `ada@db`. No user has a slash in the name.
pub(crate) fn with_owner(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = word.iter().position(|&byte| byte == b'@')?;
    let (owner, name) = (&word[..at], &word[at + 1..]);
    (!owner.is_empty() && !owner.contains(&b'/') && !name.is_empty()).then_some((owner, name))
}

fn os(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

/// The target as it is typed. Bytes that are not UTF-8 are replaced; nothing is escaped.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |name: &OsStr| String::from_utf8_lossy(name.as_bytes()).into_owned();
        match self {
            Self::Process { pid, inode: None } => write!(f, "{pid}"),
            Self::Process {
                pid,
                inode: Some(inode),
            } => write!(f, "{pid}:{inode}"),
            Self::Container {
                engine,
                owner: None,
                name,
            } => write!(f, "{engine}:{}", shown(name)),
            Self::Container {
                engine,
                owner: Some(owner),
                name,
            } => {
                write!(f, "{engine}:{}@{}", shown(owner), shown(name))
            }
            Self::Pod(PodName {
                namespace,
                pod,
                container,
            }) => {
                write!(f, "k8s://{}/{}", shown(namespace), shown(pod))?;
                container
                    .as_ref()
                    .map_or(Ok(()), |container| write!(f, "/{}", shown(container)))
            }
            Self::Netns(name) => write!(f, "netns:{}", shown(name)),
            Self::File(path) => write!(f, "{}", shown(path.as_os_str())),
            Self::Namespace(ns) => write!(f, "{ns}"),
            Self::Inode(inode) => write!(f, "{inode}"),
            Self::Id(id) => write!(f, "id:{id}"),
            Self::Name(name) => write!(f, "{}", shown(name)),
        }
    }
}

#[cfg(test)]
mod tests;
