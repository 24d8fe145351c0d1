//! `cargo xtask dist`: the files of a release, in `target/packages`.
//!
//! The programs are static, so that one tarball, .deb or .rpm is for every distribution. dpkg-deb
//! and rpmbuild make the packages: cargo-deb and cargo-generate-rpm would be 250 more crates to
//! build for what two short descriptions say.

mod build;
mod debian;
mod dependencies;
mod layout;
mod rpm;

use crate::{Outcome, say, tree};
use clap::Args;
use dependencies::Dependency;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Build twice, in two directories, and compare the programs instead
    #[arg(long)]
    check: bool,
    /// Also install, use, upgrade and remove the packages on a bare Debian: needs root, debootstrap
    #[arg(long, conflicts_with = "check")]
    test: bool,
}

/// The facts that all packages share.
struct Release {
    version: String,
    /// The time of the last commit in seconds, which files in packages have.
    time: String,
    directory: PathBuf,
}

pub(crate) fn run(options: &Options) -> Outcome {
    if options.check {
        return build::twice();
    }
    let release = Release {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time: output(Command::new("git").arg("-C").arg(tree::root()).args([
            "log",
            "-1",
            "--format=%ct",
        ]))?,
        directory: tree::root().join("target/packages"),
    };
    let _ = fs::remove_dir_all(&release.directory);
    fs::create_dir_all(&release.directory)?;
    let programs = build::programs(tree::root(), &tree::root().join("target"))?;
    let dependencies = dependencies::all()?;
    let mut files = vec![
        tarball(&release, &programs, &dependencies)?,
        sbom(&release, &dependencies)?,
    ];
    let directory = &release.directory;
    files.extend(debian::packages(
        &release,
        &programs,
        &dependencies,
        1,
        directory,
    )?);
    files.extend(rpm::packages(&release, &programs, &dependencies)?);
    sums(&release, &files)?;
    for file in &files {
        say(&format!("{}\n", file.display()))?;
    }
    if options.test {
        test(&release, &programs, &dependencies)?;
    }
    Ok(())
}

fn tarball(release: &Release, programs: &Path, dependencies: &[Dependency]) -> Outcome<PathBuf> {
    let name = format!("nsx-{}-{}-linux", release.version, std::env::consts::ARCH);
    let stage = release.directory.join("stage");
    layout::fill(&stage.join(&name), programs, dependencies)?;
    for document in [
        "README.md",
        "CHANGELOG.md",
        "SECURITY.md",
        "LICENSE-APACHE",
        "LICENSE-MIT",
    ] {
        fs::copy(
            tree::root().join(document),
            stage.join(&name).join(document),
        )?;
    }
    let file = release.directory.join(format!("{name}.tar.gz"));
    let mut tar = Command::new("tar");
    tar.args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"])
        .arg(format!("--mtime=@{}", release.time))
        .args(["-I", "gzip -n9", "-C"])
        .arg(&stage)
        .arg("-cf")
        .arg(&file)
        .arg(&name);
    succeed(&mut tar)?;
    fs::remove_dir_all(stage)?;
    Ok(file)
}

fn sbom(release: &Release, dependencies: &[Dependency]) -> Outcome<PathBuf> {
    let file = release
        .directory
        .join(format!("nsx-{}.cdx.json", release.version));
    let document = dependencies::bill(&release.version, dependencies);
    fs::write(&file, format!("{document:#}\n"))?;
    Ok(file)
}

/// Writes SHA256SUMS.
fn sums(release: &Release, files: &[PathBuf]) -> Outcome {
    let mut sum = Command::new("sha256sum");
    sum.current_dir(&release.directory)
        .args(files.iter().filter_map(|file| file.file_name()));
    let sums = output(&mut sum)?;
    Ok(fs::write(
        release.directory.join("SHA256SUMS"),
        format!("{sums}\n"),
    )?)
}

/// Tries the packages on a bare Debian, with newer packages that upgrade them.
fn test(release: &Release, programs: &Path, dependencies: &[Dependency]) -> Outcome {
    let upgrade = release.directory.join("upgrade");
    fs::create_dir_all(&upgrade)?;
    debian::packages(release, programs, dependencies, 2, &upgrade)?;
    let mut test = Command::new("sh");
    test.arg(tree::root().join("packaging/test-deb.sh"))
        .arg(&release.directory);
    succeed(&mut test)?;
    Ok(fs::remove_dir_all(upgrade)?)
}

/// Runs a program that must succeed.
fn succeed(command: &mut Command) -> Outcome {
    let program = command.get_program().to_owned();
    let status = command
        .status()
        .map_err(|error| format!("failed to run {}: {error}", program.display()))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{}: {status}", program.display()).into()),
    }
}

/// Returns the output of a program that must succeed, without white space around it.
fn output(command: &mut Command) -> Outcome<String> {
    let program = command.get_program().to_owned();
    let output = command
        .output()
        .map_err(|error| format!("failed to run {}: {error}", program.display()))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", program.display(), words.trim()).into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
