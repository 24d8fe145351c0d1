//! `cargo xtask guest`: the system tests on other kernels, in a virtual machine without
//! acceleration.
//!
//! The guest is a kernel of Debian with an initramfs of nsx, the tests and the programs that they
//! run. It has features that hosts of containers often lack, or vice versa: AppArmor, Yama, only
//! cgroup version 2.

mod image;
mod kernel;

use crate::{Outcome, host, say, tree};
use clap::Args;
use kernel::Kernel;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Boot Debian's newest kernel of each of these series
    #[arg(default_values = ["6.1", "6.12"], value_name = "KERNEL")]
    kernels: Vec<String>,
    /// Run the tests whose names contain this instead of the short list
    #[arg(long = "test", value_name = "NAME")]
    tests: Vec<String>,
    /// Run every test
    #[arg(long, conflicts_with = "tests")]
    all: bool,
    /// Skip a kernel that the package sources lack, with a message
    #[arg(long)]
    skip_missing: bool,
}

/// Parts of the names of the tests that depend on the kernel most, which run in about a minute.
const SHORT: [&str; 8] = [
    "guest::",
    "unshare::only_the_named_kind",
    "unshare::the_program_is_a_child_if_exec",
    "unshare::rights::",
    "enter::accounts::",
    "enter::alike::",
    "refusals::",
    "if_there_are_no_pseudo_terminals",
];

/// A part of each test's name.
const ALL: [&str; 1] = ["::"];

impl Options {
    /// Returns the parts of names by which tests are chosen.
    fn tests(&self) -> Vec<&str> {
        match (self.all, &self.tests[..]) {
            (true, _) => ALL.to_vec(),
            (false, []) => SHORT.to_vec(),
            (false, names) => names.iter().map(String::as_str).collect(),
        }
    }
}

pub(crate) fn run(options: &Options) -> Outcome {
    if host::which("qemu-system-x86_64").is_none() {
        return Err("qemu-system-x86_64 is not there: install qemu-system-x86".into());
    }
    let (programs, tests) = build()?;
    for series in &options.kernels {
        let kernel = match Kernel::fetch(series) {
            Ok(kernel) => kernel,
            Err(why) if options.skip_missing => {
                say(&format!("guest: Linux {series} is skipped: {why}\n"))?;
                continue;
            }
            Err(why) => return Err(why),
        };
        let initramfs = image::pack(&kernel, &programs, &tests)?;
        test(&kernel, &initramfs, &options.tests())?;
    }
    Ok(())
}

/// Returns a directory for downloaded and generated files.
fn cache() -> PathBuf {
    tree::root().join("target/guest")
}

/// Builds nsx, nsx-compat and the system tests, and returns their paths.
fn build() -> Outcome<([PathBuf; 2], PathBuf)> {
    let mut cargo = tree::cargo();
    cargo.args([
        "test",
        "--quiet",
        "--package",
        "nsx",
        "--test",
        "system",
        "--no-run",
        "--message-format=json",
    ]);
    let output = cargo.stderr(Stdio::inherit()).output()?;
    let lines = String::from_utf8(output.stdout)?;
    let messages: Vec<Value> = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let executable = |name: &str| {
        let of = |message: &&Value| {
            message["target"]["name"] == name && message["executable"].is_string()
        };
        let message = messages.iter().rfind(of)?;
        message["executable"].as_str().map(PathBuf::from)
    };
    match ["nsx", "nsx-compat", "system"].map(executable) {
        [Some(nsx), Some(compat), Some(tests)] => Ok(([nsx, compat], tests)),
        _ => Err("failed to build nsx and its tests".into()),
    }
}

/// The attempts to boot a guest. Two processors that QEMU emulates side by side at times see half
/// of an instruction that the kernel is patching, and the kernel panics before it starts PID 1.
const BOOTS: usize = 3;

/// Runs the tests in a guest, and returns an error unless they have passed.
fn test(kernel: &Kernel, initramfs: &Path, tests: &[&str]) -> Outcome {
    for _ in 0..BOOTS {
        match boot(kernel, initramfs, tests)?.as_deref() {
            Some("status 0") => return Ok(()),
            Some(outcome) => return Err(format!("Linux {}: {outcome}", kernel.release).into()),
            None => say("guest: the kernel did not start PID 1\n")?,
        }
    }
    Err(format!("Linux {}: it did not boot", kernel.release).into())
}

/// Boots a guest, prints its output, and returns the last message of PID 1; `None` if PID 1 printed
/// no message.
fn boot(kernel: &Kernel, initramfs: &Path, tests: &[&str]) -> Outcome<Option<String>> {
    let mut qemu = Command::new("qemu-system-x86_64");
    qemu.args([
        "-accel",
        "tcg",
        "-cpu",
        "qemu64",
        "-smp",
        "2",
        "-m",
        "2048",
        "-no-reboot",
        "-nodefaults",
        "-display",
        "none",
    ]);
    qemu.args(["-serial", "stdio", "-kernel"])
        .arg(kernel.image())
        .arg("-initrd")
        .arg(initramfs);
    qemu.arg("-append").arg(format!(
        "console=ttyS0 quiet panic=-1 -- {}",
        tests.join(" ")
    ));
    let mut qemu = qemu.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let mut outcome = None;
    if let Some(output) = qemu.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line?;
            if let Some(last) = line.strip_prefix("guest: ") {
                outcome = Some(last.trim_end().to_owned());
            }
            say(&format!("{line}\n"))?;
        }
    }
    qemu.wait()?;
    Ok(outcome)
}
