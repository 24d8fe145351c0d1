//! Rows in the order of a tree of processes, with the lines in front that show it.

use nsx_core::hash::HashMap;

/// The position of a row in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Branch {
    /// Which of the rows it is.
    pub(super) row: usize,
    /// The text that stands in front of the row.
    pub(super) lines: String,
}

/// Orders rows, each with its id and that of its parent, into a tree. Those whose parent is not
/// among them are roots.
///
/// Ids come from a world that goes on, so they may contradict each other: what would be in a circle
/// is left a root.
pub(super) fn arrange(rows: &[(i32, Option<i32>)]) -> Vec<Branch> {
    let places: HashMap<i32, usize> = rows
        .iter()
        .enumerate()
        .rev()
        .map(|(place, (id, _))| (*id, place))
        .collect();
    let mut children = vec![Vec::new(); rows.len()];
    let mut roots = Vec::new();
    for (place, (id, parent)) in rows.iter().enumerate() {
        match parent
            .filter(|parent| parent != id)
            .and_then(|parent| places.get(&parent))
        {
            Some(&parent) => children[parent].push(place),
            None => roots.push(place),
        }
    }
    let mut branches = Vec::with_capacity(rows.len());
    let mut placed = vec![false; rows.len()];
    // Those in a circle are below no root; they follow.
    for root in roots.into_iter().chain(0..rows.len()) {
        // A row, the lines in front of it, and those in front of what is below it.
        let mut next = vec![(root, String::new(), String::new())];
        while let Some((row, lines, below)) = next.pop() {
            if std::mem::replace(&mut placed[row], true) {
                continue;
            }
            branches.push(Branch { row, lines });
            for (place, &child) in children[row].iter().enumerate().rev() {
                let (own, further) = if place + 1 == children[row].len() {
                    ("└─ ", "   ")
                } else {
                    ("├─ ", "│  ")
                };
                next.push((child, format!("{below}{own}"), format!("{below}{further}")));
            }
        }
    }
    branches
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn children_stand_below_their_parents() {
        let rows = [
            (1, Some(0)),
            (5, Some(1)),
            (7, Some(1)),
            (8, Some(5)),
            (9, None),
        ];
        let text: Vec<_> = arrange(&rows)
            .into_iter()
            .map(|it| format!("{}{}", it.lines, rows[it.row].0))
            .collect();
        assert_eq!(text, ["1", "├─ 5", "│  └─ 8", "└─ 7", "9"]);
    }

    proptest! {
        #[test]
        fn every_row_is_there_once(rows in prop::collection::vec((1..20_i32, prop::option::of(0..20_i32)), 0..20)) {
            let mut seen: Vec<_> = arrange(&rows).into_iter().map(|branch| branch.row).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..rows.len()).collect::<Vec<_>>());
        }
    }
}
