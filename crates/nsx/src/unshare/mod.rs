//! `nsx unshare`: a program in new namespaces.
//!
//! Here are the options, as typed, and the friendly defaults that turn them into a request. What a
//! request comes to is in `nsx_core::plan::unshare`.

mod clocks;
mod ids;
mod kinds;
mod mounts;
pub(crate) mod oci;
mod rights;

pub use oci::asks as asks_of_a_bundle;

use crate::{
    exit::ExitStatus,
    out,
    program::{self, Report, RequestError},
    status::StatusFd,
    text::escape,
};
use clap::{Args, Parser, ValueEnum, builder::ValueHint};
use clocks::ClockOptions;
use ids::IdOptions;
use kinds::KindOptions;
use mounts::MountOptions;
use nsx_core::{
    cgroup::{self, Hierarchy},
    ns::{NsKind, NsSet},
    plan::{self, Caller, GroupsDenied, Mount, NamespaceFile, unshare::Request},
    proc::ProcRoot,
    sys::signal::Signal,
};
use oci::Bundle;
use rights::{EnvironmentOptions, RightsOptions};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

/// Run a program in new namespaces
///
/// Without a program the user's shell is run. nsx ends as the program ends: with its exit status,
/// or by the signal that killed it.
#[derive(Debug, Parser)]
#[command(
    name = "nsx unshare",
    about = "Run a program in new namespaces",
    override_usage = "nsx unshare [OPTIONS] [--] [PROGRAM [ARG]...]",
    after_help = "\
Examples:
  nsx unshare -r --pid            a shell as root, alone in a PID namespace
  nsx unshare -r --net ss -ltn    a program in a network of its own
  nsx unshare -r --overlay .:$PWD make install
                                  a trial run: what it changes below . is lost at the end
  nsx unshare -r --root debian --dev --pid --overlay debian:/
                                  a shell in a root file system that stays as it is
  nsx unshare -r --ro-root --tmpfs /tmp --bind . make
                                  a build that can write below . and in a /tmp of its own
  nsx unshare -a --explain        what would be done, step by step"
)]
pub struct Options {
    // Before the groups: what follows one would stand under its heading.
    /// The program and its arguments
    #[arg(trailing_var_arg = true, value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    program: Vec<OsString>,
    /// Run the OCI runtime bundle that this config.json describes
    ///
    /// FILE may be the directory of the bundle, or `-` for standard input and a bundle in the
    /// current directory. Its namespaces are created, or joined if the file has a path for them;
    /// the rest is as runc would do it, see OCI BUNDLES. PROGRAM goes before the file's own.
    /// --hostname and the options that mount something add to the file.
    #[arg(long, value_name = "FILE|DIR|-", value_hint = ValueHint::FilePath, conflicts_with_all = [
        "KindOptions", "IdOptions", "domainname", "root", "wd", "propagation", "mount_proc", "no_mount_proc", "mount_binfmt",
        "load_interp", "no_mount_sys", "no_mount_mqueue", "no_mount_cgroup", "no_lo", "RightsOptions", "EnvironmentOptions",
        "ClockOptions",
    ])]
    from_oci: Option<PathBuf>,
    /// Print the plan, a line a step, and run nothing
    #[arg(long)]
    explain: bool,
    /// Say on standard error what was skipped
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    kinds: KindOptions,
    #[command(flatten)]
    ids: IdOptions,
    #[command(flatten)]
    setup: SetupOptions,
    #[command(flatten)]
    mounts: MountOptions,
    #[command(flatten)]
    process: ProcessOptions,
    #[command(flatten)]
    rights: RightsOptions,
    #[command(flatten)]
    environment: EnvironmentOptions,
    #[command(flatten)]
    clocks: ClockOptions,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Files, host name, network")]
struct SetupOptions {
    /// Host name in the new UTS namespace; implies --uts
    #[arg(long, value_name = "NAME", value_hint = ValueHint::Hostname)]
    hostname: Option<OsString>,
    /// NIS domain name in the new UTS namespace; implies --uts
    #[arg(long, value_name = "NAME")]
    domainname: Option<OsString>,
    /// Make DIR the root directory; implies --mount
    ///
    /// The old root is unmounted from the new mount namespace (pivot_root(2), not chroot(2)). The
    /// program starts in the new `/`, and the procfs of --pid and the sysfs of --net are mounted on
    /// DIR/proc and DIR/sys. With `/` the root stays as it is, unless something is mounted on it,
    /// and the program starts there.
    #[arg(short = 'R', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    root: Option<PathBuf>,
    /// Start the program in DIR, as the new root has it
    #[arg(short = 'w', long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    wd: Option<PathBuf>,
    /// Set how mount events pass between the new mount namespace and the caller's
    #[arg(long, value_name = "MODE", default_value = "private")]
    propagation: Propagation,
    /// Mount a procfs on DIR, by default /proc; implies --mount
    ///
    /// With --pid this is the default, for without it `ps` would show the caller's processes.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, default_missing_value = "/proc",
          overrides_with = "no_mount_proc", value_hint = ValueHint::DirPath)]
    mount_proc: Option<PathBuf>,
    /// With --pid, leave /proc as it is
    #[arg(long)]
    no_mount_proc: bool,
    /// Mount a binfmt_misc of the new user namespace on DIR, by default below /proc; implies --user
    /// and --mount
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true, value_hint = ValueHint::DirPath)]
    mount_binfmt: Option<Option<PathBuf>>,
    /// Register an interpreter there, in the form of binfmt_misc; implies --mount-binfmt
    #[arg(short = 'l', long, value_name = "STRING")]
    load_interp: Option<OsString>,
    /// With --net, leave /sys as it is
    ///
    /// By default /sys shows the devices of the new network; where the kernel refuses this it is
    /// skipped, and -v says so.
    #[arg(long)]
    no_mount_sys: bool,
    /// With --ipc, leave /dev/mqueue as it is
    ///
    /// By default /dev/mqueue shows the message queues of the new namespace, unless mounts are
    /// passed on with --propagation. If there is no such directory or the kernel refuses, this is
    /// skipped, and -v says so.
    #[arg(long)]
    no_mount_mqueue: bool,
    /// With --cgroup, leave /sys/fs/cgroup as it is
    ///
    /// By default each hierarchy that is mounted there is mounted again, so that `/` of
    /// /proc/self/cgroup is its top, unless mounts are passed on with --propagation. If the kernel
    /// refuses, this is skipped, and -v says so.
    #[arg(long)]
    no_mount_cgroup: bool,
    /// With --net, leave the loopback device down
    #[arg(long)]
    no_lo: bool,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Processes")]
struct ProcessOptions {
    /// Run the program as a child of nsx
    ///
    /// With --pid this is the default: the child is PID 1 of the new namespace. nsx passes signals
    /// on, stops when the program stops, and ends as it ends. With --time it is the default before
    /// Linux 6.3, where only a child enters a new time namespace.
    #[arg(short, long, overrides_with = "no_fork")]
    fork: bool,
    /// With --pid, become the program oneself: only its children are in the new PID namespace
    #[arg(long)]
    no_fork: bool,
    /// Be PID 1 oneself, and run the program as its child; implies --pid
    ///
    /// For programs that are no init: orphans are reaped, and signals have their usual effect,
    /// those too that a program sends itself. Those the kernel drops of PID 1, so that editors and
    /// pagers, which stop themselves on Ctrl-Z, stop only here.
    #[arg(long, conflicts_with = "no_fork")]
    init: bool,
    /// Write a line of JSON at each stage to descriptor N; implies --fork
    ///
    /// `created` with the program's PID outside and inside and the inode number of each namespace,
    /// `running`, `exited` with status or signal, `failed` with the step, the errno and a message.
    /// The program does not get the descriptor.
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        conflicts_with = "no_fork"
    )]
    status_fd: Option<i32>,
    /// If nsx forks, let the program live on when nsx is killed
    #[arg(long)]
    no_kill_child: bool,
    /// Send the program SIGNAL when nsx ends, by default KILL, which it gets anyway; implies --fork
    #[arg(long, value_name = "SIGNAL", num_args = 0..=1, require_equals = true, default_missing_value = "KILL",
          value_parser = signal, conflicts_with = "no_fork", overrides_with = "no_kill_child")]
    kill_child: Option<Signal>,
    /// Pass TERM and INT on to the program, which nsx does with every signal; implies --fork
    #[arg(long, conflicts_with = "no_fork")]
    forward_signals: bool,
}

/// See `mount_namespaces(7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Propagation {
    /// Neither side sees mounts of the other
    Private,
    /// Both sides see mounts of the other
    Shared,
    /// Mounts outside are seen inside
    Slave,
    /// As each mount point has it
    Unchanged,
}

/// Runs the command.
pub(crate) fn run(options: Options) -> ExitStatus {
    let (explain, verbose) = (options.explain, options.verbose);
    let status = match options
        .process
        .status_fd
        .map(|number| (number, StatusFd::take(number)))
    {
        None => None,
        Some((_, Ok(status))) => Some(status),
        Some((number, Err(errno))) => return RequestError::StatusFd(number, errno).into(),
    };
    let planned = program::caller().and_then(|(caller, proc)| {
        let request = request(options, &caller, &proc)?;
        Ok((plan::unshare::plan(request, &caller)?, caller, proc))
    });
    match planned {
        Err(error) => {
            status.inspect(|status| status.refused(&out::chain(&error)));
            error.into()
        }
        Ok((plan, ..)) if explain => program::explain(&plan, std::iter::empty()),
        Ok((plan, caller, proc)) => {
            let report = Report {
                verbose,
                status: status.as_ref(),
                not_found: None,
            };
            program::carry_out(&plan, &caller, &proc, &report)
        }
    }
}

/// Returns the request that the options describe, with the defaults of `nsx unshare` filled in.
fn request(options: Options, caller: &Caller, proc: &ProcRoot) -> Result<Request, RequestError> {
    if let Some(file) = options.from_oci.clone() {
        return bundle(&file, options, caller);
    }
    let Options {
        kinds,
        ids,
        setup,
        mounts,
        process,
        rights,
        environment,
        clocks,
        program,
        ..
    } = options;
    // Nobody wants to be nobody.
    let map_root = kinds.all && !ids.maps_anything();
    let (mut kinds, pins) = kinds.settle(caller)?;
    let clocks = clocks.offsets();
    let mounts = mounts.mounts();
    let ids = ids.settle(map_root, caller, proc)?;
    let (mount_queues, mount_cgroups) = setup.kernel_views(kinds, &mounts, proc)?;
    let mount_binfmt = setup
        .mount_binfmt
        .or(setup.load_interp.as_ref().map(|_| None));
    if ids.users.is_some() || ids.groups.is_some() || ids.owner.is_some() || mount_binfmt.is_some()
    {
        kinds.insert(NsKind::User);
    }
    if setup.hostname.is_some() || setup.domainname.is_some() {
        kinds.insert(NsKind::Uts);
    }
    if !clocks.is_empty() {
        kinds.insert(NsKind::Time);
    }
    if process.init {
        kinds.insert(NsKind::Pid);
    }
    if setup.root.is_some() || setup.mount_proc.is_some() || !mounts.is_empty() {
        kinds.insert(NsKind::Mnt);
    }
    if kinds.is_empty() {
        return usage(
            "no namespace is named, so there is nothing to unshare; name some, as in `nsx unshare \
            --net --pid`, or all \
             with -a",
        );
    }
    if ids.setgroups.is_some() && !kinds.contains(NsKind::User) {
        return usage("--setgroups is about a new user namespace; add --user");
    }
    if setup
        .mount_proc
        .as_ref()
        .is_some_and(|at| !at.is_absolute())
    {
        return usage("--mount-proc needs an absolute path");
    }

    let fork = process.forks(kinds.contains(NsKind::Pid), kinds, caller)?;
    if !fork && pins.iter().any(|pin| pin.kind == NsKind::Pid) {
        return usage(
            "with --no-fork nobody is in the new PID namespace, and an empty one cannot be kept in \
            a file; leave it out",
        );
    }
    let own_proc = kinds.contains(NsKind::Pid) && fork && !setup.no_mount_proc;
    let mount_proc = setup.mount_proc.or(own_proc.then(|| "/proc".into()));
    let mount_sys = kinds.contains(NsKind::Net) && !setup.no_mount_sys;
    let views = mount_sys || mount_queues || !mount_cgroups.is_empty();
    if mount_proc.is_some() || views || mount_binfmt.is_some() {
        kinds.insert(NsKind::Mnt);
    }
    // The root directory that is there already stays, unless a mount covers it. To name it is to
    // start there.
    let stays = setup
        .root
        .as_ref()
        .is_some_and(|root| root.canonicalize().is_ok_and(|root| root == Path::new("/")));
    let root = setup.root.filter(|_| !stays);
    // A mount may hide the directory that the caller stands in: the program stands in what its path
    // means inside.
    let hides_directory = !mounts.is_empty() && root.is_none();
    let directory = match setup.wd {
        wd if stays => Some(Path::new("/").join(wd.unwrap_or_default())),
        wd if !hides_directory => wd,
        Some(wd) => Some(program::directory()?.join(wd)),
        None => Some(program::directory()?),
    };
    Ok(Request {
        kinds,
        users: ids.users,
        groups: ids.groups,
        owner: ids.owner,
        setgroups: ids.setgroups,
        clocks,
        pins,
        propagation: match setup.propagation {
            Propagation::Private => plan::Propagation::Private,
            Propagation::Shared => plan::Propagation::Shared,
            Propagation::Slave => plan::Propagation::Slave,
            Propagation::Unchanged => plan::Propagation::Unchanged,
        },
        fork,
        init: process.init,
        kill_child: process.kill_child(),
        loopback: kinds.contains(NsKind::Net) && !setup.no_lo,
        mounts,
        mount_sys,
        mount_queues,
        mount_cgroups,
        mount_proc,
        mount_binfmt: mount_binfmt.map(|at| at.unwrap_or_else(|| BINFMT.into())),
        interpreter: setup
            .load_interp
            .map(|text| program::c_string(text, "the interpreter"))
            .transpose()?,
        hostname: setup
            .hostname
            .map(|name| program::c_string(name, "the host name"))
            .transpose()?,
        domain_name: setup
            .domainname
            .map(|name| program::c_string(name, "the domain name"))
            .transpose()?,
        root,
        directory,
        uid: ids.uid,
        gid: ids.gid,
        groups_denied: GroupsDenied::Fail,
        confinement: rights.confinement(),
        environment: environment.settle(std::env::vars_os())?,
        programs: program::programs(program)?,
        ..Request::default()
    })
}

/// Returns the request that an OCI bundle and the options beside it describe.
fn bundle(file: &Path, options: Options, caller: &Caller) -> Result<Request, RequestError> {
    let Options {
        setup,
        mounts,
        process,
        program,
        ..
    } = options;
    let Bundle {
        mut request,
        last_mounts,
        left_out,
    } = oci::read(file, program, caller)?;
    if !left_out.is_empty() {
        out::note(&escape(
            format!("not carried out: {}", left_out.join(", ")).as_bytes(),
        ));
    }
    let joins = |kind| {
        request
            .joins
            .iter()
            .any(|file: &NamespaceFile| file.kind() == kind)
    };
    let mounts = mounts.mounts();
    if joins(NsKind::Mnt) && !mounts.is_empty() {
        return usage(
            "the bundle joins a mount namespace, and mounts made there would be seen by its \
            processes",
        );
    }
    if joins(NsKind::Uts) && setup.hostname.is_some() {
        return usage(
            "the bundle joins a UTS namespace, and --hostname would change the host name of its \
            processes",
        );
    }
    if let Some(name) = setup.hostname {
        request.kinds.insert(NsKind::Uts);
        request.hostname = Some(program::c_string(name, "the host name")?);
    }
    if !mounts.is_empty() {
        request.kinds.insert(NsKind::Mnt);
    }
    request.mounts.extend(mounts);
    request.mounts.extend(last_mounts);
    let new_pid = request.kinds.contains(NsKind::Pid);
    if process.init && !new_pid {
        return usage("--init needs a new PID namespace, and the bundle has none");
    }
    let joins_pid = request.joins.iter().any(|file| file.kind() == NsKind::Pid);
    request.fork = process.forks(new_pid || joins_pid, request.kinds, caller)?;
    request.init = process.init;
    request.kill_child = process.kill_child();
    Ok(request)
}

impl SetupOptions {
    /// Decides whether the message queues of a new IPC namespace are mounted, and which hierarchies
    /// for a new cgroup namespace. Leaves out mounts that would be seen outside, and those on mount
    /// points where the caller mounts something else.
    fn kernel_views(
        &self,
        kinds: NsSet,
        mounts: &[Mount],
        proc: &ProcRoot,
    ) -> Result<(bool, Vec<Hierarchy>), RequestError> {
        let private = matches!(self.propagation, Propagation::Private | Propagation::Slave);
        let is_free =
            |place: &str| private && mounts.iter().all(|mount| mount.at != Path::new(place));
        let queues = kinds.contains(NsKind::Ipc) && !self.no_mount_mqueue && is_free("/dev/mqueue");
        let cgroups =
            kinds.contains(NsKind::Cgroup) && !self.no_mount_cgroup && is_free(cgroup::STANDARD);
        let hierarchies = match cgroups {
            true => cgroup::Mounts::read(proc)
                .map_err(|error| RequestError::Proc(Box::new(error)))?
                .hierarchies(),
            false => Vec::new(),
        };
        Ok((queues, hierarchies))
    }
}

impl ProcessOptions {
    /// Returns whether nsx stays and a child becomes the program, as is necessary for a PID
    /// namespace and, on older kernels, for a new time namespace.
    fn forks(&self, enters_pid: bool, new: NsSet, caller: &Caller) -> Result<bool, RequestError> {
        let enters_time = new.contains(NsKind::Time) && !caller.exec_enters_time;
        if enters_time && self.no_fork {
            return usage(
                "with --no-fork the program is not in the new time namespace: before Linux 6.3 \
                only a child enters it",
            );
        }
        let asked = self.fork
            || self.status_fd.is_some()
            || self.kill_child.is_some()
            || self.forward_signals;
        Ok(asked || ((enters_pid || enters_time) && !self.no_fork))
    }

    /// Returns the signal that the program gets when nsx ends.
    fn kill_child(&self) -> Option<Signal> {
        self.kill_child
            .or((!self.no_kill_child).then_some(libc::SIGKILL))
    }
}

/// The mount point of binfmt_misc if no other one is named.
const BINFMT: &str = "/proc/sys/fs/binfmt_misc";

fn signal(name: &str) -> Result<Signal, String> {
    nsx_core::signals::by_name(name)
        .ok_or_else(|| "there is no such signal; `kill -l` lists them".to_owned())
}

fn usage<T>(text: &str) -> Result<T, RequestError> {
    Err(RequestError::Usage(text.to_owned()))
}
