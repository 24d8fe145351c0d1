//! Patterns of names, and everything that runs and that they fit.
//!
//! | pattern | means |
//! |---|---|
//! | `web-*` | containers by their names, their pods' names or their ids |
//! | `docker:*`, `podman:ada@*` | containers of an engine, containers of a user |
//! | `*:web-*` | containers of each engine whose prefix fits |
//! | `k8s:*`, `k8s:web-*` | pods by their names, each by its first container |
//! | `k8s://default/*` | pods of a Kubernetes namespace, each by its first container |
//! | `k8s://default/*/app` | containers of pods |
//! | `netns:*`, `netns:ada@*` | network namespaces that have names |

use crate::{
    addresses::addresses,
    all::running,
    check::Checked,
    container::{Container, Pod},
    engine::Engine,
    error::TargetError,
    found::{Found, Subject},
    glob::{fits, is_pattern},
    grammar::{ParseTargetError, Target, with_owner},
    host::Host,
    namespace,
    person::Owners,
};
use nsx_core::hash::HashSet;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

/// Something that a pattern fits.
#[derive(Debug)]
pub struct Match {
    /// The unambiguous address.
    pub address: String,
    /// The process or namespace.
    pub found: Found,
}

/// A pattern of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Containers of these engines, or of any engine if the list is empty.
    Containers {
        /// The engines.
        engines: Vec<Engine>,
        /// The pattern of names and ids.
        glob: OsString,
    },
    /// Pods on this node.
    Pods {
        /// The pattern of Kubernetes namespaces.
        namespace: OsString,
        /// The pattern of pods.
        pod: OsString,
        /// The pattern of containers; without it, the first container of each pod.
        container: Option<OsString>,
    },
    /// Network namespaces that have names.
    Networks(OsString),
}

impl Pattern {
    /// Reads a pattern, without a system call.
    ///
    /// # Errors
    /// [`ParseTargetError`] if the prefix is not a prefix of names.
    pub fn parse(word: &[u8]) -> Result<Self, ParseTargetError> {
        let own = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
        if let Some(path) = word.strip_prefix(b"k8s://") {
            let parts: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
            return match parts[..] {
                [namespace, pod] if !namespace.is_empty() && !pod.is_empty() => Ok(Self::Pods {
                    namespace: own(namespace),
                    pod: own(pod),
                    container: None,
                }),
                [namespace, pod, container] if parts.iter().all(|part| !part.is_empty()) => {
                    Ok(Self::Pods {
                        namespace: own(namespace),
                        pod: own(pod),
                        container: Some(own(container)),
                    })
                }
                _ => Err(ParseTargetError::Pod),
            };
        }
        let Some(colon) = word.iter().position(|&byte| byte == b':') else {
            return Ok(Self::Containers {
                engines: Vec::new(),
                glob: own(word),
            });
        };
        let (prefix, glob) = (&word[..colon], &word[colon + 1..]);
        if glob.is_empty() {
            return Err(ParseTargetError::Empty);
        }
        let engines: Vec<Engine> = match prefix {
            b"netns" => return Ok(Self::Networks(own(glob))),
            b"k8s" => {
                return Ok(Self::Pods {
                    namespace: "*".into(),
                    pod: own(glob),
                    container: None,
                });
            }
            _ if is_pattern(prefix) => Engine::ALL
                .into_iter()
                .filter(|engine| fits(prefix, engine.name().as_bytes()))
                .collect(),
            _ => Engine::from_name(prefix).into_iter().collect(),
        };
        if engines.is_empty() {
            return Err(ParseTargetError::Pattern);
        }
        // `docker://ID` is how Kubernetes prints it.
        Ok(Self::Containers {
            engines,
            glob: own(glob.strip_prefix(b"//").unwrap_or(glob)),
        })
    }

    /// Returns a noun for the things that the pattern fits, for a message.
    pub fn subject(&self) -> &'static str {
        match self {
            Self::Containers { .. } => "container that runs",
            Self::Pods { .. } => "pod that runs",
            Self::Networks(_) => "network namespace",
        }
    }
}

impl Host {
    /// Finds everything that runs and that a pattern fits, in order of addresses. A pattern without
    /// an owner means the system's and the caller's own. Sandboxes of pods are left out.
    ///
    /// # Errors
    /// [`TargetError::NoUser`] if the owner that is named is not a user.
    pub fn find_all(&self, pattern: &Pattern) -> Result<Vec<Match>, TargetError> {
        let mut matches = match pattern {
            Pattern::Networks(glob) => networks(self, glob)?,
            Pattern::Pods {
                namespace,
                pod,
                container,
            } => {
                let wanted = |it: &Pod| {
                    fits(namespace.as_bytes(), it.namespace.as_bytes())
                        && fits(pod.as_bytes(), it.name.as_bytes())
                        && container.as_ref().is_none_or(|glob| {
                            it.container
                                .as_ref()
                                .is_some_and(|name| fits(glob.as_bytes(), name.as_bytes()))
                        })
                };
                let mut found = running(self, Owners::Own, None);
                found.retain(|it| it.container.pod.as_ref().is_some_and(wanted));
                if container.is_none() {
                    found.sort_by_key(|it| it.start);
                    let mut seen = HashSet::default();
                    let pod_of = |it: &Checked| {
                        it.container
                            .pod
                            .as_ref()
                            .map(|pod| (pod.namespace.clone(), pod.name.clone()))
                    };
                    found.retain(|it| seen.insert(pod_of(it)));
                }
                named(found)
            }
            Pattern::Containers { engines, glob } => named(containers(self, engines, glob)?),
        };
        matches.sort_by(|one, other| one.address.cmp(&other.address));
        Ok(matches)
    }
}

/// Returns the running containers of these engines that a pattern with or without an owner fits.
fn containers(host: &Host, engines: &[Engine], glob: &OsStr) -> Result<Vec<Checked>, TargetError> {
    let engine = <[Engine; 1]>::try_from(engines).ok().map(|[engine]| engine);
    let fitting = |owners, glob: &[u8]| {
        let mut found = running(host, owners, engine);
        let is_engines =
            |of: Engine| engines.is_empty() || engines.iter().any(|engine| engine.includes(of));
        found.retain(|it| is_engines(it.container.engine) && fits_container(glob, &it.container));
        found
    };
    let owned = engine.and_then(|engine| Some((engine, with_owner(glob.as_bytes())?)));
    match owned {
        Some((engine, (owner, name))) if !engine.has_at_signs() => {
            let (owner, name) = (OsStr::from_bytes(owner), OsStr::from_bytes(name));
            let target = || Target::Container {
                engine,
                owner: Some(owner.to_owned()),
                name: name.to_owned(),
            };
            let user = host.user(owner).ok_or_else(|| TargetError::NoUser {
                target: target(),
                user: owner.to_owned(),
            })?;
            Ok(fitting(Owners::User(user), name.as_bytes()))
        }
        owned => {
            let found = fitting(Owners::Own, glob.as_bytes());
            let user = owned.filter(|_| found.is_empty());
            match user
                .and_then(|(_, (owner, name))| Some((host.user(OsStr::from_bytes(owner))?, name)))
            {
                Some((user, name)) => Ok(fitting(Owners::User(user), name)),
                None => Ok(found),
            }
        }
    }
}

/// Returns whether a pattern fits a container: one of its names, its id, or a unit's name without
/// the ending.
fn fits_container(glob: &[u8], container: &Container) -> bool {
    let names = container
        .names()
        .into_iter()
        .chain([container.id.as_os_str()]);
    names.map(OsStr::as_bytes).any(|name| {
        let unit = name
            .strip_suffix(b".service")
            .filter(|_| container.engine == Engine::Unit);
        fits(glob, name) || unit.is_some_and(|unit| fits(glob, unit))
    })
}

fn named(found: Vec<Checked>) -> Vec<Match> {
    let containers: Vec<Container> = found.iter().map(|it| it.container.clone()).collect();
    let matches = found
        .into_iter()
        .zip(addresses(&containers))
        .filter_map(|(it, address)| {
            let subject = Subject {
                process: it.process?,
                container: Some(Box::new(it.container)),
            };
            Some(Match {
                address,
                found: Found::Process(subject),
            })
        });
    matches.collect()
}

/// Returns the network namespaces whose names a pattern with or without an owner fits.
fn networks(host: &Host, glob: &OsStr) -> Result<Vec<Match>, TargetError> {
    let opened = |owners, glob: &[u8]| {
        let names = namespace::names(host, owners)
            .into_iter()
            .filter(|it| fits(glob, it.name.as_bytes()));
        let opened = names.filter_map(|it| {
            let target = Target::Netns(it.name.clone());
            // A user's name for a namespace that is not the user's leads nowhere.
            let namespace = namespace::by_name(&target, &it.name, host, owners).ok()?;
            Some(Match {
                address: it.to_string(),
                found: Found::Namespace(namespace),
            })
        });
        opened.collect::<Vec<_>>()
    };
    let found = opened(Owners::Own, glob.as_bytes());
    match with_owner(glob.as_bytes()).filter(|_| found.is_empty()) {
        None => Ok(found),
        Some((owner, name)) => {
            let (owner, name) = (OsStr::from_bytes(owner), OsStr::from_bytes(name));
            let user = host.user(owner);
            let target = Target::Netns(glob.to_owned());
            let user = user.ok_or_else(|| TargetError::NoUser {
                target,
                user: owner.to_owned(),
            })?;
            Ok(opened(Owners::User(user), name.as_bytes()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_of_containers_pods_or_networks() {
        let parse = |word: &str| Pattern::parse(word.as_bytes());
        let containers = |engines: &[Engine], glob: &str| {
            Ok(Pattern::Containers {
                engines: engines.to_vec(),
                glob: glob.into(),
            })
        };
        let pods = |namespace: &str, pod: &str, container: Option<&str>| {
            let container = container.map(OsString::from);
            Ok(Pattern::Pods {
                namespace: namespace.into(),
                pod: pod.into(),
                container,
            })
        };
        assert_eq!(parse("eng-[wf]*"), containers(&[], "eng-[wf]*"));
        assert_eq!(parse("docker:*"), containers(&[Engine::Docker], "*"));
        assert_eq!(parse("cri-o:*"), containers(&[Engine::Crio], "*"));
        assert_eq!(parse("*:eng-w*"), containers(&Engine::ALL, "eng-w*"));
        assert_eq!(
            parse("cri*:x"),
            containers(&[Engine::Cri, Engine::Crio], "x")
        );
        assert_eq!(parse("k8s:web-*"), pods("*", "web-*", None));
        assert_eq!(parse("k8s://default/*"), pods("default", "*", None));
        assert_eq!(parse("k8s://*/web-?/app"), pods("*", "web-?", Some("app")));
        assert_eq!(parse("netns:*"), Ok(Pattern::Networks("*".into())));
        for word in ["bogus:*", "net:*", "id:7", "x*:web", ":web"] {
            assert_eq!(parse(word), Err(ParseTargetError::Pattern), "{word}");
        }
        for word in [
            "k8s://default",
            "k8s://default/",
            "k8s:///x",
            "k8s://a/b/c/d",
        ] {
            assert_eq!(parse(word), Err(ParseTargetError::Pod), "{word}");
        }
        assert_eq!(parse("docker:"), Err(ParseTargetError::Empty));
    }
}
