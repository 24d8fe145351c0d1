//! The programs as they are shipped: static, and the same bytes in whichever directory they are
//! built.

use super::{output, succeed};
use crate::{Outcome, say, tree};
use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

const PROGRAMS: [&str; 2] = ["nsx", "nsx-compat"];

/// Builds the programs from the sources in `root` and returns the directory that they are in.
pub(super) fn programs(root: &Path, target: &Path) -> Outcome<PathBuf> {
    let triple = format!("{}-unknown-linux-gnu", env::consts::ARCH);
    let mut cargo = tree::cargo();
    cargo
        .current_dir(root)
        .args(["build", "--locked", "--profile", "dist", "--package", "nsx"])
        .args(["--bins", "--target", &triple, "--target-dir"])
        .arg(target)
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags(root)?.join("\u{1f}"));
    succeed(&mut cargo)?;
    Ok(target.join(triple).join("dist"))
}

/// Returns flags for a static program without paths of this machine. The prefix that is given last
/// counts first.
fn flags(root: &Path) -> Outcome<Vec<String>> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))
        .ok_or("neither CARGO_HOME nor HOME is set")?;
    let mut flags = vec![
        "-Ctarget-feature=+crt-static".to_owned(),
        format!("--remap-path-prefix={}=/nsx", root.display()),
    ];
    if let Ok(registries) = fs::read_dir(home.join("registry/src")) {
        for registry in registries {
            let path = registry?.path();
            flags.push(format!("--remap-path-prefix={}=/crates", path.display()));
        }
    }
    Ok(flags)
}

/// Builds the committed sources in two directories and compares the programs.
pub(super) fn twice() -> Outcome {
    let scratch = tree::root().join("target/packages-check");
    let _ = fs::remove_dir_all(&scratch);
    let mut built = Vec::new();
    for name in ["one", "the-other/deeper"] {
        let root = scratch.join(name);
        fs::create_dir_all(&root)?;
        let archive = scratch.join("sources.tar");
        succeed(
            Command::new("git")
                .arg("-C")
                .arg(tree::root())
                .args(["archive", "--output"])
                .arg(&archive)
                .arg("HEAD"),
        )?;
        succeed(
            Command::new("tar")
                .arg("-C")
                .arg(&root)
                .arg("-xf")
                .arg(&archive),
        )?;
        built.push(programs(&root, &root.join("target"))?);
    }
    for program in PROGRAMS {
        let bytes = fs::read(built[0].join(program))?;
        if bytes != fs::read(built[1].join(program))? {
            return Err(format!("{program} differs between two directories").into());
        }
        let here = tree::root().as_os_str().as_encoded_bytes();
        if bytes.windows(here.len()).any(|window| window == here) {
            return Err(format!("{program} has a path of this machine").into());
        }
    }
    let sums = output(
        Command::new("sha256sum")
            .current_dir(&built[0])
            .args(PROGRAMS),
    )?;
    say(&format!("the same in two directories:\n{sums}\n"))?;
    Ok(fs::remove_dir_all(scratch)?)
}
