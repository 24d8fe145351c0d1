//! The arguments of a program with a C `main`.

pub use crate::sys::arguments::of_main;
