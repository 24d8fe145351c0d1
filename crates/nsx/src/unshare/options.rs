//! The command line of `nsx unshare`, as typed.

use super::{
    clocks::ClockOptions,
    ids::IdOptions,
    join::JoinOptions,
    kinds::KindOptions,
    limit::LimitOptions,
    mounts::MountOptions,
    network::NetworkOptions,
    process::ProcessOptions,
    rights::{EnvironmentOptions, RightsOptions},
    setup::SetupOptions,
};
use crate::lab::Name;
use clap::{Parser, builder::ValueHint};
use std::{ffi::OsString, path::PathBuf};

/// Run a program in new namespaces
///
/// Without a program the user's shell is run. nsx ends as the program ends: with its exit status,
/// or by the signal that killed it.
#[derive(Debug, Parser)]
#[command(
    name = "nsx unshare",
    version,
    about = "Run a program in new namespaces",
    override_usage = "nsx unshare [OPTIONS] [--] [PROGRAM [ARG]...]",
    after_help = "\
Examples:
  nsx unshare -r --pid            a shell as root, alone in a PID namespace
  nsx unshare -r --net ss -ltn    a program in a network of its own
  nsx unshare -r --overlay .:$PWD make install
                                  a trial run: what it changes below . is lost
                                  at the end
  nsx unshare -r --root debian --dev --pid --overlay debian:/
                                  a shell in a root file system that stays as it
                                  is
  nsx unshare -r --ro-root --tmpfs /tmp --bind . make
                                  a build that can write below . and in a /tmp
                                  of its own
  nsx unshare -a --explain        what would be done, step by step"
)]
pub struct Options {
    // Before the groups: an option after a group would be listed under its heading.
    /// The program and its arguments
    #[arg(trailing_var_arg = true, value_name = "PROGRAM", value_hint = ValueHint::CommandWithArguments)]
    pub(super) program: Vec<OsString>,
    /// Run the OCI runtime bundle that this config.json describes
    ///
    /// FILE may be the directory of the bundle, or `-` for standard input and a bundle in the
    /// current directory. Its namespaces are created, or joined if the file has a path for them;
    /// the rest is as runc would do it, see OCI BUNDLES. PROGRAM goes before the file's own.
    /// --hostname and the options that mount something add to the file.
    #[arg(long, value_name = "FILE|DIR|-", value_hint = ValueHint::FilePath, conflicts_with_all = [
        "KindOptions", "KindFlags", "JoinOptions", "IdOptions", "domainname", "root", "wd", "propagation", "mount_proc", "no_mount_proc", "mount_binfmt",
        "load_interp", "no_mount_sys", "no_mount_mqueue", "no_mount_cgroup", "NetworkOptions", "RightsOptions", "EnvironmentOptions",
        "ClockOptions",
    ])]
    pub(super) from_oci: Option<PathBuf>,
    /// Keep the namespaces under NAME when the program has ended
    ///
    /// Without a program nsx returns when the set is there. `nsx enter lab:NAME` runs a program in
    /// it, `nsx rm lab:NAME` ends it. A process stays that keeps the set, PID 1 of a new PID
    /// namespace; its record is in /run/nsx, or in $XDG_RUNTIME_DIR/nsx if you are not root. Root's
    /// sets have their network in /run/netns as well, for `ip netns`.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["from_oci", "init", "status_fd", "kill_child", "no_fork"])]
    pub(super) name: Option<Name>,
    /// Make namespaces like those of TARGET: the walls, not what is inside
    ///
    /// New are the kinds in which TARGET differs from you, with its id mappings, the offsets of its
    /// clocks, its host name, and links to the bridges and parents that its links lead to, with new
    /// addresses. nsx says what cannot be had. Other options add to that or take precedence; TARGET
    /// is as for `nsx enter`.
    #[arg(long, value_name = "TARGET", value_hint = ValueHint::Other, conflicts_with = "from_oci")]
    pub(super) like: Option<OsString>,
    /// Print the paths that the program added, changed and deleted in its overlays, once it has ended
    ///
    /// One line per path, on standard output. Of a directory that is new, all that is in it is
    /// listed too. It requires an --overlay: nsx cannot tell what changes elsewhere.
    #[arg(long, conflicts_with_all = ["name", "no_fork", "from_oci"])]
    pub(super) changes: bool,
    /// Print the plan, one line per step, and run nothing
    #[arg(long)]
    pub(super) explain: bool,
    /// Report on standard error which steps were skipped
    #[arg(short, long)]
    pub(super) verbose: bool,
    #[command(flatten)]
    pub(super) kinds: KindOptions,
    #[command(flatten)]
    pub(super) joins: JoinOptions,
    #[command(flatten)]
    pub(super) ids: IdOptions,
    #[command(flatten)]
    pub(super) setup: SetupOptions,
    #[command(flatten)]
    pub(super) network: NetworkOptions,
    #[command(flatten)]
    pub(super) mounts: MountOptions,
    #[command(flatten)]
    pub(super) process: ProcessOptions,
    #[command(flatten)]
    pub(super) limits: LimitOptions,
    #[command(flatten)]
    pub(super) rights: RightsOptions,
    #[command(flatten)]
    pub(super) environment: EnvironmentOptions,
    #[command(flatten)]
    pub(super) clocks: ClockOptions,
}
