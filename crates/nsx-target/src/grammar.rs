//! The words for a target, read without asking the system anything.
//!
//! | form | means |
//! |---|---|
//! | `1234` | a PID as the caller sees it |
//! | `1234:5678` | the same, only if its pidfs inode is 5678: proof against a number that was used again |
//! | `docker:web`, `docker://ID` | a container or unit of that engine, by name, id or the start of an id |
//! | `podman:ada@db` | the same in the store of user ada, who may be a number |
//! | `k8s://NAMESPACE/POD[/CONTAINER]` | a pod's container on this node |
//! | `netns:blue`, any word with a slash | a namespace that a file holds |
//! | `netns:ada@blue` | one that user ada gave a name |
//! | `net:[4026532177]`, `id:77` | a namespace by its inode or its never-reused id |
//! | `web` | whatever of the system's or the caller's own carries that name |
//!
//! If the name of a container, unit or namespace may contain an `@`, `ada@db` is a name first, and
//! only if nothing has it a name with its owner: [`with_owner`].

use crate::{engine::Engine, near};
use nsx_core::{
    ns::{NsId, NsKind},
    pid::{self, ParsePidError, Pid},
    proc::decimal,
};
use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

/// This many hexadecimal digits without a prefix are a container's id, as `docker ps -q` prints it.
pub(crate) const ID_BY_ITSELF: usize = 12;

/// The thing that a word names. Whether the thing exists is another question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A process by its number.
    Process {
        /// Its id in the caller's PID namespace.
        pid: Pid,
        /// The inode of its pidfd, if it must have that one (6.9).
        inode: Option<u64>,
    },
    /// A container or unit of one engine.
    Container {
        /// The engine of the container or unit.
        engine: Engine,
        /// The user in whose store it is, where one is named: a user's name or number.
        owner: Option<OsString>,
        /// Its name, its id, or the start of its id.
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
    /// A namespace by its inode number; only read where nothing but a namespace fits.
    Inode(u64),
    /// A namespace by its id, which is never used again (6.18).
    Id(u64),
    /// Anything that carries that name.
    Name(OsString),
}

/// A pod, or one container of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodName {
    /// The Kubernetes namespace.
    pub namespace: OsString,
    /// The pod's name.
    pub pod: OsString,
    /// The container's name; the first that is no sandbox where none is given.
    pub container: Option<OsString>,
}

/// Why a word is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseTargetError {
    /// The word that should be a PID is not a PID.
    #[error(transparent)]
    Pid(#[from] ParsePidError),
    /// The part that follows the colon of a PID is not an inode number.
    #[error("what follows the colon is not the inode number of a pidfd")]
    Inode,
    /// Nothing, or nothing after the prefix.
    #[error("it names nothing")]
    Empty,
    /// A prefix that nsx does not know.
    #[error(
        "the prefix is none of docker, podman, containerd, nerdctl, cri, crio, k8s, lxc, machine, \
        unit, oci, netns and id, \
         and no kind of namespace"
    )]
    Prefix,
    /// The prefix of a pattern is not one of names.
    #[error(
        "the prefix of a pattern is netns, k8s or an engine: docker, podman, containerd, nerdctl, \
        cri, crio, lxc, machine, \
         unit or oci"
    )]
    Pattern,
    /// A pod is not named as one.
    #[error("a pod is named k8s://NAMESPACE/POD[/CONTAINER]")]
    Pod,
    /// The name of a container cannot have a slash.
    #[error("no container has a slash in its name")]
    Slash,
    /// After a kind of namespace there is no number as the kernel writes it.
    #[error(
        "what follows the kind of namespace is not its inode number in brackets, as in \
        net:[4026531840]"
    )]
    Namespace,
    /// After `id:` there is no number.
    #[error("what follows id: is not the id of a namespace, a decimal number")]
    Id,
}

impl Target {
    /// Reads a word, of which a bare number is a PID.
    ///
    /// # Errors
    /// [`ParseTargetError`] where it has none of the forms.
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

    /// Reads a word where only a namespace fits, so that a bare number is an inode.
    ///
    /// # Errors
    /// [`ParseTargetError`].
    pub fn parse_namespace(word: &[u8]) -> Result<Self, ParseTargetError> {
        match decimal(word) {
            Some(inode) => Ok(Self::Inode(inode)),
            None => Self::parse(word),
        }
    }

    /// Returns the target that was meant by a word that is none, if a change of its prefix makes it
    /// one: `docker:web` for `doker:web`, `netns:blue` for `net:blue`.
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

/// The word without the slashes that it begins with.
fn without_slashes(word: &[u8]) -> &[u8] {
    &word[word.iter().take_while(|&&byte| byte == b'/').count()..]
}

/// The owner and the name in `ada@db`. No user has a slash in the name.
pub(crate) fn with_owner(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = word.iter().position(|&byte| byte == b'@')?;
    let (owner, name) = (&word[..at], &word[at + 1..]);
    (!owner.is_empty() && !owner.contains(&b'/') && !name.is_empty()).then_some((owner, name))
}

impl PodName {
    /// Reads `NAMESPACE/POD[/CONTAINER]`.
    fn parse(path: &[u8]) -> Result<Self, ParseTargetError> {
        let parts: Vec<_> = path.split(|&byte| byte == b'/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(ParseTargetError::Pod);
        }
        match parts[..] {
            [namespace, pod] => Ok(Self {
                namespace: os(namespace),
                pod: os(pod),
                container: None,
            }),
            [namespace, pod, container] => Ok(Self {
                namespace: os(namespace),
                pod: os(pod),
                container: Some(os(container)),
            }),
            _ => Err(ParseTargetError::Pod),
        }
    }
}

fn os(bytes: &[u8]) -> OsString {
    OsString::from_vec(bytes.to_vec())
}

/// Returns whether a word could be an id or the start of one, of at least `least` digits.
pub(crate) fn is_start_of_id(word: &[u8], least: usize) -> bool {
    word.len() >= least
        && word
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// As it is typed. Bytes that are no text are replaced; nothing is escaped.
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn container(engine: Engine, name: &str) -> Result<Target, ParseTargetError> {
        Ok(Target::Container {
            engine,
            owner: None,
            name: name.into(),
        })
    }

    fn owned(engine: Engine, owner: &str, name: &str) -> Result<Target, ParseTargetError> {
        Ok(Target::Container {
            engine,
            owner: Some(owner.into()),
            name: name.into(),
        })
    }

    fn parse(word: &str) -> Result<Target, ParseTargetError> {
        Target::parse(word.as_bytes())
    }

    fn pid(pid: i32) -> Pid {
        Pid::from_raw(pid).unwrap()
    }

    #[test]
    fn each_form_is_read() {
        let name = |name: &str| Ok(Target::Name(name.into()));
        assert_eq!(
            parse("1234"),
            Ok(Target::Process {
                pid: pid(1234),
                inode: None
            })
        );
        assert_eq!(
            parse("1234:5678"),
            Ok(Target::Process {
                pid: pid(1234),
                inode: Some(5678)
            })
        );
        assert_eq!(parse("docker:web"), container(Engine::Docker, "web"));
        assert_eq!(parse("docker:1234"), container(Engine::Docker, "1234"));
        assert_eq!(parse("docker://3f2a"), container(Engine::Docker, "3f2a"));
        assert_eq!(parse("cri-o://3f2a"), container(Engine::Crio, "3f2a"));
        assert_eq!(
            parse("containerd:k8s.io/3f2a"),
            container(Engine::Containerd, "k8s.io/3f2a")
        );
        assert_eq!(parse("incus:web"), container(Engine::Lxc, "web"));
        assert_eq!(parse("lxc:a:b"), container(Engine::Lxc, "a:b"));
        assert_eq!(
            parse("unit:getty@tty1.service"),
            container(Engine::Unit, "getty@tty1.service")
        );
        assert_eq!(parse("podman:ada@db"), owned(Engine::Podman, "ada", "db"));
        assert_eq!(
            parse("docker://1000@3f2a"),
            owned(Engine::Docker, "1000", "3f2a")
        );
        assert_eq!(
            parse("containerd:ada@k8s.io/3f2a"),
            owned(Engine::Containerd, "ada", "k8s.io/3f2a")
        );
        for engine in [Engine::Oci, Engine::Lxc, Engine::Machine] {
            assert_eq!(
                parse(&format!("{engine}:ada@db")),
                container(engine, "ada@db")
            );
        }
        assert_eq!(
            parse("netns:ada@blue"),
            Ok(Target::Netns("ada@blue".into()))
        );
        assert_eq!(parse("ada@db"), name("ada@db"));
        let pod = |container: Option<&str>| {
            Ok(Target::Pod(PodName {
                namespace: "prod".into(),
                pod: "web-0".into(),
                container: container.map(OsString::from),
            }))
        };
        assert_eq!(parse("k8s://prod/web-0"), pod(None));
        assert_eq!(parse("k8s://prod/web-0/app"), pod(Some("app")));
        assert_eq!(parse("netns:blue"), Ok(Target::Netns("blue".into())));
        assert_eq!(
            parse("/run/netns/blue"),
            Ok(Target::File("/run/netns/blue".into()))
        );
        assert_eq!(parse("./a:b"), Ok(Target::File("./a:b".into())));
        assert_eq!(
            parse("net:[4026532177]"),
            Ok(Target::Namespace("net:[4026532177]".parse().unwrap()))
        );
        assert_eq!(parse("id:77"), Ok(Target::Id(77)));
        assert_eq!(parse("web"), name("web"));
        assert_eq!(parse("3f2a"), name("3f2a"));
    }

    #[test]
    fn a_wrong_prefix_has_a_near_one_that_makes_a_target() {
        let proposed = |word: &str| {
            let wrong = Target::parse(word.as_bytes()).unwrap_err();
            Target::proposed(word.as_bytes(), wrong).map(|target| target.to_string())
        };
        for (word, expected) in [
            ("doker:web", "docker:web"),
            ("Podman:ada@db", "podman:ada@db"),
            ("contain:web", "containerd:web"),
            ("nents:blue", "netns:blue"),
            ("net:blue", "netns:blue"),
            ("k8s:default/web", "k8s://default/web"),
            ("k8://default/web", "k8s://default/web"),
        ] {
            assert_eq!(proposed(word).as_deref(), Some(expected), "{word}");
        }
        for word in [
            "x:web",
            "doker:",
            "doker:a/b",
            "pid:blue",
            "k8s:web",
            "nets:a/b",
            ":web",
            "idd:x",
        ] {
            assert_eq!(proposed(word), None, "{word}");
        }
    }

    #[test]
    fn digits_are_a_pid_until_they_can_only_be_an_id_or_an_inode() {
        assert_eq!(parse("99999999999"), Err(ParsePidError::TooLarge.into()));
        assert_eq!(
            parse("999999999999"),
            Ok(Target::Name("999999999999".into()))
        );
        assert_eq!(
            Target::parse_namespace(b"4026532177"),
            Ok(Target::Inode(4_026_532_177))
        );
        assert_eq!(
            Target::parse_namespace(b"web"),
            Ok(Target::Name("web".into()))
        );
    }

    #[test]
    fn what_is_no_target_is_refused_with_the_reason() {
        use ParseTargetError::{Empty, Id, Inode, Prefix, Slash};
        assert_eq!(parse(""), Err(Empty));
        assert_eq!(parse("0"), Err(ParsePidError::Zero.into()));
        assert_eq!(parse("-1"), Err(ParsePidError::Negative.into()));
        assert_eq!(parse("4194304:1"), Err(ParsePidError::TooLarge.into()));
        for word in ["1:", "1:x", "1:2:3", "1:-2", "1:18446744073709551616"] {
            assert_eq!(parse(word), Err(Inode), "{word}");
        }
        for word in ["docker:", "docker://", "netns:"] {
            assert_eq!(parse(word), Err(Empty), "{word}");
        }
        for word in [
            "docker:a/b",
            "docker:///a",
            "containerd:a/b/c",
            "containerd:/a",
            "netns:a/b",
            "netns:../x",
            "crio:////a@b",
        ] {
            assert_eq!(parse(word), Err(Slash), "{word}");
        }
        for word in ["dokcer:web", ":web", "http://x"] {
            assert_eq!(parse(word), Err(Prefix), "{word}");
        }
        for word in [
            "net:4026532177",
            "net:[]",
            "net:[abc]",
            "user:[-1]",
            "mnt:[4026532177",
            "pid:blue",
            "uts:",
        ] {
            assert_eq!(parse(word), Err(ParseTargetError::Namespace), "{word}");
        }
        for word in [
            "k8s:a/b",
            "k8s://a",
            "k8s://a/b/c/d",
            "k8s:///b",
            "k8s://a/b/",
            "k8s://",
        ] {
            assert_eq!(parse(word), Err(ParseTargetError::Pod), "{word}");
        }
        for word in ["id:", "id:x", "id:-1", "id:18446744073709551616"] {
            assert_eq!(parse(word), Err(Id), "{word}");
        }
    }

    #[test]
    fn every_engine_is_read_back() {
        for engine in Engine::ALL {
            assert_eq!(parse(&format!("{engine}:web")), container(engine, "web"));
        }
    }

    proptest! {
        #[test]
        fn a_process_that_is_printed_is_read_back(pid in 1..pid::LIMIT, inode: Option<u64>) {
            let target = Target::Process { pid: Pid::from_raw(pid).unwrap(), inode };
            prop_assert_eq!(Target::parse(target.to_string().as_bytes()), Ok(target));
        }

        #[test]
        fn what_is_read_is_what_is_printed(word in "([a-z0-9]{1,9}:)?(//)?[a-z0-9/:@.\\[\\]]{0,20}") {
            if let Ok(target) = parse(&word) {
                prop_assert_eq!(parse(&target.to_string()), Ok(target));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (Target::parse(&bytes), Target::parse_namespace(&bytes));
        }
    }
}
