//! A range of ids as it is requested.

use super::RawExtent;
use crate::proc::decimal;

/// A range as it is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeRequest {
    /// These ids.
    Range(RawExtent),
    /// The ranges that the caller was given in /etc/subuid or /etc/subgid, one after the other from
    /// 0 inside.
    Auto,
    /// The ranges that the caller was given, with the same ids inside.
    Subids,
    /// Every id of the caller's user namespace, with the same ids inside.
    All,
}

/// A text that is not a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a range is INSIDE:OUTSIDE:COUNT, or one of auto, subids and all")]
pub struct ParseRangeError;

impl RangeRequest {
    /// Reads `inside:outside:count`, `outside,inside,count` as util-linux had it before 2.39, or
    /// one of the words.
    ///
    /// # Errors
    /// [`ParseRangeError`]; whether the numbers make an extent is not asked.
    pub fn parse(text: &[u8]) -> Result<Self, ParseRangeError> {
        match text {
            b"auto" => return Ok(Self::Auto),
            b"subids" => return Ok(Self::Subids),
            b"all" => return Ok(Self::All),
            _ => {}
        }
        let numbers = |separator: u8| -> Option<[u32; 3]> {
            let fields = text
                .split(|byte| *byte == separator)
                .map(|field| u32::try_from(decimal(field)?).ok());
            fields.collect::<Option<Vec<_>>>()?.try_into().ok()
        };
        if let Some([inside, outside, count]) = numbers(b':') {
            return Ok(Self::Range(RawExtent {
                inside,
                outside,
                count,
            }));
        }
        let [outside, inside, count] = numbers(b',').ok_or(ParseRangeError)?;
        Ok(Self::Range(RawExtent {
            inside,
            outside,
            count,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_that_is_not_a_range_is_refused() {
        for text in [
            "",
            "1:2",
            "1:2:3:4",
            "1:2:x",
            "a",
            "Auto",
            "-1:0:1",
            "4294967296:0:1",
            "1:2,3",
        ] {
            assert_eq!(
                RangeRequest::parse(text.as_bytes()),
                Err(ParseRangeError),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = RangeRequest::parse(&bytes);
        }
    }
}
