//! `--from-oci`: the request that an OCI runtime bundle's config.json stands for.
//!
//! The file is read twice: as the structures of `nsx_target::oci`, and as plain JSON, which shows
//! the properties that nsx does not carry out. Each is named. Hooks, cgroups and devices are a
//! runtime's business.

mod mounts;
#[cfg(test)]
mod schema;
mod seccomp;

use crate::{
    out,
    program::{self, RequestError},
};
use nsx_core::{
    idmap::{Extent, IdMap, MapError, RawExtent},
    ns::{Namespace, NsKind},
    plan::{
        Caller, Change, Clock, ClockOffset, Confinement, Contents, Mount, NamespaceFile,
        Propagation, unshare::Request,
    },
};
use nsx_target::oci as spec;
use rustix::{fs::CWD, io::Errno, mount::MountFlags};
use serde_json::Value;
use spec::Text;
use std::{
    collections::BTreeSet,
    ffi::{CString, OsString},
    io::Read,
    os::unix::ffi::OsStrExt,
    path::Path,
    rc::Rc,
};

/// The properties that are carried out whole, or whose parts are looked at one by one.
const CARRIED_OUT: [&str; 27] = [
    "ociVersion",
    "annotations",
    "domainname",
    "hostname",
    "linux.gidMappings",
    "linux.maskedPaths",
    "linux.namespaces",
    "linux.readonlyPaths",
    "linux.rootfsPropagation",
    "linux.seccomp",
    "linux.timeOffsets",
    "linux.uidMappings",
    "mounts",
    "process.args",
    "process.capabilities",
    "process.cwd",
    "process.env",
    "process.noNewPrivileges",
    "process.oomScoreAdj",
    "process.rlimits",
    "process.user.additionalGids",
    "process.user.gid",
    "process.user.umask",
    "process.user.uid",
    "process.user.username",
    "root.path",
    "root.readonly",
];

/// The umask that runtimes set if a configuration says nothing.
pub(crate) const UMASK: u32 = 0o22;

/// Why a bundle cannot be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OciError {
    /// The file is not there, or may not be read.
    #[error("failed to read {0}")]
    Read(String, #[source] std::io::Error),
    /// The file is not a configuration.
    #[error("{0} is not an OCI runtime configuration")]
    Json(String, #[source] serde_json::Error),
    /// A kind of namespace that the specification does not have.
    #[error("linux.namespaces: there is no type {0}")]
    NoSuchKind(String),
    /// A kind of namespace is listed twice.
    #[error("linux.namespaces lists {0} twice")]
    Twice(NsKind),
    /// A file that should hold a namespace cannot be opened as one.
    #[error("linux.namespaces: failed to open {0}")]
    Namespace(String, #[source] Errno),
    /// It holds one of another kind.
    #[error("linux.namespaces: {0} is of kind {1}, not {2}")]
    WrongKind(String, NsKind, NsKind),
    /// A property that would be set on the host, as the file has no namespace for it.
    #[error("{0} needs a {1} namespace in linux.namespaces")]
    NeedsNamespace(&'static str, NsKind),
    /// Id mappings that the kernel would not take.
    #[error("{0} cannot be carried out")]
    IdMap(&'static str, #[source] MapError),
    /// The caller may make no namespaces but in a user namespace of its own.
    #[error(
        "linux.namespaces has no user namespace, which a caller without privilege needs; `runc \
        spec --rootless` writes one"
    )]
    NoUserNamespace,
    /// A resource that Linux does not have.
    #[error("process.rlimits: there is no resource {0}")]
    Limit(String),
    /// A filter that cannot be made.
    #[error("linux.seccomp: {0}")]
    Seccomp(String),
    /// A clock that has no offset.
    #[error("linux.timeOffsets: there is no clock {0}")]
    Clock(String),
    /// A working directory from nowhere.
    #[error("process.cwd is not an absolute path: {0}")]
    RelativeDirectory(String),
    /// A propagation with which there can be no root directory, or that the specification does not
    /// have.
    #[error("linux.rootfsPropagation: {0} is not private, slave or shared")]
    Propagation(String),
    /// An option of a mount that is not text.
    #[error("mounts[{0}].options[{1}] is not UTF-8")]
    Option(usize, usize),
    /// An id-mapped mount.
    #[error("mounts[{0}]: id-mapped mounts are not supported")]
    IdMapped(usize),
    /// Effective capabilities that are not permitted.
    #[error("process.capabilities.effective has capabilities that permitted does not have")]
    NotPermitted,
    /// A property without which nothing can be done.
    #[error("{0} is missing")]
    Missing(String),
}

/// A bundle as nsx runs it.
#[derive(Debug)]
pub(super) struct Bundle {
    /// The request, except for what other options say of the processes.
    pub(super) request: Request,
    /// The mounts that follow all others: what they hide or protect is there before.
    pub(super) last_mounts: Vec<Mount>,
    /// The properties that are left out, by their paths.
    pub(super) left_out: Vec<String>,
}

/// Reads a bundle's configuration: its file, a directory with `config.json`, or `-` for standard
/// input and the current directory. `program` runs in place of the bundle's if it is named.
pub(super) fn read(
    file: &Path,
    program: Vec<OsString>,
    caller: &Caller,
) -> Result<Bundle, RequestError> {
    let file = if file.is_dir() {
        file.join("config.json")
    } else {
        file.to_owned()
    };
    let from_input = file == Path::new("-");
    let shown = || {
        if from_input {
            "standard input".to_owned()
        } else {
            out::shown(file.as_os_str())
        }
    };
    let text = if from_input {
        read_input()
    } else {
        std::fs::read(&file)
    };
    let text = text.map_err(|error| OciError::Read(shown(), error))?;
    let directory = file.parent().unwrap_or(Path::new(""));
    let (config, json) = parse(&text).map_err(|error| OciError::Json(shown(), error))?;
    let bundle = bundle(&config, &json, directory, program)?;
    let request = &bundle.request;
    let joins_user = request.joins.iter().any(|file| file.kind() == NsKind::User);
    if !caller.is_privileged() && !joins_user && !request.kinds.contains(NsKind::User) {
        return Err(OciError::NoUserNamespace.into());
    }
    Ok(bundle)
}

fn read_input() -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text)?;
    Ok(text)
}

/// The request of a configuration in Rust's words, for tests; none where it is refused, or names
/// files of namespaces.
pub fn asks(text: &[u8]) -> Option<String> {
    let (config, json) = parse(text).ok()?;
    let opens = config
        .linux
        .namespaces
        .iter()
        .any(|namespace| !namespace.path.is_empty());
    let bundle = (!opens).then(|| bundle(&config, &json, Path::new("/b"), Vec::new()))?;
    bundle.ok().map(|bundle| format!("{bundle:?}"))
}

type Config = spec::Config<spec::Seccomp>;

/// Reads the file both ways. The names of properties are shown, so bytes that are not UTF-8 do not
/// matter there.
fn parse(text: &[u8]) -> Result<(Config, Value), serde_json::Error> {
    Ok((
        Config::parse(text)?,
        serde_json::from_str(&String::from_utf8_lossy(text))?,
    ))
}

fn bundle(
    config: &Config,
    json: &Value,
    directory: &Path,
    program: Vec<OsString>,
) -> Result<Bundle, RequestError> {
    let mut left_out = Vec::new();
    find_left_out(json, "", &mut left_out);
    let mut request = Request::default();
    set_namespaces(config, directory, &mut request)?;
    set_process(config, program, &mut request, &mut left_out)?;
    let last_mounts = set_files(config, directory, &mut request, &mut left_out)?;
    Ok(Bundle {
        request,
        last_mounts,
        left_out,
    })
}

/// Adds the paths of what is there and not carried out. What is absent, empty or false asks for
/// nothing.
fn find_left_out(value: &Value, path: &str, left_out: &mut Vec<String>) {
    let nothing = match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(properties) => properties.is_empty(),
        _ => false,
    };
    if nothing || CARRIED_OUT.contains(&path) {
        return;
    }
    let has_parts = path.is_empty()
        || CARRIED_OUT
            .iter()
            .filter_map(|carried| carried.strip_prefix(path))
            .any(|rest| rest.starts_with('.'));
    match value {
        Value::Object(properties) if has_parts => {
            let inner = |name: &String| {
                if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                }
            };
            properties
                .iter()
                .for_each(|(name, value)| find_left_out(value, &inner(name), left_out));
        }
        _ => left_out.push(path.to_owned()),
    }
}

fn set_namespaces(
    config: &Config,
    directory: &Path,
    request: &mut Request,
) -> Result<(), RequestError> {
    let linux = &config.linux;
    for namespace in &linux.namespaces {
        let kind = kind(namespace)?;
        if request.kinds.contains(kind) || request.joins.iter().any(|file| file.kind() == kind) {
            return Err(OciError::Twice(kind).into());
        }
        match namespace.path.is_empty() {
            false => request
                .joins
                .push(open_namespace(&directory.join(&*namespace.path), kind)?),
            true => request.kinds.insert(kind),
        }
    }
    request.users = id_map("linux.uidMappings", &linux.uid_mappings)?;
    request.groups = id_map("linux.gidMappings", &linux.gid_mappings)?;
    if (request.users.is_some() || request.groups.is_some())
        && !request.kinds.contains(NsKind::User)
    {
        return Err(OciError::NeedsNamespace("an id mapping", NsKind::User).into());
    }
    for (
        clock,
        spec::TimeOffset {
            seconds,
            nanoseconds,
        },
    ) in &linux.time_offsets
    {
        let clock = match clock.as_bytes() {
            b"monotonic" => Clock::Monotonic,
            b"boottime" => Clock::Boottime,
            _ => return Err(OciError::Clock(out::shown(clock)).into()),
        };
        request.clocks.push(ClockOffset {
            clock,
            seconds: *seconds,
            nanoseconds: *nanoseconds,
        });
    }
    if !request.clocks.is_empty() && !request.kinds.contains(NsKind::Time) {
        return Err(OciError::NeedsNamespace("linux.timeOffsets", NsKind::Time).into());
    }
    let uts = request.kinds.contains(NsKind::Uts)
        || request.joins.iter().any(|file| file.kind() == NsKind::Uts);
    let name = |property: &'static str, name: &Text| match name.is_empty() {
        true => Ok(None),
        false if !uts => Err(RequestError::from(OciError::NeedsNamespace(
            property,
            NsKind::Uts,
        ))),
        false => Ok(Some(program::c_string(name.to_os_string(), property)?)),
    };
    request.hostname = name("hostname", &config.hostname)?;
    request.domain_name = name("domainname", &config.domainname)?;
    request.loopback = request.kinds.contains(NsKind::Net);
    Ok(())
}

/// Returns the kind of a namespace. Two have another name in the specification than in the kernel.
fn kind(namespace: &spec::Namespace) -> Result<NsKind, OciError> {
    let name = match namespace.kind.as_bytes() {
        b"mount" => b"mnt",
        b"network" => b"net",
        b"mnt" | b"net" => &b""[..],
        name => name,
    };
    NsKind::from_name(name).ok_or_else(|| OciError::NoSuchKind(out::shown(&namespace.kind)))
}

fn open_namespace(path: &Path, kind: NsKind) -> Result<NamespaceFile, OciError> {
    let shown = out::shown(path.as_os_str());
    let ns =
        Namespace::open(CWD, path).map_err(|errno| OciError::Namespace(shown.clone(), errno))?;
    match ns.id().kind {
        found if found == kind => Ok(NamespaceFile {
            path: path.to_owned(),
            ns: Rc::new(ns),
        }),
        found => Err(OciError::WrongKind(shown, found, kind)),
    }
}

fn id_map(property: &'static str, mappings: &[spec::IdMapping]) -> Result<Option<IdMap>, OciError> {
    if mappings.is_empty() {
        return Ok(None);
    }
    let extents = mappings.iter().map(|mapping| {
        let spec::IdMapping {
            inside,
            outside,
            count,
        } = *mapping;
        Extent::new(RawExtent {
            inside,
            outside,
            count,
        })
    });
    let map = extents.collect::<Result<_, _>>().and_then(IdMap::new);
    map.map(Some)
        .map_err(|error| OciError::IdMap(property, error))
}

/// Sets the root directory and what is mounted below it. Returns the mounts that come last.
fn set_files(
    config: &Config,
    directory: &Path,
    request: &mut Request,
    left_out: &mut Vec<String>,
) -> Result<Vec<Mount>, RequestError> {
    let linux = &config.linux;
    if request.joins.iter().any(|file| file.kind() == NsKind::Mnt) {
        // What is mounted there others see, and would stay: they are its own, as a runtime leaves
        // them too.
        left_out.extend(config.root.as_ref().map(|_| "root".to_owned()));
        left_out.extend((!config.mounts.is_empty()).then(|| "mounts".to_owned()));
        left_out.extend((!linux.masked_paths.is_empty()).then(|| "linux.maskedPaths".to_owned()));
        left_out
            .extend((!linux.readonly_paths.is_empty()).then(|| "linux.readonlyPaths".to_owned()));
        return Ok(Vec::new());
    }
    let mount = |at: &Path, contents| Mount {
        at: at.to_owned(),
        contents,
    };
    let mut last = Vec::new();
    request.makes_mount_points = true;
    if let Some(root) = &config.root {
        mounts::given(&root.path, || "root.path".to_owned())?;
        request.root = Some(directory.join(&*root.path));
        request.mounts.extend(mounts::devices(&config.mounts));
    }
    for (place, mount) in config.mounts.iter().enumerate() {
        request.mounts.extend(mounts::translate(
            place, mount, directory, &mut last, left_out,
        )?);
    }
    if let Some(root) = &config.root {
        let working = request
            .directory
            .as_deref()
            .filter(|directory| *directory != Path::new("/"));
        request
            .mounts
            .extend(working.map(|working| mount(working, Contents::Directory)));
        last.extend(root.readonly.then(|| {
            mount(
                Path::new("/"),
                Contents::Changed(Change::Flags(MountFlags::RDONLY)),
            )
        }));
    }
    last.extend(
        linux
            .readonly_paths
            .iter()
            .map(|path| mount(Path::new(&**path), Contents::ReadOnly)),
    );
    last.extend(
        linux
            .masked_paths
            .iter()
            .map(|path| mount(Path::new(&**path), Contents::Masked)),
    );
    let mounts_something = request.root.is_some() || !request.mounts.is_empty() || !last.is_empty();
    if mounts_something && !request.kinds.contains(NsKind::Mnt) {
        return Err(OciError::NeedsNamespace("root", NsKind::Mnt).into());
    }
    // The propagation of all the host's mounts in the new namespace, which the mounts of the
    // program inherit. The root directory must be private to become one.
    request.propagation = match linux.rootfs_propagation.as_bytes() {
        b"" | b"slave" | b"rslave" | b"shared" | b"rshared" => Propagation::Slave,
        b"private" | b"rprivate" => Propagation::Private,
        _ => return Err(OciError::Propagation(out::shown(&linux.rootfs_propagation)).into()),
    };
    request.binds_stay_shared = linux.rootfs_propagation.as_bytes().ends_with(b"shared");
    Ok(last)
}

fn set_process(
    config: &Config,
    program: Vec<OsString>,
    request: &mut Request,
    left_out: &mut Vec<String>,
) -> Result<(), RequestError> {
    let nothing = spec::Process::default();
    let process = config.process.as_ref().unwrap_or(&nothing);
    let args = || {
        process
            .args
            .iter()
            .map(|word| word.to_os_string())
            .collect()
    };
    let program = if program.is_empty() { args() } else { program };
    if program.is_empty() {
        return Err(OciError::Missing("process.args".to_owned()).into());
    }
    request.programs = program::programs(program)?;
    let variable = |variable: &Text| program::c_string(variable.to_os_string(), "process.env");
    request.environment = Some(
        process
            .env
            .iter()
            .map(variable)
            .collect::<Result<Vec<CString>, _>>()?,
    );
    let directory = if process.cwd.is_empty() {
        Path::new("/")
    } else {
        Path::new(&*process.cwd)
    };
    if !directory.is_absolute() {
        return Err(OciError::RelativeDirectory(out::shown(&process.cwd)).into());
    }
    request.directory = Some(directory.to_owned());
    request.uid = Some(process.user.uid);
    request.gid = Some(process.user.gid);
    request.supplementary_groups = process.user.additional_gids.clone();
    request.confinement = confinement(process)?;
    let filter = config
        .linux
        .seccomp
        .as_ref()
        .map(|seccomp| seccomp::filter(seccomp, left_out))
        .transpose()?;
    request.confinement.filter = filter.flatten();
    // An empty HOME is none, as in runc.
    let home = request
        .environment
        .iter_mut()
        .flatten()
        .position(|variable| variable.as_bytes().starts_with(b"HOME="));
    let is_set = |place: &usize| {
        request
            .environment
            .iter()
            .flatten()
            .nth(*place)
            .is_some_and(|it| it.as_bytes() != b"HOME=")
    };
    request.home_of = Some(process.user.uid).filter(|_| !home.as_ref().is_some_and(is_set));
    let unknown = process
        .unknown_capabilities()
        .map(|name| format!("process.capabilities ({name})"));
    left_out.extend(unknown.collect::<BTreeSet<_>>());
    Ok(())
}

/// Returns the capabilities of a process in all five sets. `runc` refuses what the kernel would
/// refuse.
fn confinement(process: &spec::Process) -> Result<Confinement, OciError> {
    let (bounding, state) = process.capabilities();
    if !state.permitted.contains(state.effective) {
        return Err(OciError::NotPermitted);
    }
    let limit = |rlimit: &spec::Rlimit| {
        rlimit
            .limit()
            .ok_or_else(|| OciError::Limit(out::shown(&rlimit.name)))
    };
    Ok(Confinement {
        bounding: Some(bounding),
        capabilities: Some(state),
        no_new_privs: process.no_new_privileges,
        limits: process
            .rlimits
            .iter()
            .map(limit)
            .collect::<Result<_, _>>()?,
        oom_score: process.oom_score_adj,
        umask: Some(process.user.umask.unwrap_or(UMASK)),
        ..Confinement::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nsx_core::plan::FileSystem;
    use proptest::prelude::*;
    use rustix::mount::MountPropagationFlags;
    use serde_json::json;

    /// The bundle /b of this file, or what is wrong with it.
    fn read(json: &Value) -> Result<Bundle, String> {
        let (config, json) =
            parse(json.to_string().as_bytes()).map_err(|error| error.to_string())?;
        bundle(&config, &json, Path::new("/b"), Vec::new()).map_err(|error| out::chain(&error))
    }

    /// A small file with these properties beside it.
    fn with(more: Value) -> Value {
        let mut file = json!({
            "ociVersion": "1.0.2",
            "process": {"user": {"uid": 1, "gid": 2}, "args": ["sh"], "cwd": "/"},
            "root": {"path": "rootfs"},
            "linux": {"namespaces": [{"type": "mount"}, {"type": "uts"}]},
        });
        if let (Value::Object(file), Value::Object(more)) = (&mut file, more) {
            file.extend(more);
        }
        file
    }

    #[test]
    fn a_small_file_becomes_a_request() {
        let Bundle {
            request, left_out, ..
        } = read(&with(json!({"hostname": "box"}))).unwrap();
        assert_eq!(
            request.kinds,
            [NsKind::Mnt, NsKind::Uts].into_iter().collect()
        );
        assert_eq!(request.root, Some("/b/rootfs".into()));
        assert_eq!(request.hostname.as_deref(), Some(c"box"));
        assert_eq!((request.uid, request.gid), (Some(1), Some(2)));
        assert_eq!(request.programs, [[CString::from(c"sh")]]);
        assert_eq!(left_out, [""; 0]);
    }

    #[test]
    fn what_is_not_carried_out_is_named_by_its_path() {
        let file = with(json!({
            "hooks": {"prestart": [{"path": "/bin/true"}]},
            "mounts": [
                {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup"},
                {"destination": "/x", "source": "x", "options": ["rbind", "ro", "size=5", "rshared"]},
            ],
            "process": {
                "user": {"uid": 0, "gid": 0, "umask": 18}, "args": ["sh"], "cwd": "/", "terminal": true,
                "capabilities": {"bounding": ["CAP_KILL", "CAP_FLY"], "ambient": ["CAP_FLY"]}, "rlimits": [],
            },
            "future": {"property": [1]},
        }));
        let Bundle {
            request, left_out, ..
        } = read(&file).unwrap();
        assert_eq!(
            left_out,
            [
                "future",
                "hooks",
                "process.terminal",
                "process.capabilities (CAP_FLY)",
                "mounts[0] (cgroup)",
                "mounts[1].options (size=5)",
            ]
        );
        let at_x = |contents| Mount {
            at: "/x".into(),
            contents,
        };
        let bind = Contents::Bind {
            source: "/b/x".into(),
            recursive: true,
            flags: MountFlags::empty(),
        };
        let changes = [
            Change::Propagation(MountPropagationFlags::SHARED | MountPropagationFlags::REC),
            Change::Flags(MountFlags::RDONLY),
        ];
        let expected = std::iter::once(bind)
            .chain(changes.map(Contents::Changed))
            .map(at_x);
        assert_eq!(request.mounts[1..], expected.collect::<Vec<_>>());
    }

    #[test]
    fn a_tmpfs_at_dev_has_the_devices_that_the_specification_promises() {
        let options = ["nosuid", "strictatime", "mode=755", "ro"];
        let mounts = json!([{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": options}]);
        let Bundle {
            request,
            left_out,
            last_mounts,
        } = read(&with(json!({"mounts": mounts}))).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::STRICTATIME;
        let tmpfs = FileSystem {
            kind: "tmpfs".into(),
            options: vec![("mode".into(), Some("755".into()))],
            flags,
            source: "tmpfs".into(),
            copy_up: false,
        };
        let at_dev = |contents| Mount {
            at: "/dev".into(),
            contents,
        };
        assert_eq!(
            request.mounts,
            [Contents::New(tmpfs), Contents::Devices].map(at_dev)
        );
        // It could not be furnished any more.
        assert_eq!(
            last_mounts,
            [at_dev(Contents::Changed(Change::Flags(
                flags | MountFlags::RDONLY
            )))]
        );
        assert_eq!(left_out, [""; 0]);
    }

    #[test]
    fn paths_are_hidden_and_the_root_is_read_only_when_all_mounts_are_made() {
        let linux = json!({"namespaces": [{"type": "mount"}], "maskedPaths": ["/m"], "readonlyPaths": ["/r"]});
        let file = with(json!({"root": {"path": "/r", "readonly": true}, "linux": linux}));
        let Bundle { last_mounts, .. } = read(&file).unwrap();
        let mount = |at: &str, contents| Mount {
            at: at.into(),
            contents,
        };
        let read_only = Contents::Changed(Change::Flags(MountFlags::RDONLY));
        assert_eq!(
            last_mounts,
            [
                mount("/", read_only),
                mount("/r", Contents::ReadOnly),
                mount("/m", Contents::Masked)
            ]
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let namespaces = |list: Value| with(json!({"linux": {"namespaces": list}}));
        let uid_map = json!([{"containerID": 0, "hostID": 0, "size": 0}]);
        for (file, reason) in [
            (
                namespaces(json!([{"type": "pid"}, {"type": "mount"}, {"type": "pid"}])),
                "lists pid twice",
            ),
            (namespaces(json!([{"type": "planet"}])), "no type planet"),
            (
                namespaces(json!([{"type": "mount"}, {"type": "net", "path": "/x"}])),
                "no type net",
            ),
            (
                namespaces(json!([{"type": "network", "path": "/etc/passwd"}])),
                "failed to open /etc/passwd",
            ),
            (
                namespaces(json!([{"type": "network", "path": "/proc/self/ns/uts"}])),
                "is of kind uts, not net",
            ),
            (
                namespaces(json!([{"type": "pid"}])),
                "root needs a mnt namespace",
            ),
            (
                with(json!({"linux": {"namespaces": [{"type": "mount"}]}, "hostname": "x"})),
                "hostname needs a uts",
            ),
            (
                with(json!({"linux": {"uidMappings": uid_map}})),
                "the range",
            ),
            (with(json!({"process": null})), "process.args is missing"),
            (
                with(json!({"mounts": [{"destination": "/x", "type": "bind"}]})),
                "mounts[0].source is missing",
            ),
            (
                with(json!({"mounts": [{"destination": "", "type": "tmpfs"}]})),
                "mounts[0].destination is missing",
            ),
            (
                namespaces(json!([{"path": "/proc/self/ns/net"}])),
                "missing field `type`",
            ),
            (with(json!({"root": {}})), "root.path is missing"),
        ] {
            let error = read(&file).unwrap_err();
            assert!(error.contains(reason), "{error}, not {reason}");
        }
    }

    /// JSON of any shape, with the names that are looked at.
    fn any_json() -> impl Strategy<Value = Value> {
        let names = [
            "process",
            "user",
            "args",
            "mounts",
            "options",
            "linux",
            "namespaces",
            "type",
            "path",
            "root",
            "x",
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 40, 6, move |inner| {
            let object = proptest::collection::hash_map(
                proptest::sample::select(names.to_vec()),
                inner.clone(),
                0..6,
            );
            let object = object.prop_map(|map| {
                map.into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            });
            prop_oneof![
                proptest::collection::vec(inner, 0..6).prop_map(Value::Array),
                object.prop_map(Value::Object)
            ]
        })
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_json_makes_it_panic(more in any_json()) {
            let _ = read(&with(more));
        }
    }
}
