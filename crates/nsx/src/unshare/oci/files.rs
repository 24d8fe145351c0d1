//! The root directory, and what is mounted below it, hidden or protected.

use super::{Bundle, Config, OciError, mounts};
use crate::text::escape;
use nsx_core::{
    ns::NsKind,
    plan::{Change, Contents, Mount, Propagation},
};
use nsx_target::oci::{Root, Text};
use rustix::mount::MountFlags;
use std::{os::unix::ffi::OsStrExt, path::Path};

impl Bundle {
    pub(super) fn set_files(&mut self, config: &Config, directory: &Path) -> Result<(), OciError> {
        if self.joins(NsKind::Mnt) {
            self.leave_files_out(config);
            return Ok(());
        }
        let linux = &config.linux;
        self.request.makes_mount_points = true;
        if let Some(root) = &config.root {
            mounts::require(&root.path, || "root.path".to_owned())?;
            self.request.root = Some(directory.join(&*root.path));
            self.request.mounts.extend(mounts::devices(&config.mounts));
        }
        for (index, mount) in config.mounts.iter().enumerate() {
            self.add_mount(index, mount, directory)?;
        }
        if let Some(root) = &config.root {
            self.finish_root(root);
        }
        self.add_last(&linux.readonly_paths, Contents::ReadOnly);
        self.add_last(&linux.masked_paths, Contents::Masked);
        if self.mounts_something() && !self.request.kinds.contains(NsKind::Mnt) {
            return Err(OciError::NeedsNamespace("root", NsKind::Mnt));
        }
        self.set_propagation(&linux.rootfs_propagation)
    }

    /// Leaves out all that would be mounted in a mount namespace that others use. As with a
    /// runtime, its mounts stay as they are.
    fn leave_files_out(&mut self, config: &Config) {
        let linux = &config.linux;
        let properties = [
            ("root", config.root.is_some()),
            ("mounts", !config.mounts.is_empty()),
            ("linux.maskedPaths", !linux.masked_paths.is_empty()),
            ("linux.readonlyPaths", !linux.readonly_paths.is_empty()),
        ];
        let present = properties.into_iter().filter(|(_, present)| *present);
        self.left_out
            .extend(present.map(|(property, _)| property.to_owned()));
    }

    /// Creates the working directory, and makes the root read-only after all other mounts.
    fn finish_root(&mut self, root: &Root) {
        let request = &mut self.request;
        if let Some(working) = &request.directory
            && working != Path::new("/")
        {
            request.mounts.push(Mount {
                at: working.clone(),
                contents: Contents::Directory,
            });
        }
        if root.readonly {
            self.last_mounts.push(Mount {
                at: "/".into(),
                contents: Contents::Changed(Change::Flags(MountFlags::RDONLY)),
            });
        }
    }

    fn add_last(&mut self, paths: &[Text], contents: Contents) {
        self.last_mounts.extend(paths.iter().map(|path| Mount {
            at: Path::new(&**path).to_owned(),
            contents: contents.clone(),
        }));
    }

    fn mounts_something(&self) -> bool {
        let request = &self.request;
        request.root.is_some() || !request.mounts.is_empty() || !self.last_mounts.is_empty()
    }

    /// Sets the propagation of all the host's mounts in the new namespace, which the mounts of the
    /// program inherit. A mount must be private to become the root.
    fn set_propagation(&mut self, word: &Text) -> Result<(), OciError> {
        self.request.propagation = match word.as_bytes() {
            b"" | b"slave" | b"rslave" | b"shared" | b"rshared" => Propagation::Slave,
            b"private" | b"rprivate" => Propagation::Private,
            _ => return Err(OciError::Propagation(escape(word.as_bytes()))),
        };
        self.request.binds_stay_shared = word.as_bytes().ends_with(b"shared");
        Ok(())
    }
}
