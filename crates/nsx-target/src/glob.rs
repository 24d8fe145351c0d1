//! Patterns as shells have them: `*` is any text, `?` any character, `[wf]` and `[a-f]` one of
//! several, `[!w]` any other one.

/// Returns whether a pattern has a character that stands for others.
pub(crate) fn is_pattern(word: &[u8]) -> bool {
    word.iter().any(|byte| b"*?[".contains(byte))
}

/// Returns whether a pattern fits a name, in no more steps than the product of their lengths.
pub(crate) fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut letter) = (0, 0);
    // The indices of the last star, and of the end of the text that it stands for.
    let mut star: Option<(usize, usize)> = None;
    while letter < name.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at, letter));
            at += 1;
        } else if let Some(length) = fits_one(&pattern[at..], name[letter]) {
            at += length;
            letter += 1;
        } else if let Some((of_star, taken)) = &mut star {
            *taken += 1;
            (at, letter) = (*of_star + 1, *taken);
        } else {
            return false;
        }
    }
    pattern[at..].iter().all(|letter| *letter == b'*')
}

/// Returns the length of what stands for one letter at the start of a pattern, if it fits this
/// letter.
fn fits_one(pattern: &[u8], letter: u8) -> Option<usize> {
    let (length, fits) = match pattern.first()? {
        b'?' => (1, true),
        b'[' => match set(pattern) {
            Some((length, is_other, set)) => (length, is_other != has(set, letter)),
            // A bracket without an end is a bracket.
            None => (1, letter == b'['),
        },
        own => (1, *own == letter),
    };
    fits.then_some(length)
}

/// Returns the length of the set in brackets at the start of a pattern, whether any other letter is
/// meant, and the set.
fn set(pattern: &[u8]) -> Option<(usize, bool, &[u8])> {
    let is_other = matches!(pattern.get(1)?, b'!' | b'^');
    let start = if is_other { 2 } else { 1 };
    // A bracket that comes first is a member.
    let end = start
        + 1
        + pattern
            .get(start + 1..)?
            .iter()
            .position(|byte| *byte == b']')?;
    Some((end + 1, is_other, &pattern[start..end]))
}

fn has(mut set: &[u8], letter: u8) -> bool {
    loop {
        match set {
            [] => return false,
            [first, b'-', last, rest @ ..] => {
                if (*first..=*last).contains(&letter) {
                    return true;
                }
                set = rest;
            }
            [own, rest @ ..] => {
                if *own == letter {
                    return true;
                }
                set = rest;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_fit() {
        for (pattern, name) in [
            ("*", ""),
            ("*", "web"),
            ("w?b*", "web"),
            ("w*b-?", "web-b-1"),
            ("web", "web"),
            ("*a*b", "aabab"),
            ("**", "x"),
            ("eng-[wf]*", "eng-web"),
            ("eng-[wf]*", "eng-front"),
            ("[a-c][!a-c]", "bd"),
            ("[^x]", "y"),
            ("[]x]", "]"),
            ("[x-]", "-"),
            ("*[0-9]", "web10"),
            ("[w", "[w"),
        ] {
            assert!(
                fits(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
        for (pattern, name) in [
            ("", "a"),
            ("?", ""),
            ("w*c", "web"),
            ("web", "webs"),
            ("web?", "web"),
            ("*a*b", "aaba"),
            ("a*", ""),
            ("eng-[wf]*", "eng-db"),
            ("[a-c]", "d"),
            ("[!w]*", "web"),
            ("[]", "]"),
        ] {
            assert!(
                !fits(pattern.as_bytes(), name.as_bytes()),
                "{pattern} {name}"
            );
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_the_lengths_multiplied() {
        // Trying every way to divide the letters among the stars would not end.
        assert!(!fits(
            &b"*a".repeat(50),
            &[b"a".repeat(200), b"b".to_vec()].concat()
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(pattern: Vec<u8>, name: Vec<u8>) {
            let _ = fits(&pattern, &name);
        }
    }
}
