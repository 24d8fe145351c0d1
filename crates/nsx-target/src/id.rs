//! Ids of containers.

/// The fewest hexadecimal digits that are an id if no prefix comes before them. `docker ps -q` prints
/// as many.
pub(crate) const ID_BY_ITSELF: usize = 12;

/// The length of the ids that engines make: hexadecimal digits that nothing but a container has for
/// a name.
const LONG: usize = 64;

/// Returns whether a word is an id that an engine made.
pub(crate) fn is_long_id(id: &[u8]) -> bool {
    id.len() == LONG && is_start_of_id(id, LONG)
}

/// Returns whether a word may be an id or the start of an id, of at least `least` digits.
pub(crate) fn is_start_of_id(word: &[u8], least: usize) -> bool {
    word.len() >= least
        && word
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
