//! Numbers as the C library's `strtol` takes them: spaces before them, a sign, and nothing after
//! them.

use super::Complaint;
use nsx_core::{accounts, pid::Pid};
use rustix::io::Errno;
use std::{ffi::CStr, io};

/// The reason why a text is not a number of the requested type.
enum Wrong {
    /// The text is not a number.
    NoNumber,
    /// The number is out of range for the type.
    Range,
}

/// Reads a number.
fn number<N: TryFrom<i128>>(text: &[u8]) -> Result<N, Wrong> {
    let spaces = text
        .iter()
        .take_while(|byte| byte.is_ascii_whitespace() || **byte == b'\x0b')
        .count();
    let text = std::str::from_utf8(&text[spaces..]).map_err(|_| Wrong::NoNumber)?;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Wrong::NoNumber);
    }
    text.parse::<i128>()
        .ok()
        .and_then(|number| N::try_from(number).ok())
        .ok_or(Wrong::Range)
}

/// Reads a number. `what` names the number in a complaint.
pub(super) fn read<N: TryFrom<i128>>(text: &CStr, what: &str) -> Result<N, Complaint> {
    worded(text, &[b"failed to parse ", what.as_bytes()].concat())
}

/// Reads a number. A complaint has these words, and then the text.
pub(super) fn worded<N: TryFrom<i128>>(text: &CStr, words: &[u8]) -> Result<N, Complaint> {
    let text = text.to_bytes();
    number(text).map_err(|wrong| {
        let parts = [words, b": '", text, b"'"];
        match wrong {
            Wrong::NoNumber => Complaint::new(parts),
            Wrong::Range => Complaint::because(parts, Errno::RANGE),
        }
    })
}

/// Reads a user by name or number, except `u32::MAX`, which means "no user" to system calls.
pub(super) fn user(text: &CStr) -> Result<u32, Complaint> {
    id(text, "uid", |name| {
        Ok(accounts::user_by_name(name)?.map(|user| user.uid))
    })
}

/// Reads a group by name or number, except `u32::MAX`.
pub(super) fn group(text: &CStr) -> Result<u32, Complaint> {
    id(text, "gid", accounts::group_by_name)
}

fn id(
    text: &CStr,
    what: &str,
    by_name: fn(&[u8]) -> io::Result<Option<u32>>,
) -> Result<u32, Complaint> {
    let name = text.to_bytes();
    let found = match number(name) {
        Ok(u32::MAX) | Err(Wrong::Range) => Err(Errno::RANGE),
        Ok(id) => Ok(id),
        Err(Wrong::NoNumber) => by_name(name).ok().flatten().ok_or(Errno::INVAL),
    };
    found.map_err(|errno| {
        Complaint::because(
            [b"failed to parse ", what.as_bytes(), b" '", name, b"'"],
            errno,
        )
    })
}

/// Reads a process id and, after a colon, the inode number of its pidfd.
pub(super) fn process(text: &CStr) -> Result<(Pid, Option<u64>), Complaint> {
    let text = text.to_bytes();
    let read = || {
        let mut parts = text.splitn(2, |byte| *byte == b':');
        let pid = number::<i32>(parts.next().unwrap_or_default())?;
        let pid = Pid::from_raw(pid.max(0)).ok_or(Wrong::Range)?;
        Ok((pid, parts.next().map(number).transpose()?))
    };
    read().map_err(|wrong| {
        let errno = match wrong {
            Wrong::NoNumber => Errno::INVAL,
            Wrong::Range => Errno::RANGE,
        };
        Complaint::because([b"failed to parse PID argument '", text, b"'"], errno)
    })
}

/// Reads a descriptor of another process.
pub(super) fn descriptor(text: &CStr) -> Result<i32, Complaint> {
    let what = "file descriptor";
    match read::<i32>(text, what)? {
        fd @ 0.. => Ok(fd),
        // A negative number is out of range, too.
        _ => read::<u32>(text, what).map(|_| -1),
    }
}

/// Refuses the id `u32::MAX`, in the words of the system call that would fail.
pub(super) fn check_ids(uid: Option<u32>, gid: Option<u32>) -> Result<(), Complaint> {
    let failed = |call: &str| {
        Err(Complaint::because(
            [call.as_bytes(), b" failed"],
            Errno::INVAL,
        ))
    };
    match (uid, gid) {
        (_, Some(u32::MAX)) => failed("setgid()"),
        (Some(u32::MAX), _) => failed("setuid()"),
        _ => Ok(()),
    }
}

/// Reads the 64-bit id of a namespace.
pub(super) fn namespace(text: &[u8]) -> Result<u64, Complaint> {
    number(text).map_err(|_| Complaint::new([b"failed to parse nsid: ", text]))
}

/// Reads the two ids of `uid:gid`.
pub(super) fn owner(text: &CStr) -> Result<(u32, u32), Complaint> {
    let mut ids = text
        .to_bytes()
        .splitn(2, |byte| *byte == b':')
        .map(|id| number(id).ok());
    let mut next = || ids.next().flatten().filter(|id| *id != u32::MAX);
    next()
        .zip(next())
        .ok_or_else(|| Complaint::new([b"failed to parse owner"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        for (text, expected) in [
            (&b"0"[..], 0),
            (b" \t\x0b7", 7),
            (b"+5", 5),
            (b"4294967295", u32::MAX),
            (b"007", 7),
        ] {
            assert_eq!(number::<u32>(text).ok(), Some(expected));
        }
        for text in [
            &b""[..],
            b"-",
            b"+ 1",
            b"1 ",
            b"0x1",
            b"abc",
            b"1a",
            b"--1",
            b"\xff",
        ] {
            assert!(
                matches!(number::<i64>(text), Err(Wrong::NoNumber)),
                "{text:?}"
            );
        }
        for text in [
            &b"-1"[..],
            b"4294967296",
            b"99999999999999999999999999999999999999999999999",
        ] {
            assert!(matches!(number::<u32>(text), Err(Wrong::Range)), "{text:?}");
        }
        assert_eq!(number::<i64>(b"-9223372036854775808").ok(), Some(i64::MIN));
    }

    #[test]
    fn an_owner_is_two_ids() {
        assert_eq!(owner(c"0:1000").ok(), Some((0, 1000)));
        for text in [
            c"",
            c"0",
            c":",
            c"0:",
            c":0",
            c"a:b",
            c"0:4294967295",
            c"1:2:3",
        ] {
            assert!(owner(text).is_err(), "{text:?}");
        }
    }
}
