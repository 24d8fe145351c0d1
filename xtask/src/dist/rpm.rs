//! The .rpm files, by `packaging/nsx.spec`.

use super::{Release, dependencies::Dependency, layout, succeed};
use crate::{Outcome, tree};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub(super) fn packages(
    release: &Release,
    programs: &Path,
    dependencies: &[Dependency],
) -> Outcome<Vec<PathBuf>> {
    let work = release.directory.join("rpmbuild");
    let prefix = work.join("stage/usr");
    layout::fill(&prefix, programs, dependencies)?;
    // Fedora and openSUSE read zsh's completions here.
    fs::rename(
        prefix.join("share/zsh/vendor-completions"),
        prefix.join("share/zsh/site-functions"),
    )?;
    let mut rpmbuild = Command::new("rpmbuild");
    rpmbuild.args(["-bb", "--quiet"]);
    for (name, value) in [
        ("_topdir", work.display().to_string()),
        ("_sourcedir", work.join("stage").display().to_string()),
        ("nsx_version", release.version.replace('-', "~")),
        ("use_source_date_epoch_as_buildtime", "1".to_owned()),
        ("clamp_mtime_to_source_date_epoch", "1".to_owned()),
        ("_buildhost", "localhost".to_owned()),
    ] {
        rpmbuild.arg("--define").arg(format!("{name} {value}"));
    }
    rpmbuild
        .arg(tree::root().join("packaging/nsx.spec"))
        .env("SOURCE_DATE_EPOCH", &release.time)
        .stdout(Stdio::null());
    succeed(&mut rpmbuild)?;
    let mut files = Vec::new();
    for directory in fs::read_dir(work.join("RPMS"))? {
        for file in fs::read_dir(directory?.path())? {
            let file = file?;
            let to = release.directory.join(file.file_name());
            fs::rename(file.path(), &to)?;
            files.push(to);
        }
    }
    files.sort();
    fs::remove_dir_all(work)?;
    Ok(files)
}
