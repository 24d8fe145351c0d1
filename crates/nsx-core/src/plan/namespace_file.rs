//! Namespaces that files hold.

use crate::ns::{Namespace, NsKind};
use rustix::{fs::CWD, io::Errno};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// The reason why a file does not give a namespace of the kind that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamespaceFileError {
    /// The file cannot be opened, or does not hold a namespace.
    #[error(transparent)]
    Open(#[from] Errno),
    /// The file holds a namespace of another kind.
    #[error("it holds a {0} namespace")]
    OtherKind(NsKind),
}

/// An open namespace, and the file that holds it as the caller names it.
#[derive(Clone, Debug)]
pub struct NamespaceFile {
    /// The file.
    pub path: PathBuf,
    /// The namespace.
    pub ns: Arc<Namespace>,
}

impl NamespaceFile {
    /// Returns a namespace and the path of the file that holds it.
    pub fn new(path: PathBuf, ns: impl Into<Arc<Namespace>>) -> Self {
        Self {
            path,
            ns: ns.into(),
        }
    }

    /// Opens the namespace of this kind that a file holds.
    ///
    /// # Errors
    /// [`NamespaceFileError`].
    pub fn open(path: &Path, kind: NsKind) -> Result<Self, NamespaceFileError> {
        let ns = Namespace::open(CWD, path)?;
        match ns.id().kind {
            found if found == kind => Ok(Self::new(path.to_owned(), ns)),
            found => Err(NamespaceFileError::OtherKind(found)),
        }
    }

    /// Returns the kind of the namespace.
    pub fn kind(&self) -> NsKind {
        self.ns.id().kind
    }
}
