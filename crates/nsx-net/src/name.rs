//! Names of network interfaces.

use std::{fmt, str::FromStr};
use thiserror::Error;

/// A name that the kernel takes for a network interface: 1 to 15 bytes without a slash, a colon or
/// white space, and neither `.` nor `..`. A per cent sign is excluded too, because the kernel
/// replaces `%d` by a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName(String);

/// An error that says why a text cannot name a network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum InterfaceNameError {
    /// The text has no byte.
    #[error("the name is empty")]
    Empty,
    /// The text has more bytes than IFNAMSIZ allows.
    #[error("the name is longer than 15 bytes")]
    Long,
    /// The text is `.` or `..`, names of directories in sysfs.
    #[error("the name is that of a directory")]
    Directory,
    /// A character that is not allowed.
    #[error("the name has the character {0:?}")]
    Character(char),
}

impl InterfaceName {
    /// The longest name in bytes: IFNAMSIZ without the zero at the end.
    pub const LONGEST: usize = 15;

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InterfaceName {
    type Err = InterfaceNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = |c: char| c == '/' || c == ':' || c == '%' || c.is_whitespace() || c.is_control();
        match text {
            "" => Err(InterfaceNameError::Empty),
            "." | ".." => Err(InterfaceNameError::Directory),
            _ if text.len() > Self::LONGEST => Err(InterfaceNameError::Long),
            _ => match text.chars().find(|&c| bad(c)) {
                Some(c) => Err(InterfaceNameError::Character(c)),
                None => Ok(Self(text.to_owned())),
            },
        }
    }
}

impl fmt::Display for InterfaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_kernel_takes() {
        for good in ["eth0", "a", "br-0123456789ab", "veth.1", "...", "été"] {
            assert!(good.parse::<InterfaceName>().is_ok(), "{good}");
        }
        let parse = |text: &str| text.parse::<InterfaceName>().unwrap_err();
        assert_eq!(parse(""), InterfaceNameError::Empty);
        assert_eq!(parse("0123456789abcdef"), InterfaceNameError::Long);
        assert_eq!(parse(".."), InterfaceNameError::Directory);
        for bad in ["a/b", "a:1", "a b", "a%d", "a\tb", "a\u{1b}b"] {
            assert!(
                matches!(parse(bad), InterfaceNameError::Character(_)),
                "{bad:?}"
            );
        }
    }
}
