//! The .deb files: `nsx`, and `nsx-util-linux`, which provides three names of util-linux.

use super::{Release, dependencies::Dependency, layout, output, succeed};
use crate::{Outcome, tree};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Makes both packages in a directory, with a revision of the package.
pub(super) fn packages(
    release: &Release,
    programs: &Path,
    dependencies: &[Dependency],
    revision: u32,
    directory: &Path,
) -> Outcome<Vec<PathBuf>> {
    // A tilde sorts before the end: a candidate is older than the release.
    let version = format!("{}-{revision}", release.version.replace('-', "~"));
    let stage = release.directory.join("stage");
    layout::fill(&stage.join("usr"), programs, dependencies)?;
    for section in ["man1", "man7"] {
        let mut gzip = Command::new("gzip");
        gzip.args(["-n9", "-r"])
            .arg(stage.join("usr/share/man").join(section));
        succeed(&mut gzip)?;
    }
    let mut files = Vec::new();
    let names = stage.with_extension("names");
    let document = names.join("usr/share/doc/nsx-util-linux/copyright");
    layout::write(&document, "See /usr/share/doc/nsx/copyright.\n", 0o644)?;
    for (name, root) in [("nsx", &stage), ("nsx-util-linux", &names)] {
        files.push(build(release, name, root, &version, directory)?);
        fs::remove_dir_all(root)?;
    }
    Ok(files)
}

fn build(
    release: &Release,
    name: &str,
    root: &Path,
    version: &str,
    directory: &Path,
) -> Outcome<PathBuf> {
    let architecture = output(Command::new("dpkg").arg("--print-architecture"))?;
    let control = root.join("DEBIAN");
    let size = output(
        Command::new("du")
            .args(["-sk", "--apparent-size"])
            .arg(root),
    )?;
    let size = size
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_owned();
    let sums = output(
        Command::new("sh")
            .current_dir(root)
            .args(["-c", "find usr -type f -print0 | sort -z | xargs -0 md5sum"]),
    )?;
    layout::write(&control.join("md5sums"), &format!("{sums}\n"), 0o644)?;
    let template = tree::read(&Path::new("packaging/debian").join(format!("{name}.control")))?;
    let text = template
        .replace("@VERSION@", version)
        .replace("@ARCHITECTURE@", &architecture)
        .replace("@SIZE@", &size);
    layout::write(&control.join("control"), &text, 0o644)?;
    for script in ["postinst", "prerm"] {
        let text = tree::read(&Path::new("packaging/debian").join(format!("{name}.{script}")))?;
        layout::write(&control.join(script), &text, 0o755)?;
    }
    let file = directory.join(format!("{name}_{version}_{architecture}.deb"));
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.args(["--root-owner-group", "-Zxz", "--build"])
        .arg(root)
        .arg(&file)
        .env("SOURCE_DATE_EPOCH", &release.time)
        .stdout(Stdio::null());
    succeed(&mut dpkg)?;
    Ok(file)
}
