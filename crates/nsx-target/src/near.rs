//! Proposals: the names that may have been meant by a word that names nothing.
//!
//! A name is near if a slip of the fingers turns the word into the name, if the name begins with
//! the word, or if it contains the word. Capital and small letters count as the same.

/// The nearness of a name to a word. A lesser nearness is nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// This many letters are added, missing, replaced, or exchanged with a neighbour.
    Slips(usize),
    /// The name begins with the word.
    Start,
    /// The name contains the word.
    Part,
}

/// The length from which a word may be the start of a name.
const SHORTEST_START: usize = 2;
/// The length from which a word may be a part of a name.
const SHORTEST_PART: usize = 3;

/// Returns the nearness of `name` to `word`, or none if `name` is not near enough to be proposed.
pub fn nearness(word: &[u8], name: &[u8]) -> Option<Nearness> {
    let slips = match word.len() {
        0..=1 => 0,
        2..=4 => 1,
        _ => 2,
    };
    if word.len() > name.len() + slips {
        return None;
    }
    let (word, name) = (lower(word), lower(name));
    if word.len() + slips >= name.len() {
        let distance = strsim::osa_distance(&word, &name);
        if distance <= slips {
            return Some(Nearness::Slips(distance));
        }
    }
    if word.len() >= SHORTEST_START && name.starts_with(&*word) {
        Some(Nearness::Start)
    } else if word.len() >= SHORTEST_PART && name.contains(&*word) {
        Some(Nearness::Part)
    } else {
        None
    }
}

/// Returns those of `names` that are near to `word`, the nearest first, and those that are equally
/// near in their order.
pub fn nearest<N: AsRef<[u8]>>(
    word: impl AsRef<[u8]>,
    names: impl IntoIterator<Item = N>,
) -> Vec<N> {
    let near = |name: N| Some((nearness(word.as_ref(), name.as_ref())?, name));
    let mut near: Vec<_> = names.into_iter().filter_map(near).collect();
    near.sort_by_key(|(nearness, _)| *nearness);
    near.into_iter().map(|(_, name)| name).collect()
}

fn lower(text: &[u8]) -> String {
    String::from_utf8_lossy(text).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn near(word: &str, name: &str) -> Option<Nearness> {
        nearness(word.as_bytes(), name.as_bytes())
    }

    #[test]
    fn slips_starts_and_parts_are_near() {
        for (word, name, expected) in [
            ("wbe", "web", Nearness::Slips(1)),
            ("WEB", "web", Nearness::Slips(0)),
            ("doker", "docker", Nearness::Slips(1)),
            ("postgers", "postgres", Nearness::Slips(1)),
            ("eng", "eng-web", Nearness::Start),
            ("db", "db-primary", Nearness::Start),
            ("web", "eng-web-1", Nearness::Part),
        ] {
            assert_eq!(near(word, name), Some(expected), "{word} {name}");
        }
        for (word, name) in [
            ("web", "db"),
            ("w", "x"),
            ("w", "web"),
            ("eb", "web-1"),
            ("web", "app"),
            ("", "web"),
        ] {
            assert_eq!(near(word, name), None, "{word} {name}");
        }
    }

    #[test]
    fn the_nearest_come_first() {
        let names = ["eng-web", "webs", "other", "web-1", "wep", "Web"];
        assert_eq!(
            nearest("web", names),
            ["Web", "webs", "wep", "web-1", "eng-web"]
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(word: Vec<u8>, name: Vec<u8>) {
            let _ = nearness(&word, &name);
        }

        #[test]
        fn a_name_is_nearest_to_itself(name in "[a-z0-9-]{1,20}") {
            prop_assert_eq!(near(&name, &name), Some(Nearness::Slips(0)));
        }
    }
}
