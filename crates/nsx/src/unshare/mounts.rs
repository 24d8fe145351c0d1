//! The options that mount something, in the order in which they are given across all of them.
//!
//! clap keeps the values of each option apart, so these options are not derived: their indices on
//! the command line sort their values.

use crate::{error::Error, text::escape};
use clap::{
    Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches,
    builder::{OsStringValueParser, TypedValueParser},
};
use nsx_core::{
    ns::NsKind,
    plan::{Contents, FileSystem, Mount, Upper, unshare::Request},
};
use rustix::mount::MountFlags;
use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

/// The mounts as typed, in order.
#[derive(Debug, Default)]
pub(super) struct MountOptions(Vec<Typed>);

/// An option with its value.
#[derive(Clone, Debug)]
enum Typed {
    /// Mounts that are the same for every caller.
    Mounts(Vec<Mount>),
    /// A bind mount at the path of its source.
    BindInPlace { source: PathBuf, flags: MountFlags },
    /// The root directory, read-only except for what the kernel itself provides.
    ReadOnlyRoot,
}

impl MountOptions {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the mounts, which imply a mount namespace.
    pub(super) fn apply(self, request: &mut Request) -> Result<(), Error> {
        if !self.is_empty() {
            request.kinds.insert(NsKind::Mnt);
        }
        request.mounts.extend(self.mounts()?);
        for mount in &request.mounts {
            if let Contents::Overlay {
                upper: Upper::Kept(directory),
                ..
            } = &mount.contents
            {
                check_upper(directory)?;
            }
        }
        Ok(())
    }

    fn mounts(self) -> Result<Vec<Mount>, Error> {
        let mut mounts = Vec::new();
        for typed in self.0 {
            match typed {
                Typed::Mounts(these) => mounts.extend(these),
                Typed::BindInPlace { source, flags } => {
                    // Links are kept: the program looks for the name, not for its target.
                    let at = std::path::absolute(&source).map_err(Error::Directory)?;
                    mounts.push(bind_mount(source, at, flags));
                }
                Typed::ReadOnlyRoot => mounts.extend(read_only_root()),
            }
        }
        Ok(mounts)
    }
}

/// An option: its name, its help, and the parser of its value.
struct MountOption {
    name: &'static str,
    /// The name of the value; `None` for an option without a value.
    value: Option<&'static str>,
    help: &'static str,
    long_help: &'static str,
    parse: fn(OsString) -> Result<Typed, String>,
}

const OPTIONS: [MountOption; 6] = [
    MountOption {
        name: "bind",
        value: Some("SRC[:DST]"),
        help: "Show the directory or file SRC at DST, by default at the same path; implies --mount",
        long_help: "SRC is a path of the caller and comes with what is mounted below it; DST is an \
                    absolute path in the new root. This option and the five after it may be given \
                    several times, and take effect in the order in which they are given; none \
                    hides the SRC of another. A DST that is missing is created in a --tmpfs or an \
                    --overlay that nsx itself mounted. Elsewhere that would leave something \
                    behind, and is refused. A mount on `/` becomes the program's root directory. \
                    A colon in a path is written `\\:`.",
        parse: |word| bind(word, MountFlags::empty()),
    },
    MountOption {
        name: "ro-bind",
        value: Some("SRC[:DST]"),
        help: "Show SRC at DST read-only; implies --mount",
        long_help: "Like --bind. File systems that are mounted below SRC are read-only, too.",
        parse: |word| bind(word, MountFlags::RDONLY),
    },
    MountOption {
        name: "ro-root",
        value: None,
        help: "Make all files read-only; implies --mount",
        long_help: "Short for `--ro-bind /:/`, with /dev, /proc and /sys as they are, so that \
                    devices and the kernel's files work as before. Options after it open what may \
                    be written: `--tmpfs /tmp`, `--bind .`.",
        parse: |_| Ok(Typed::ReadOnlyRoot),
    },
    MountOption {
        name: "tmpfs",
        value: Some("DIR[:SIZE]"),
        help: "Mount an empty directory in memory on DIR; implies --mount",
        long_help: "The directory has the mode of the one that it covers. SIZE is in bytes, or \
                    with a unit as in 64M, or a percentage of the memory as in 10%; the default is \
                    half of the memory.",
        parse: tmpfs,
    },
    MountOption {
        name: "dev",
        value: None,
        help: "Mount a minimal /dev; implies --mount",
        long_help: "It has the host's null, zero, full, random, urandom and tty, new \
                    pseudo-terminals, an empty shm, and the links fd, stdin, stdout and stderr.",
        parse: |_| Ok(Typed::Mounts(dev())),
    },
    MountOption {
        name: "overlay",
        value: Some("LOWER[:LOWER…]:DST[,upper=DIR]"),
        help: "Show directories merged at DST, the first on top; implies --mount",
        long_help: "No LOWER is changed. Changes go to memory and are lost when the program ends, \
                    or they stay in DIR, in its directory `upper`, and are there again for the \
                    next program with the same DIR. DIR has to exist, and is empty at first. \
                    --changes lists them.",
        parse: overlay,
    },
];

impl Args for MountOptions {
    fn augment_args(command: Command) -> Command {
        let arguments = OPTIONS.map(|option| {
            let argument = Arg::new(option.name)
                .long(option.name)
                .help(option.help)
                .long_help(format!("{}\n\n{}", option.help, option.long_help))
                .action(ArgAction::Append)
                .value_parser(OsStringValueParser::new().try_map(option.parse));
            match option.value {
                Some(value) => argument.value_name(value),
                None => argument.num_args(0).default_missing_value(""),
            }
        });
        let all = ArgGroup::new("MountOptions")
            .multiple(true)
            .args(OPTIONS.map(|option| option.name));
        command
            .next_help_heading("Mounts")
            .args(arguments)
            .group(all)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for MountOptions {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut given: Vec<(usize, &Typed)> = Vec::new();
        for option in OPTIONS {
            let indices = matches.indices_of(option.name).into_iter().flatten();
            given.extend(indices.zip(matches.get_many(option.name).into_iter().flatten()));
        }
        given.sort_by_key(|(index, _)| *index);
        let typed = given.into_iter().map(|(_, typed)| typed.clone());
        Ok(Self(typed.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn bind(word: OsString, flags: MountFlags) -> Result<Typed, String> {
    let mut paths = split(word)?.into_iter();
    match (paths.next(), paths.next(), paths.next()) {
        (Some(source), None, _) => Ok(Typed::BindInPlace { source, flags }),
        (Some(source), Some(at), None) => {
            check_absolute(&at)?;
            Ok(Typed::Mounts(vec![bind_mount(source, at, flags)]))
        }
        _ => Err("it takes SRC or SRC:DST".to_owned()),
    }
}

fn bind_mount(source: PathBuf, at: PathBuf, flags: MountFlags) -> Mount {
    Mount {
        at,
        contents: Contents::Bind {
            source,
            recursive: true,
            flags,
        },
    }
}

fn read_only_root() -> Vec<Mount> {
    let mut mounts = vec![bind_mount("/".into(), "/".into(), MountFlags::RDONLY)];
    for path in ["/dev", "/proc", "/sys"] {
        if Path::new(path).is_dir() {
            mounts.push(bind_mount(path.into(), path.into(), MountFlags::empty()));
        }
    }
    mounts
}

fn tmpfs(word: OsString) -> Result<Typed, String> {
    let mut parts = split(word)?.into_iter();
    let (at, size, rest) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    if rest.is_some() {
        return Err("it takes DIR or DIR:SIZE".to_owned());
    }
    let mut options = Vec::new();
    if let Some(size) = size {
        let size = size
            .to_str()
            .filter(|size| is_size(size))
            .ok_or("a size is a number, as in 65536, 64M or 10%")?;
        options.push(("size".to_owned(), Some(size.to_owned())));
    }
    mounted(at, new("tmpfs", options))
}

fn is_size(text: &str) -> bool {
    let digits = text
        .strip_suffix([
            'k', 'K', 'm', 'M', 'g', 'G', 't', 'T', 'p', 'P', 'e', 'E', '%',
        ])
        .unwrap_or(text);
    // The kernel would wrap a larger number.
    digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.parse::<u32>().is_ok_and(|number| number > 0)
        || text.parse::<u64>().is_ok_and(|number| number > 0)
}

fn overlay(word: OsString) -> Result<Typed, String> {
    let (word, upper) = upper(word)?;
    let mut lower = split(word)?;
    let at = lower
        .pop()
        .filter(|_| !lower.is_empty())
        .ok_or("it takes LOWER:DST, or several LOWER before DST")?;
    mounted(at, Contents::Overlay { lower, upper })
}

/// Takes `,upper=DIR` off the end of a word.
fn upper(word: OsString) -> Result<(OsString, Upper), String> {
    const BEFORE: &[u8] = b",upper=";
    let bytes = word.as_bytes();
    let Some(at) = bytes
        .windows(BEFORE.len())
        .rposition(|window| window == BEFORE)
    else {
        return Ok((word, Upper::Lost));
    };
    let directory = OsStr::from_bytes(&bytes[at + BEFORE.len()..]).to_owned();
    match split(directory)?.as_slice() {
        [directory] => {
            let word = OsStr::from_bytes(&bytes[..at]).to_owned();
            Ok((word, Upper::Kept(directory.clone())))
        }
        _ => Err("upper= takes one directory, in which a colon is written \\:".to_owned()),
    }
}

/// Checks that a directory is one for the changes of an overlay: empty, or used as such before.
fn check_upper(directory: &Path) -> Result<(), Error> {
    let shown = escape(directory.as_os_str().as_bytes());
    let entries = directory.read_dir().map_err(|error| {
        let is_missing = error.kind() == std::io::ErrorKind::NotFound;
        let hint = is_missing.then(|| format!("make it: mkdir {shown}"));
        Error::failed(format!("open {shown} for the changes of an overlay"), error).with_hints(hint)
    })?;
    let mut names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
    match names.find(|name| name != "upper" && name != "work") {
        None => Ok(()),
        Some(_) => Err(Error::usage(format!(
            "{shown} is not empty, and its files are not the changes of an overlay"
        ))
        .with_hints(["upper= takes a directory that nsx alone fills"])),
    }
}

/// Returns a /dev for programs that were not written for containers.
fn dev() -> Vec<Mount> {
    let option = |name: &str, value: &str| (name.to_owned(), Some(value.to_owned()));
    let mount = |at: &str, contents| Mount {
        at: at.into(),
        contents,
    };
    // Not NODEV: pseudo-terminals are devices.
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    let options = vec![option("mode", "620"), option("ptmxmode", "666")];
    let terminals = Contents::New(FileSystem {
        kind: "devpts".to_owned(),
        options,
        flags,
        ..FileSystem::default()
    });
    vec![
        mount("/dev", new("tmpfs", vec![option("mode", "755")])),
        mount("/dev", Contents::Devices),
        mount("/dev/pts", terminals),
        mount("/dev/shm", new("tmpfs", vec![option("mode", "1777")])),
    ]
}

/// Returns a new file system that neither raises privileges nor has devices.
fn new(kind: &str, options: Vec<(String, Option<String>)>) -> Contents {
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    Contents::New(FileSystem {
        kind: kind.to_owned(),
        options,
        flags,
        ..FileSystem::default()
    })
}

fn mounted(at: PathBuf, contents: Contents) -> Result<Typed, String> {
    check_absolute(&at)?;
    Ok(Typed::Mounts(vec![Mount { at, contents }]))
}

fn check_absolute(path: &Path) -> Result<(), String> {
    if path.is_absolute() {
        Ok(())
    } else {
        let shown = escape(path.as_os_str().as_bytes());
        Err(format!("{shown} is not an absolute path"))
    }
}

/// Splits a word at colons. A backslash before a colon or backslash takes its meaning away.
fn split(word: OsString) -> Result<Vec<PathBuf>, String> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut bytes = word.as_bytes().iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b':' => parts.push(std::mem::take(&mut part)),
            b'\\' => part.push(bytes.next_if(|next| b":\\".contains(next)).unwrap_or(byte)),
            byte => part.push(byte),
        }
    }
    parts.push(part);
    if parts.iter().any(Vec::is_empty) {
        return Err("a path is empty".to_owned());
    }
    let paths = parts.into_iter().map(OsString::from_vec);
    Ok(paths.map(PathBuf::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use proptest::prelude::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        mounts: MountOptions,
    }

    fn mounts(words: &str) -> Result<Vec<Mount>, clap::Error> {
        let line = Line::try_parse_from(std::iter::once("nsx").chain(words.split_whitespace()))?;
        Ok(line.mounts.mounts().unwrap())
    }

    fn points(words: &str) -> Vec<String> {
        mounts(words)
            .unwrap()
            .iter()
            .map(|mount| mount.at.display().to_string())
            .collect()
    }

    #[test]
    fn the_order_of_the_command_line_is_kept_across_options() {
        assert_eq!(
            points(
                "--tmpfs /b --bind /x:/a --dev --overlay /l:/m:/c --tmpfs=/e --ro-bind /d \
                --ro-root --bind /z"
            ),
            [
                "/b", "/a", "/dev", "/dev", "/dev/pts", "/dev/shm", "/c", "/e", "/d", "/", "/dev",
                "/proc", "/sys", "/z"
            ]
        );
        assert_eq!(points(""), [""; 0]);
    }

    #[test]
    fn values_are_paths_between_colons() {
        let bind =
            |source: &str, at: &str, flags| vec![bind_mount(source.into(), at.into(), flags)];
        assert_eq!(
            mounts("--bind src:/dst").unwrap(),
            bind("src", "/dst", MountFlags::empty())
        );
        assert_eq!(
            mounts(r"--ro-bind /a\:b\\c\d").unwrap(),
            bind(r"/a:b\c\d", r"/a:b\c\d", MountFlags::RDONLY)
        );
        let here = std::env::current_dir().unwrap();
        assert_eq!(mounts("--bind x").unwrap()[0].at, here.join("x"));
        for (word, upper) in [
            ("a:b:/c", Upper::Lost),
            ("a:b:/c,upper=d", Upper::Kept("d".into())),
            (r"a:b:/c,upper=d\:e", Upper::Kept("d:e".into())),
        ] {
            let lower = vec!["a".into(), "b".into()];
            assert_eq!(
                mounts(&format!("--overlay {word}")).unwrap(),
                [Mount {
                    at: "/c".into(),
                    contents: Contents::Overlay { lower, upper }
                }]
            );
        }
        let Contents::New(tmpfs) = &mounts("--tmpfs /t:64M").unwrap()[0].contents else {
            panic!()
        };
        assert_eq!(tmpfs.options, [("size".to_owned(), Some("64M".to_owned()))]);
    }

    #[test]
    fn wrong_values_are_refused() {
        for wrong in [
            "--bind :/a",
            "--bind a:b",
            "--bind /a:/b:/c",
            "--bind /a:",
            "--tmpfs t",
            "--tmpfs /t:",
            "--tmpfs /t:x",
            "--tmpfs /t:0",
            "--tmpfs /t:-1",
            "--tmpfs /t:5,mode=0",
            "--tmpfs /t:99999999999G",
            "--tmpfs /t:1:2",
            "--overlay /a",
            "--overlay /a::/b",
            "--overlay /a:b",
            "--overlay /a:/b,upper=",
            "--overlay /a:/b,upper=/c:/d",
            "--overlay /b,upper=/c",
            "--dev=x",
            "--bind",
        ] {
            assert!(mounts(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            for option in OPTIONS {
                let _ = (option.parse)(OsString::from_vec(bytes.clone()));
            }
        }
    }
}
