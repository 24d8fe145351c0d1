//! The errors of saving and reading a census.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The file name that means standard input and output.
pub(super) const STANDARD: &str = "-";

/// The size of the largest file that is read, in bytes.
pub(super) const LARGEST: u64 = 1 << 28;

/// An error in saving or reading a census.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SavedError {
    #[error("failed to write {}", .0.display())]
    Write(PathBuf, #[source] io::Error),
    #[error("failed to read {}", named(.0, "standard input"))]
    Read(PathBuf, #[source] io::Error),
    #[error("{} is not a census that nsx saved", named(.0, "standard input"))]
    Foreign(PathBuf, #[source] FormatError),
}

/// A difference between a file and what nsx writes.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FormatError {
    #[error("it is not a regular file")]
    NotRegular,
    #[error("it is larger than {} MiB", LARGEST >> 20)]
    TooLarge,
    #[error("it is not valid JSON, or not all of it")]
    NotJson(#[source] serde_json::Error),
    #[error("it is a JSON document of something else")]
    Foreign,
    #[error("it has version {0} of the format, and this nsx knows versions 1 and 2")]
    Version(u64),
    #[error("namespace {0} in it has no {1}")]
    Row(usize, String),
    #[error("process {0} in it has no {1}")]
    Process(usize, String),
}

/// Returns the name of a file for a message, or of the stream that `-` means.
fn named(path: &Path, stream: &str) -> String {
    if path == Path::new(STANDARD) {
        stream.to_owned()
    } else {
        path.display().to_string()
    }
}
