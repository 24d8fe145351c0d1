#![doc = include_str!("../README.md")]
//!
//! Sound because the C library's state is held by one [`Options`] at a time, in one thread, and
//! because every pointer that it keeps or gives back points into what that [`Options`] borrows.

#![allow(unsafe_code)]

use std::{
    ffi::{CStr, c_char, c_int},
    marker::PhantomData,
    ptr::{null, null_mut},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The rule on whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Value {
    /// The option takes none.
    None,
    /// The option needs one.
    Required,
    /// The option takes one that is attached to it.
    Optional,
}

/// A long option: its name, whether it takes a value, and the number that stands for it.
#[derive(Clone, Copy, Debug)]
pub struct LongOption(pub &'static CStr, pub Value, pub c_int);

/// The `struct option` of the C library.
#[repr(C)]
struct RawOption {
    name: *const c_char,
    has_arg: Value,
    flag: *mut c_int,
    val: c_int,
}

unsafe extern "C" {
    static mut optarg: *const c_char;
    static mut optind: c_int;
    fn getopt_long(
        count: c_int,
        words: *const *mut c_char,
        short: *const c_char,
        long: *const RawOption,
        index: *mut c_int,
    ) -> c_int;
}

/// The lock of the C library's state, which all command lines share.
static STATE: Mutex<()> = Mutex::new(());

/// An option that the C library has complained about on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misuse;

/// The options of a command line, one after the other: the number that stands for each, and its
/// value.
pub struct Options<'a> {
    words: Vec<*mut c_char>,
    short: &'a CStr,
    long: Vec<RawOption>,
    _words: PhantomData<&'a CStr>,
    _state: MutexGuard<'static, ()>,
}

impl<'a> Options<'a> {
    /// Reads `words`, of which the first names the program in messages. Waits while another
    /// command line is read.
    pub fn new(words: &[&'a CStr], short: &'a CStr, long: &[LongOption]) -> Self {
        let state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the state is ours. Zero lets the C library forget what it read before.
        unsafe { optind = 0 };
        let end = RawOption {
            name: null(),
            has_arg: Value::None,
            flag: null_mut(),
            val: 0,
        };
        let raw = |&LongOption(name, has_arg, val): &_| RawOption {
            name: CStr::as_ptr(name),
            has_arg,
            flag: null_mut(),
            val,
        };
        Self {
            // The array ends with a null pointer, as that of `main` does. The words themselves are
            // only read.
            words: words
                .iter()
                .map(|word| word.as_ptr().cast_mut())
                .chain([null_mut()])
                .collect(),
            short,
            long: long.iter().map(raw).chain([end]).collect(),
            _words: PhantomData,
            _state: state,
        }
    }

    /// Returns the words that are left when there are no more options.
    pub fn operands(self) -> Vec<&'a CStr> {
        // SAFETY: the state is ours.
        let first = usize::try_from(unsafe { optind }).unwrap_or(0);
        let (_null, words) = self.words.split_last().unwrap_or((&null_mut(), &[]));
        // SAFETY: each points to one of the words that were borrowed, in whatever order.
        words
            .iter()
            .skip(first)
            .map(|word| unsafe { CStr::from_ptr(*word) })
            .collect()
    }
}

impl<'a> Iterator for Options<'a> {
    type Item = Result<(c_int, Option<&'a CStr>), Misuse>;

    fn next(&mut self) -> Option<Self::Item> {
        let count = c_int::try_from(self.words.len()).unwrap_or(c_int::MAX) - 1;
        // SAFETY: both arrays end as the C library requires, and live until the call returns; `words`
        // it may reorder.
        let found = unsafe {
            getopt_long(
                count,
                self.words.as_ptr(),
                self.short.as_ptr(),
                self.long.as_ptr(),
                null_mut(),
            )
        };
        // SAFETY: the state is ours.
        let value = unsafe { optarg };
        // SAFETY: if it is not null, it points into one of the words that were borrowed.
        let value = (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) });
        match found {
            -1 => None,
            found if found == c_int::from(b'?') => Some(Err(Misuse)),
            found => Some(Ok((found, value))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &[LongOption] = &[
        LongOption(c"fork", Value::None, b'f' as c_int),
        LongOption(c"root", Value::Required, b'R' as c_int),
        LongOption(c"net", Value::Optional, 256),
    ];

    type Read<'a> = (Vec<(c_int, Option<&'a CStr>)>, Vec<&'a CStr>);

    fn read<'a>(short: &'static CStr, words: &[&'a CStr]) -> Result<Read<'a>, Misuse> {
        let mut options = Options::new(words, short, LONG);
        let found = options.by_ref().collect::<Result<_, _>>()?;
        Ok((found, options.operands()))
    }

    #[test]
    fn options_end_at_the_first_operand_if_the_caller_says_so() {
        let words = [c"x", c"-fR", c"/", c"--net", c"a", c"--net=b", c"-f"];
        let (options, operands) = read(c"+fR:", &words).unwrap();
        assert_eq!(
            options,
            [(b'f'.into(), None), (b'R'.into(), Some(c"/")), (256, None)]
        );
        assert_eq!(operands, [c"a", c"--net=b", c"-f"]);
        let (options, operands) = read(c"fR:", &words).unwrap();
        assert_eq!(
            options[2..],
            [(256, None), (256, Some(c"b")), (b'f'.into(), None)]
        );
        assert_eq!(operands, [c"a"]);
    }

    #[test]
    fn prefixes_count_and_misuse_is_an_error() {
        assert_eq!(
            read(c"+", &[c"x", c"--ro=a", c"--", c"-f"]).unwrap().1,
            [c"-f"]
        );
        for wrong in [
            [c"x", c"--bogus"],
            [c"x", c"-z"],
            [c"x", c"--root"],
            [c"x", c"--fork=1"],
        ] {
            assert_eq!(read(c"+fR:", &wrong), Err(Misuse));
        }
        assert_eq!(read(c"+", &[]).unwrap(), (vec![], vec![]));
    }
}
