//! Kernels of Debian, downloaded and unpacked but not installed.

use crate::Outcome;
use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// An unpacked package of a kernel.
pub(super) struct Kernel {
    /// The release, as `uname -r` prints it.
    pub(super) release: String,
    directory: PathBuf,
}

impl Kernel {
    /// Returns the newest kernel of a series, `6.1`, that the package sources have.
    ///
    /// # Errors
    /// An error with the message of apt-get or dpkg-deb.
    pub(super) fn fetch(series: &str) -> Outcome<Self> {
        let package = newest(series)?;
        let directory = super::cache().join(&package);
        if !directory.join("boot").exists() {
            fs::create_dir_all(&directory)?;
            // apt-get writes into the working directory.
            run(Command::new("apt-get")
                .args(["download", "-qq"])
                .arg(&package)
                .current_dir(&directory))?;
            for file in fs::read_dir(&directory)?
                .flatten()
                .map(|entry| entry.path())
            {
                if file.extension() == Some(OsStr::new("deb")) {
                    run(Command::new("dpkg-deb").arg("-x").args([&file, &directory]))?;
                    fs::remove_file(file)?;
                }
            }
        }
        let release = package.trim_start_matches("linux-image-").to_owned();
        Ok(Self { release, directory })
    }

    pub(super) fn image(&self) -> PathBuf {
        self.directory
            .join(format!("boot/vmlinuz-{}", self.release))
    }

    /// Copies modules to `to`, uncompressed. A module without a file is built into this kernel.
    pub(super) fn copy_modules(&self, names: &[&str], to: &Path) -> Outcome {
        // Debian 13 has /usr/lib instead of /lib.
        let root = ["lib/modules", "usr/lib/modules"]
            .map(|path| self.directory.join(path).join(&self.release));
        let root = root
            .into_iter()
            .find(|path| path.exists())
            .ok_or("the kernel's package has no modules")?;
        fs::create_dir_all(to)?;
        for (index, name) in names.iter().enumerate() {
            let Some(file) = find(&root, name)? else {
                continue;
            };
            // In the order of their dependencies.
            let plain = to.join(format!("{index:02}-{name}.ko"));
            match file.extension().and_then(OsStr::to_str) {
                Some("xz") => {
                    run(Command::new("xz")
                        .arg("-dc")
                        .arg(file)
                        .stdout(fs::File::create(plain)?))?;
                }
                _ => {
                    fs::copy(file, plain)?;
                }
            }
        }
        Ok(())
    }
}

/// Returns the newest package of a series.
fn newest(series: &str) -> Outcome<String> {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        other => return Err(format!("the guest's kernels are for x86_64, this is {other}").into()),
    };
    let pattern = format!(
        "^linux-image-{}\\..*-cloud-{arch}$",
        series.replace('.', "\\.")
    );
    let output = Command::new("apt-cache")
        .args(["--names-only", "search", &pattern])
        .stderr(Stdio::inherit())
        .output()?;
    let listing = String::from_utf8(output.stdout)?;
    let names = listing.lines().filter_map(|line| line.split(' ').next());
    let newest = names.max_by_key(|name| numbers(name));
    Ok(newest
        .ok_or_else(|| format!("the package sources have no kernel {series}: run apt-get update"))?
        .to_owned())
}

/// Returns the numbers in a name, which order releases: 6.1.0-9 comes before 6.1.0-10.
fn numbers(name: &str) -> Vec<u64> {
    name.split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// Finds a module by its name.
fn find(directory: &Path, name: &str) -> Outcome<Option<PathBuf>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let found = match path.is_dir() && !path.is_symlink() {
            true => find(&path, name)?,
            false => {
                let file = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
                (file.split('.').next() == Some(name) && file.contains(".ko")).then_some(path)
            }
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

/// Runs a command that has to succeed.
pub(super) fn run(command: &mut Command) -> Outcome {
    let name = command.get_program().display().to_string();
    let status = command
        .status()
        .map_err(|error| format!("failed to run {name}: {error}"))?;
    if !status.success() {
        return Err(format!("{name}: {status}").into());
    }
    Ok(())
}
