//! A file that replaces another in one step. If this process is killed before that step, no trace of
//! the file stays.

use crate::sys::{
    process::{Forked, SingleThread, collect, exit_now, fork},
    signal::Mask,
};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, CWD},
    io::Errno,
    pipe::PipeFlags,
    process::Pid,
};
use std::{
    ffi::OsString,
    fs::File,
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

/// A new file beside the one that it will replace. Dropped, it is removed.
#[derive(Debug)]
pub struct Replacement {
    file: File,
    beside: PathBuf,
    of: PathBuf,
    renamed: bool,
    guard: Option<Guard>,
}

impl Replacement {
    /// Creates the file that will replace `path`.
    ///
    /// If this process has one thread, a child of it guards the file. If it has several, a kill
    /// leaves the new file behind.
    ///
    /// # Errors
    /// The error of `openat(2)`.
    pub fn create(path: &Path, mode: u32) -> io::Result<Self> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        let mut beside = OsString::from(path);
        // No other file has this name, so the guard may remove it before it is known whether it was
        // made.
        beside.push(format!(".{}-{now}", std::process::id()));
        let beside = PathBuf::from(beside);
        let guard = Guard::start(&beside).ok();
        let opened = File::options()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&beside);
        match opened {
            Ok(file) => Ok(Self {
                file,
                beside,
                of: path.to_owned(),
                renamed: false,
                guard,
            }),
            Err(error) => {
                if let Some(guard) = guard {
                    guard.release();
                }
                Err(error)
            }
        }
    }

    /// Returns the file, open for writing.
    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Renames the file to its path.
    ///
    /// # Errors
    /// The error of `rename(2)`; the file is then removed.
    pub fn put_in_place(mut self) -> io::Result<()> {
        std::fs::rename(&self.beside, &self.of)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.renamed {
            let _ = std::fs::remove_file(&self.beside);
        }
        if let Some(guard) = self.guard.take() {
            guard.release();
        }
    }
}

/// A process that removes a file when this one is gone, or lets go of it: once it has replaced the
/// other file, it no longer has that name.
#[derive(Debug)]
struct Guard {
    process: Pid,
    /// The end of this pipe that tells the guard, by its end of file, to remove the file.
    sign: OwnedFd,
}

impl Guard {
    fn start(path: &Path) -> Result<Self, Errno> {
        let (ours, sign) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
        match fork(SingleThread::check()?)? {
            Forked::Parent(process) => Ok(Self { process, sign }),
            Forked::Child => {
                drop(sign);
                // What the terminal sends to nsx, it sends here too.
                let _ = Mask::block_all();
                loop {
                    match rustix::io::read(&ours, &mut [0_u8]) {
                        Err(Errno::INTR) => {}
                        Ok(0) => {
                            let _ = rustix::fs::unlinkat(CWD, path, AtFlags::empty());
                            break;
                        }
                        _ => break,
                    }
                }
                exit_now(0)
            }
        }
    }

    fn release(self) {
        drop(self.sign);
        let _ = collect(self.process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_replaced_whole_or_stays() {
        let directory =
            std::env::temp_dir().join(format!("nsx-replacement.{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("file");
        std::fs::write(&path, "old").unwrap();
        let mut dropped = Replacement::create(&path, 0o600).unwrap();
        dropped.file().write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        let mut kept = Replacement::create(&path, 0o600).unwrap();
        kept.file().write_all(b"new").unwrap();
        kept.put_in_place().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1);
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
