//! kubelet's links to logs: `/var/log/containers/<pod>_<namespace>_<container>-<id>.log`. They have
//! the names of Kubernetes' containers on this node, so that no file need be read.

use super::Query;
use crate::{container::Pod, host::Host, id::is_long_id};
use std::{collections::BTreeSet, ffi::OsString, os::unix::ffi::OsStringExt};

/// The answer of the links to a query.
pub(crate) enum Logs {
    /// There are no links for the query.
    None,
    /// These containers, by id, may be meant.
    Are(BTreeSet<Vec<u8>>),
}

impl Logs {
    /// Reads the links that fit a query.
    pub(crate) fn read(host: &Host, query: &Query<'_>) -> Self {
        if matches!(query, Query::All) {
            return Self::None;
        }
        let names = host
            .system_dir("/var/log/containers")
            .and_then(|directory| directory.names())
            .unwrap_or_default();
        let links: Vec<_> = names.iter().filter_map(|name| parse(name)).collect();
        if links.is_empty() {
            return Self::None;
        }
        let container = |pod: &Pod| {
            let mut container = crate::Container::new(crate::Engine::Cri, "");
            container.pod = Some(pod.clone());
            query.wants_container(&container)
        };
        let ids: BTreeSet<_> = links
            .into_iter()
            .filter(|(pod, _)| container(pod))
            .map(|(_, id)| id)
            .collect();
        // A sandbox has no log, nor has a container that was made without kubelet.
        if ids.is_empty() {
            Self::None
        } else {
            Self::Are(ids)
        }
    }
}

/// Reads a link's name: the pod and the container's id.
pub fn parse(name: &[u8]) -> Option<(Pod, Vec<u8>)> {
    let name = name.strip_suffix(b".log")?;
    let (rest, id) = (
        name.get(..name.len().checked_sub(65)?)?,
        name.get(name.len() - 64..)?,
    );
    let mut parts = rest
        .splitn(3, |&byte| byte == b'_')
        .map(|part| OsString::from_vec(part.to_vec()));
    let (pod, namespace, container) = (parts.next()?, parts.next()?, parts.next()?);
    if name.get(name.len() - 65) != Some(&b'-') || !is_long_id(id) || container.is_empty() {
        return None;
    }
    Some((
        Pod {
            namespace,
            name: pod,
            container: Some(container),
            uid: None,
            is_sandbox: false,
        },
        id.to_vec(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_name_of_a_link_is_read() {
        let id = "ab".repeat(32);
        let (pod, found) = parse(format!("web-0_prod_app-1-{id}.log").as_bytes()).unwrap();
        assert_eq!(
            (pod.namespace, pod.name, pod.container),
            ("prod".into(), "web-0".into(), Some("app-1".into()))
        );
        assert_eq!(found, id.as_bytes());
        for name in [
            "",
            ".log",
            "a_b_c-.log",
            &format!("a_b-{id}.log"),
            &format!("a_b_c{id}.log"),
            &format!("a_b_c-{id}"),
        ] {
            assert_eq!(parse(name.as_bytes()), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, length in 0..200_usize) {
            let _ = parse(&bytes);
            let _ = parse(&[bytes, vec![b'a'; length], b".log".to_vec()].concat());
        }
    }
}
