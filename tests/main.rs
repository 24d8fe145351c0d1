//! nsx from outside, on the real kernel and beside util-linux, as root and as an ordinary user.
//!
//! Each area has one module with a list of tests; the harness is in [`support`]. CONTRIBUTING.md
//! says how to write a test. A single function is tested beside its code.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is not as it must be"
)]

mod access;
mod bench;
mod borrowed;
mod can;
mod completions;
mod doctor;
mod engines;
mod enter;
#[path = "../crates/nsx-target/examples/enter.rs"]
mod enter_example;
mod faults;
mod given;
mod guest;
mod harness;
mod idmap;
mod link;
mod ls;
mod memory;
mod mounts;
mod net;
mod packaging;
mod page;
mod pidmap;
mod pin;
mod plans;
mod refusals;
mod status;
mod strict;
mod support;
mod targets;
mod terminal;
mod trace;
mod trust;
mod unshare;
mod usage;

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    if let Some(failure) = support::filter::become_filtered(std::env::args_os()) {
        return failure;
    }
    if std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == support::SLEEP_IN_A_THREAD)
    {
        std::thread::spawn(|| std::thread::sleep(std::time::Duration::from_secs(100)))
            .join()
            .unwrap();
        return ExitCode::SUCCESS;
    }
    if std::env::args_os()
        .next()
        .is_some_and(|name| Path::new(&name).ends_with(support::ENTER_EXAMPLE))
    {
        return enter_example::main().unwrap();
    }
    if let Some(failure) = support::hang::become_hung(std::env::args_os()) {
        return failure;
    }
    let tests = [
        harness::tests(),
        guest::tests(),
        usage::tests(),
        plans::tests(),
        unshare::tests(),
        memory::tests(),
        link::tests(),
        pin::tests(),
        refusals::tests(),
        access::tests(),
        borrowed::tests(),
        faults::tests(),
        given::tests(),
        status::tests(),
        terminal::tests(),
        bench::tests(),
        trust::tests(),
        enter::tests(),
        engines::tests(),
        targets::tests(),
        completions::tests(),
        ls::tests(),
        pidmap::tests(),
        idmap::tests(),
        doctor::tests(),
        trace::tests(),
        packaging::tests(),
        page::tests(),
        can::tests(),
        mounts::tests(),
        net::tests(),
        strict::tests(),
    ];
    support::harness::run(tests.into_iter().flatten())
}
