//! [`PodName`]: the name of a pod.

use super::{ParseTargetError, os};
use std::ffi::OsString;

/// A pod, or one container of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodName {
    /// The Kubernetes namespace.
    pub namespace: OsString,
    /// The pod's name.
    pub pod: OsString,
    /// The container's name; none for the first container that is not the sandbox.
    pub container: Option<OsString>,
}

impl PodName {
    /// Reads `NAMESPACE/POD[/CONTAINER]`.
    pub(super) fn parse(path: &[u8]) -> Result<Self, ParseTargetError> {
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
