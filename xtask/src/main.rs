//! Chores of the repository: `cargo xtask CHORE`.
//!
//! Each chore has a module. The files that a chore generates are committed, so that packagers of
//! nsx need none of this.

#![forbid(unsafe_code)]

mod api;
mod bench;
mod check;
mod coverage;
mod dist;
mod fuzz;
mod guest;
mod host;
mod man;
mod picture;
#[cfg(target_arch = "x86_64")]
mod torture;
mod tree;

use clap::Parser;
use nsx::out;
use std::{error::Error, process::ExitCode};

/// The outcome of a chore.
type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Chores of the repository
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Chore {
    /// Write the options into the man pages
    Man,
    /// List the public items of the libraries
    Api,
    /// Draw README's picture: a terminal session
    Picture,
    /// Check that generated files are current, and properties that a compiler does not check
    Check,
    /// Compare with util-linux: instructions, system calls, time
    Bench(bench::Options),
    /// Print the part of the libraries' lines that the tests run
    Coverage(coverage::Options),
    /// Make the files of a release: a tarball, packages, a bill of materials
    Dist(dist::Options),
    /// Run nsx while things go wrong around it
    #[cfg(target_arch = "x86_64")]
    Torture(torture::Options),
    /// Run the system tests on other kernels, in a virtual machine
    Guest(guest::Options),
    /// Run the fuzz targets: cargo-fuzz builds them
    Fuzz(fuzz::Options),
}

#[allow(clippy::print_stderr)]
fn main() -> ExitCode {
    let outcome = match Chore::parse() {
        Chore::Man => man::pages().and_then(tree::write),
        Chore::Api => api::listings().and_then(tree::write),
        Chore::Picture => picture::run(),
        Chore::Check => check::run(),
        Chore::Bench(options) => bench::run(&options),
        Chore::Coverage(options) => coverage::run(&options),
        Chore::Dist(options) => dist::run(&options),
        #[cfg(target_arch = "x86_64")]
        Chore::Torture(options) => torture::run(&options),
        Chore::Guest(options) => guest::run(&options),
        Chore::Fuzz(options) => fuzz::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Prints a text on standard output.
fn say(text: &str) -> Outcome {
    Ok(out::write(text)?)
}
