//! Hash tables whose secret is from the exec.
//!
//! The standard library asks the kernel for its secret when the first table is made, and panics if
//! the call fails.

use crate::sys::auxv;
use std::hash::{BuildHasher, DefaultHasher, Hasher};

/// A table that is made with `HashMap::default()`.
#[allow(clippy::disallowed_types, reason = "with a secret of our own")]
pub type HashMap<K, V> = std::collections::HashMap<K, V, Secret>;

/// A set that is made with `HashSet::default()`.
#[allow(clippy::disallowed_types, reason = "with a secret of our own")]
pub type HashSet<K> = std::collections::HashSet<K, Secret>;

/// Makes hashers that begin with a secret, so that no user can choose keys that all have one hash.
#[derive(Clone, Debug)]
pub struct Secret(DefaultHasher);

impl Default for Secret {
    fn default() -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(&auxv::random());
        Self(hasher)
    }
}

impl BuildHasher for Secret {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_differ_from_those_without_a_secret() {
        let secret = Secret::default();
        assert_eq!(secret.hash_one("web"), Secret::default().hash_one("web"));
        let mut open = DefaultHasher::new();
        std::hash::Hash::hash("web", &mut open);
        assert_ne!(secret.hash_one("web"), open.finish());
    }
}
