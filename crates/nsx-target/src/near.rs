//! Names that somebody may have meant.

/// How many changes turn one name into the other: a letter put in, left out or replaced, or two neighbours exchanged.
///
/// Only as far as `most`; above that the answer is none.
pub(crate) fn distance(one: &[u8], other: &[u8], most: usize) -> Option<usize> {
    if one.len().abs_diff(other.len()) > most {
        return None;
    }
    // Three rows of the table of Damerau and Levenshtein's distance, without letters between exchanged neighbours.
    let mut two_before: Vec<usize> = Vec::new();
    let mut before: Vec<usize> = (0..=other.len()).collect();
    for (row, &letter) in one.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, &wanted) in other.iter().enumerate() {
            let replaced = before[column] + usize::from(letter != wanted);
            let mut least = replaced.min(before[column + 1] + 1).min(current[column] + 1);
            if row > 0 && column > 0 && letter == other[column - 1] && one[row - 1] == wanted {
                least = least.min(two_before[column - 1] + 1);
            }
            current.push(least);
        }
        two_before = std::mem::replace(&mut before, current);
    }
    before.last().copied().filter(|distance| *distance <= most)
}

/// Whether `name` is near enough to `word` to be proposed: a slip of the fingers, or one begins with the other.
pub(crate) fn is_near(word: &[u8], name: &[u8]) -> bool {
    let most = match word.len() {
        0..=1 => 0,
        2..=4 => 1,
        _ => 2,
    };
    distance(word, name, most).is_some() || word.len() >= 3 && name.starts_with(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn slips_are_near() {
        assert_eq!(distance(b"kitten", b"sitting", 9), Some(3));
        assert_eq!(distance(b"web", b"wbe", 9), Some(1));
        assert_eq!(distance(b"web", b"webbing", 2), None);
        assert_eq!(distance(b"", b"ab", 9), Some(2));
        assert!(is_near(b"wbe", b"web") && is_near(b"postgers", b"postgres") && is_near(b"web", b"web-frontend-1"));
        assert!(!is_near(b"web", b"db") && !is_near(b"w", b"x") && !is_near(b"web", b"app"));
    }

    proptest! {
        #[test]
        fn it_is_a_distance(one in "[abc]{0,6}", other in "[abc]{0,6}") {
            let (one, other) = (one.as_bytes(), other.as_bytes());
            prop_assert_eq!(distance(one, other, 99), distance(other, one, 99));
            prop_assert_eq!(distance(one, other, 99) == Some(0), one == other);
            prop_assert!(distance(one, other, 99).unwrap() <= one.len().max(other.len()));
        }
    }
}
