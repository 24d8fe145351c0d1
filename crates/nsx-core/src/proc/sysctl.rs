//! `/proc/sys`: settings of the kernel, and of the namespaces that the reader is in.

use super::{ProcError, ProcRoot, decimal};
use rustix::fs::{Mode, OFlags};

/// No setting that nsx reads is longer.
const LONGEST: usize = 256;

impl ProcRoot {
    /// Returns the text of a setting by the name that `sysctl(8)` uses, such as `kernel.pid_max`,
    /// without spaces around it. Settings of namespaces are those of the reader's.
    ///
    /// # Errors
    /// [`ProcError`]; `Vanished` if the kernel does not have the setting.
    pub fn sysctl(&self, name: &str) -> Result<Vec<u8>, ProcError> {
        let path = format!("sys/{}", name.replace('.', "/"));
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(self, path, flags, Mode::empty())?;
        let mut text = [0; LONGEST];
        let length = rustix::io::read(file, &mut text)?;
        Ok(text[..length].trim_ascii().to_vec())
    }

    /// Returns a setting that is a number.
    ///
    /// # Errors
    /// As [`ProcRoot::sysctl`]; `Malformed` if it is not a number.
    pub fn sysctl_number(&self, name: &str) -> Result<u64, ProcError> {
        decimal(&self.sysctl(name)?).ok_or(ProcError::Malformed("a setting in /proc/sys"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_reads_as_its_file_does() {
        let proc = ProcRoot::system().unwrap();
        let text = std::fs::read_to_string("/proc/sys/kernel/pid_max").unwrap();
        assert_eq!(
            proc.sysctl_number("kernel.pid_max").unwrap().to_string(),
            text.trim()
        );
        assert_eq!(proc.sysctl("kernel.none"), Err(ProcError::Vanished));
        let malformed = Err(ProcError::Malformed("a setting in /proc/sys"));
        assert_eq!(proc.sysctl_number("kernel.ostype"), malformed);
    }
}
