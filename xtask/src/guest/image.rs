//! The initramfs: nsx, the system tests, and the programs of Debian's packages that they run.

use super::kernel::{Kernel, run};
use crate::{Outcome, host, tree};
use std::{
    collections::BTreeSet,
    fs::{self, File},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Debian's packages whose programs tests run.
const PACKAGES: [&str; 28] = [
    "acl",
    "apparmor",
    "bash",
    "busybox-static",
    "coreutils",
    "dash",
    "debianutils",
    "diffutils",
    "findutils",
    "grep",
    "hostname",
    "iproute2",
    "libc-bin",
    "libcap2-bin",
    "libperl5.36",
    "login",
    "mawk",
    "mount",
    "passwd",
    "perl",
    "perl-base",
    "perl-modules-5.36",
    "procps",
    "sed",
    "strace",
    "uidmap",
    "util-linux",
    "util-linux-extra",
];

/// Modules that tests need, after the modules that these need.
const MODULES: [&str; 6] = ["overlay", "fuse", "dummy", "veth", "tun", "binfmt_misc"];

/// Files of /etc. The tests' ordinary user has no account, as on other hosts.
const ETC: [(&str, &str); 7] = [
    (
        "passwd",
        "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    ),
    ("group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n"),
    ("hosts", "127.0.0.1 localhost\n"),
    ("hostname", "guest\n"),
    ("resolv.conf", ""),
    ("subuid", ""),
    ("subgid", ""),
];

/// Packs an initramfs for `kernel` and returns its path.
pub(super) fn pack(kernel: &Kernel, programs: &[PathBuf], tests: &Path) -> Outcome<PathBuf> {
    let root = super::cache().join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for directory in [
        "dev", "etc", "home", "mnt", "opt", "proc", "root", "run", "sys", "tests", "tmp", "usr",
        "var/tmp",
    ] {
        fs::create_dir_all(root.join(directory))?;
    }
    // Directories that are links into /usr on the host are links in the guest.
    for name in ["bin", "lib", "lib64", "sbin"] {
        if let Ok(target) = fs::read_link(Path::new("/").join(name)) {
            fs::create_dir_all(root.join(&target))?;
            symlink(target, root.join(name))?;
        }
    }
    let files = of_packages()?;
    for file in &files {
        copy(file, &root)?;
    }
    let own = programs.iter().map(PathBuf::as_path).chain([tests]);
    for library in libraries(files.iter().map(PathBuf::as_path).chain(own))? {
        // The name that the loader uses for a library is a link to the file.
        copy(&library, &root)?;
        copy(&library.canonicalize()?, &root)?;
    }
    // The links that Debian's packages create when they are installed.
    for (target, name) in [("mawk", "awk"), ("dash", "sh")] {
        let link = root.join("usr/bin").join(name);
        if !link.is_symlink() {
            symlink(target, link)?;
        }
    }
    for (name, text) in ETC {
        fs::write(root.join("etc").join(name), text)?;
    }
    // The tests find nsx and nsx-compat at the paths that they were built at.
    for program in programs {
        copy(program, &root)?;
    }
    fs::copy(tests, root.join("tests/system"))?;
    fs::copy(
        tree::root().join("xtask/src/guest/init.sh"),
        root.join("init"),
    )?;
    fs::set_permissions(root.join("init"), fs::Permissions::from_mode(0o755))?;
    kernel.copy_modules(&MODULES, &root.join("modules"))?;
    archive(&root)
}

/// Returns the programs and libraries of the packages. Tests that need a package that is not
/// installed report it.
fn of_packages() -> Outcome<BTreeSet<PathBuf>> {
    let output = Command::new("dpkg-query")
        .arg("--listfiles")
        .args(PACKAGES)
        .stderr(Stdio::null())
        .output()?;
    let listing = String::from_utf8(output.stdout)?;
    let is_wanted = |path: &&Path| {
        let is_program = !path.starts_with("/usr/share") || path.starts_with("/usr/share/perl");
        is_program && !path.starts_with("/etc") && (path.is_symlink() || path.is_file())
    };
    Ok(listing
        .lines()
        .map(Path::new)
        .filter(is_wanted)
        .map(Path::to_owned)
        .collect())
}

/// Returns the shared libraries of programs, the loader among them.
fn libraries<'a>(files: impl Iterator<Item = &'a Path>) -> Outcome<BTreeSet<PathBuf>> {
    // For scripts and static programs ldd prints that they are not dynamic.
    let output = Command::new("ldd")
        .args(files)
        .stderr(Stdio::null())
        .output()?;
    let listing = String::from_utf8_lossy(&output.stdout).into_owned();
    let words = listing
        .lines()
        .filter(|line| line.starts_with('\t'))
        .flat_map(|line| line.split_whitespace());
    Ok(words
        .filter(|word| word.starts_with('/'))
        .map(PathBuf::from)
        .filter(|path| path.is_file())
        .collect())
}

/// Copies a file, or a link as a link, to its path below `root`.
fn copy(file: &Path, root: &Path) -> Outcome {
    let to = root.join(file.strip_prefix("/")?);
    if to.is_symlink() || to.exists() {
        return Ok(());
    }
    fs::create_dir_all(to.parent().unwrap_or(root))?;
    if file.is_symlink() {
        symlink(fs::read_link(file)?, &to)?;
    } else {
        fs::copy(file, &to)?;
    }
    Ok(())
}

/// Makes an archive of a tree in the format that the kernel unpacks (initramfs buffer format,
/// "newc").
fn archive(root: &Path) -> Outcome<PathBuf> {
    let path = root.with_extension("cpio");
    let busybox = host::which("busybox").ok_or("busybox is not there: install busybox-static")?;
    let mut command = Command::new("sh");
    command
        .args(["-c", "find . -mindepth 1 | \"$0\" cpio -o -H newc -R 0:0"])
        .arg(busybox)
        .current_dir(root);
    run(command.stdout(File::create(&path)?).stderr(Stdio::null()))?;
    Ok(path)
}
