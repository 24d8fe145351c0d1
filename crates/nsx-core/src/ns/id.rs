//! The name that the kernel gives a namespace: its kind and its inode in nsfs, printed
//! `net:[4026531833]`.

use super::NsKind;
use std::{fmt, str::FromStr};

/// The identity of a namespace: its kind and its inode number in nsfs, see `namespaces(7)`.
///
/// Two processes are in the same namespace exactly if these are equal while both live. The kernel
/// hands an inode number out again once its namespace is gone, so an id that was written down may
/// come to mean another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NsId {
    /// The kind.
    pub kind: NsKind,
    /// The inode number in nsfs. The kernel gives at most 32 bits and never the same to two
    /// namespaces at once.
    pub inode: u64,
}

/// A text that is not `kind:[inode]`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a namespace's name, which looks like net:[4026531833]")]
pub struct ParseNsIdError;

impl NsId {
    /// Returns the initial namespace of a kind: the one that the host booted with (3.8). Initial
    /// net and mnt namespaces have a fixed inode number only since 6.17.
    pub const fn initial(kind: NsKind) -> Self {
        let inode = match kind {
            NsKind::Mnt => 0xefff_fff8,
            NsKind::Net => 0xefff_fff9,
            NsKind::Time => 0xefff_fffa,
            NsKind::Cgroup => 0xefff_fffb,
            NsKind::Pid => 0xefff_fffc,
            NsKind::User => 0xefff_fffd,
            NsKind::Uts => 0xefff_fffe,
            NsKind::Ipc => 0xefff_ffff,
        };
        Self { kind, inode }
    }

    /// Returns whether this is the initial namespace of its kind, see [`NsId::initial`].
    pub fn is_initial(self) -> bool {
        self == Self::initial(self.kind)
    }

    /// Reads `kind:[inode]`, the target of a link in `/proc/PID/ns`.
    ///
    /// # Errors
    /// [`ParseNsIdError`] if the text is anything else: another kind, no digits, more than 64
    /// bits, more text.
    pub fn parse(text: &[u8]) -> Result<Self, ParseNsIdError> {
        let colon = text
            .iter()
            .position(|&byte| byte == b':')
            .ok_or(ParseNsIdError)?;
        let kind = NsKind::from_name(&text[..colon]).ok_or(ParseNsIdError)?;
        let digits = text[colon + 1..]
            .strip_prefix(b"[")
            .and_then(|rest| rest.strip_suffix(b"]"))
            .ok_or(ParseNsIdError)?;
        let inode = crate::proc::decimal(digits).ok_or(ParseNsIdError)?;
        Ok(Self { kind, inode })
    }
}

impl fmt::Display for NsId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[{}]", self.kind, self.inode)
    }
}

impl FromStr for NsId {
    type Err = ParseNsIdError;

    fn from_str(text: &str) -> Result<Self, ParseNsIdError> {
        Self::parse(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_the_kernels_form_is_read() {
        assert_eq!(
            NsId::parse(b"net:[4026531833]"),
            Ok(NsId {
                kind: NsKind::Net,
                inode: 4_026_531_833
            })
        );
        for text in [
            "net:4026531833",
            "net:[]",
            "net:[1",
            "net:[1]x",
            "net:[+1]",
            "foo:[1]",
            ":[1]",
            "",
            "net:[1 ]",
        ] {
            assert_eq!(text.parse::<NsId>(), Err(ParseNsIdError), "{text}");
        }
        assert_eq!(
            NsId::parse(b"net:[99999999999999999999]"),
            Err(ParseNsIdError)
        );
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(kind in 0..8_usize, inode: u64) {
            let id = NsId { kind: NsKind::ALL[kind], inode };
            prop_assert_eq!(NsId::parse(id.to_string().as_bytes()), Ok(id));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = NsId::parse(&bytes);
        }
    }
}
