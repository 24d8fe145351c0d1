//! A page of a ring buffer of tracefs, as `trace_pipe_raw` gives it, see
//! `Documentation/trace/ring-buffer-map.rst` and `events/header_event` of tracefs.
//!
//! A page has the time of its first event, the number of bytes that are used, and the events. An
//! event has a word with its length and the time since the previous event, and its data.

/// Bits of the word with the number of used bytes: events were lost before this page, and their
/// number follows the events.
const LOST: usize = 1 << 31;
const LOST_IS_COUNTED: usize = 1 << 30;

const WORD: usize = 4;
const TIME: usize = 8;
const HEADER: usize = TIME + size_of::<usize>();

/// Lengths of events that have another meaning.
const PADDING: u32 = 29;
const TIME_EXTEND: u32 = 30;
const TIME_STAMP: u32 = 31;
/// The bits of the word that have the length; the others have the time.
const LENGTH_BITS: u32 = 5;
const TIME_BITS: u32 = 27;

/// A page with events.
pub(super) struct Page<'a> {
    /// The time of the first event, in nanoseconds.
    pub(super) time: u64,
    /// The number of events that were lost before this page, at least.
    pub(super) lost: u64,
    events: &'a [u8],
}

impl<'a> Page<'a> {
    /// Reads a page; `None` if the bytes are too short.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let time = u64::from_ne_bytes(*bytes.first_chunk()?);
        let used = usize::from_ne_bytes(*bytes.get(TIME..)?.first_chunk()?);
        let data = bytes.get(HEADER..)?;
        let length = (used & !(LOST | LOST_IS_COUNTED)).min(data.len());
        let (events, rest) = data.split_at(length);
        let counted = rest.first_chunk().map(|count| u64::from_ne_bytes(*count));
        let lost = match (used & LOST, used & LOST_IS_COUNTED) {
            (0, _) => 0,
            (_, 0) => 1,
            _ => counted.unwrap_or(1).max(1),
        };
        Some(Self { time, lost, events })
    }

    /// Returns the events with their times, in nanoseconds.
    pub(super) fn events(&self) -> Events<'a> {
        Events {
            time: self.time,
            rest: self.events,
        }
    }
}

/// The events of a page.
pub(super) struct Events<'a> {
    time: u64,
    rest: &'a [u8],
}

impl<'a> Iterator for Events<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let word = self.word()?;
            let (length, delta) = (
                word & ((1 << LENGTH_BITS) - 1),
                u64::from(word >> LENGTH_BITS),
            );
            match length {
                // The rest of the page is empty.
                PADDING if delta == 0 => return None,
                PADDING => {
                    self.time += delta;
                    let length = self.word()? as usize;
                    self.take(length.checked_sub(WORD)?)?;
                }
                TIME_EXTEND => {
                    let high = u64::from(self.word()?) << TIME_BITS;
                    self.time = self.time.wrapping_add(high + delta);
                }
                // The kernel keeps the 59 low bits.
                TIME_STAMP => self.time = u64::from(self.word()?) << TIME_BITS | delta,
                0 => {
                    self.time = self.time.wrapping_add(delta);
                    let length = self.word()? as usize;
                    let data = self.take(length.checked_sub(WORD)?.next_multiple_of(WORD))?;
                    return Some((self.time, data));
                }
                words => {
                    self.time = self.time.wrapping_add(delta);
                    let data = self.take(words as usize * WORD)?;
                    return Some((self.time, data));
                }
            }
        }
    }
}

impl<'a> Events<'a> {
    fn word(&mut self) -> Option<u32> {
        let word = self.take(WORD)?;
        Some(u32::from_ne_bytes(*word.first_chunk()?))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page(used: usize, words: &[u32], count: &[u8]) -> Vec<u8> {
        let words = words.iter().flat_map(|word| word.to_ne_bytes());
        let header = [1000_u64.to_ne_bytes(), used.to_ne_bytes()].concat();
        header
            .into_iter()
            .chain(words)
            .chain(count.iter().copied())
            .collect()
    }

    #[test]
    fn events_of_every_length_have_their_time() {
        let words = [
            // Two words of data, 5 ns later.
            5 << 5 | 2,
            7,
            8,
            // 2^27 + 1 ns later, an event with its length in a word.
            1 << 5 | TIME_EXTEND,
            1,
            0,
            12,
            1,
            2,
            // An event that was taken back.
            3 << 5 | PADDING,
            8,
            0,
            // An absolute time.
            9 << 5 | TIME_STAMP,
            1,
            1 << 5 | 1,
            6,
            // The rest is empty.
            PADDING,
            0xffff,
        ];
        let bytes = page(words.len() * WORD, &words, &[]);
        let page = Page::parse(&bytes).unwrap();
        assert_eq!(page.lost, 0);
        let events: Vec<_> = page
            .events()
            .map(|(time, data)| (time, data.len()))
            .collect();
        let later = 1 << TIME_BITS;
        assert_eq!(events, [(1005, 8), (1006 + later, 8), (later + 10, 4)]);
    }

    #[test]
    fn lost_events_are_counted() {
        let words = [1 << 5 | 1, 6];
        let lost = |flags: usize, count: &[u8]| {
            let bytes = page((words.len() * WORD) | flags, &words, count);
            let page = Page::parse(&bytes).unwrap();
            assert_eq!(page.events().count(), 1);
            page.lost
        };
        assert_eq!(lost(0, &[]), 0);
        assert_eq!(lost(LOST, &[]), 1);
        assert_eq!(lost(LOST | LOST_IS_COUNTED, &77_u64.to_ne_bytes()), 77);
        assert_eq!(lost(LOST | LOST_IS_COUNTED, &[]), 1);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_to_their_end(bytes: Vec<u8>) {
            if let Some(page) = Page::parse(&bytes) {
                let length: usize = page.events().map(|(_, data)| data.len()).sum();
                prop_assert!(length <= bytes.len());
            }
        }
    }
}
