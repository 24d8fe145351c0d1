//! The end of memory: the program ends with a message and a status, not by SIGABRT.

pub use crate::sys::memory::{Allocator, on_exhaustion};
