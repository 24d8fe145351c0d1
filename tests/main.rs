//! The program from outside: nsx on the real kernel beside util-linux, as root and as an ordinary
//! user.
//!
//! Each area has one module with a list of tests; the harness is in [`support`]. CONTRIBUTING.md
//! says how to write a test. A function by itself is tested beside its code.

#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test ends where something is not as it must be"
)]

mod access;
mod borrowed;
mod crowd;
mod ending;
mod engines;
mod enter;
mod enter_alike;
mod enter_files;
mod enter_hostile;
mod enter_joined;
mod enter_proc;
mod enter_pty;
mod enter_view;
mod faults;
mod given;
mod guest;
mod harness;
mod holders;
mod host_tools;
mod hostile;
mod idmap;
mod ids;
mod ls;
mod ls_empty;
mod ls_facts;
mod ls_reach;
mod ls_saved;
mod ls_table;
mod ls_views;
mod ls_watch;
mod memory;
mod mounts;
mod oci;
mod older;
mod pidmap;
mod pins;
mod ranges;
mod refusals;
mod report;
mod rights;
mod root_directory;
mod status;
mod strict;
mod support;
mod targets;
mod terminal;
mod trust;
mod unpin;
mod unshare;
mod usage;

use std::process::ExitCode;

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
    if let Some(failure) = support::hang::become_hung(std::env::args_os()) {
        return failure;
    }
    let tests = [
        harness::tests(),
        guest::tests(),
        usage::tests(),
        unshare::tests(),
        root_directory::tests(),
        memory::tests(),
        mounts::tests(),
        oci::tests(),
        ids::tests(),
        ranges::tests(),
        pins::tests(),
        unpin::tests(),
        rights::tests(),
        refusals::tests(),
        report::tests(),
        access::tests(),
        borrowed::tests(),
        faults::tests(),
        given::tests(),
        status::tests(),
        terminal::tests(),
        trust::tests(),
        enter::tests(),
        enter_alike::tests(),
        enter_files::tests(),
        enter_hostile::tests(),
        enter_joined::tests(),
        enter_proc::tests(),
        enter_pty::tests(),
        enter_view::tests(),
        ending::tests(),
        host_tools::tests(),
        engines::tests(),
        targets::tests(),
        ls::tests(),
        ls_empty::tests(),
        ls_facts::tests(),
        ls_reach::tests(),
        ls_saved::tests(),
        ls_table::tests(),
        ls_views::tests(),
        ls_watch::tests(),
        crowd::tests(),
        holders::tests(),
        hostile::tests(),
        older::tests(),
        pidmap::tests(),
        idmap::tests(),
        strict::tests(),
    ];
    support::harness::run(tests.into_iter().flatten())
}
