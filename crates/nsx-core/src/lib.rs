//! Linux namespaces as a library: what there is, who is in it, and how to create or enter it.
//!
//! This crate knows what the kernel knows. It has no terminal, no command line and no container
//! engine: those are in `nsx` and `nsx-target`. Two ways lead through it:
//!
//! - a request becomes a [`plan`], ordered steps as data, and [`run`] carries it out: unshare and
//!   enter;
//! - a query is answered by the [`census`], from the [`mod@proc`] file system and the namespaces'
//!   own descriptors: ls and pidmap.
//!
//! It asks for Linux 5.4 and uses what newer releases offer where it is there.

#![deny(unsafe_code)]

pub mod accounts;
pub mod beneath;
pub mod bytes;
pub mod census;
pub mod cgroup;
pub mod descriptor;
pub mod environment;
pub mod gained;
pub mod hash;
pub mod idmap;
pub mod memory;
pub mod ns;
pub mod pid;
pub mod plan;
pub mod proc;
pub mod process;
pub mod pty;
pub mod refusal;
pub mod regex;
pub mod replacement;
pub mod run;
pub mod signal;
pub(crate) mod sys;
pub mod trouble;
