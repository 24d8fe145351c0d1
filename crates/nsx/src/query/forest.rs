//! Trees of values, drawn with lines.

/// The greatest depth of a tree. The kernel nests namespaces 32 deep, and processes are seldom
/// nested deeper than some dozens. A saved census, which anyone may have written, can claim more,
/// and each level costs as much as all levels above it.
const DEEPEST: usize = 500;

/// Trees of values. A value keeps the index that it had when the forest was made.
#[derive(Debug)]
pub(crate) struct Forest<T> {
    nodes: Vec<Node<T>>,
    roots: Vec<usize>,
}

#[derive(Debug)]
struct Node<T> {
    value: T,
    children: Vec<usize>,
}

impl<T> Forest<T> {
    /// Makes trees of values. `above` returns the index of a value's parent. A value is a root if it
    /// has no parent, if it would be its own ancestor, or if it would be too deep in a tree. Siblings
    /// keep their order.
    pub(crate) fn of(values: Vec<T>, above: impl FnMut(&T) -> Option<usize>) -> Self {
        let parents: Vec<_> = values.iter().map(above).collect();
        let mut nodes: Vec<_> = values
            .into_iter()
            .map(|value| Node {
                value,
                children: Vec::new(),
            })
            .collect();
        let mut roots = Vec::new();
        for index in 0..nodes.len() {
            let mut parent = parents[index].filter(|parent| *parent < nodes.len());
            let upwards = |from: usize| parents.get(from).copied().flatten();
            // A circle has no root, and a line that is too long is cut.
            let line = std::iter::successors(parent, |from| upwards(*from)).take(DEEPEST + 1);
            if line.clone().any(|ancestor| ancestor == index) || line.count() > DEEPEST {
                parent = None;
            }
            match parent {
                Some(parent) => nodes[parent].children.push(index),
                None => roots.push(index),
            }
        }
        Self { nodes, roots }
    }

    /// Keeps the values that are wanted, and their ancestors.
    pub(crate) fn keep(&mut self, mut is_wanted: impl FnMut(&T) -> bool) {
        let mut kept = vec![false; self.nodes.len()];
        for index in self.downwards().into_iter().rev() {
            let node = &self.nodes[index];
            kept[index] = node.children.iter().any(|child| kept[*child]) || is_wanted(&node.value);
        }
        self.roots.retain(|root| kept[*root]);
        self.nodes
            .iter_mut()
            .for_each(|node| node.children.retain(|child| kept[*child]));
    }

    /// Returns each value from the top down, with the lines that lead to it.
    pub(crate) fn lines(&self) -> Vec<(String, &T)> {
        let mut lines = Vec::with_capacity(self.nodes.len());
        // The nodes still to come: the index, the lines before the node, and the lines before its
        // children.
        let mut stack: Vec<_> = self
            .roots
            .iter()
            .rev()
            .map(|root| (*root, String::new(), String::new()))
            .collect();
        while let Some((index, lead, below)) = stack.pop() {
            let node = &self.nodes[index];
            lines.push((lead, &node.value));
            for (back, child) in node.children.iter().rev().enumerate() {
                let (branch, beside) = if back == 0 {
                    ("└─", "  ")
                } else {
                    ("├─", "│ ")
                };
                stack.push((
                    *child,
                    format!("{below}{branch}"),
                    format!("{below}{beside}"),
                ));
            }
        }
        lines
    }

    /// Folds each tree from the leaves up: `make` combines a value and the results of its children.
    /// Returns the results of the roots.
    pub(crate) fn fold<B>(&self, mut make: impl FnMut(&T, Vec<B>) -> B) -> Vec<B> {
        let mut made: Vec<Option<B>> = self.nodes.iter().map(|_| None).collect();
        // Children come before their parents.
        for index in self.downwards().into_iter().rev() {
            let children = self.nodes[index]
                .children
                .iter()
                .filter_map(|child| made[*child].take())
                .collect();
            made[index] = Some(make(&self.nodes[index].value, children));
        }
        self.roots
            .iter()
            .filter_map(|root| made[*root].take())
            .collect()
    }

    /// Returns all indices, parents before children.
    fn downwards(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack = self.roots.clone();
        while let Some(index) = stack.pop() {
            order.push(index);
            stack.extend(&self.nodes[index].children);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values by name, each with the index of its parent.
    fn values() -> Vec<(&'static str, Option<usize>)> {
        vec![
            ("a", None),
            ("b", Some(0)),
            ("c", Some(1)),
            ("d", Some(0)),
            ("e", Some(3)),
            ("f", None),
        ]
    }

    #[test]
    fn children_are_drawn_below_their_parents() {
        let forest = Forest::of(values(), |value| value.1);
        let drawn: Vec<_> = forest
            .lines()
            .iter()
            .map(|(lead, value)| format!("{lead}{}", value.0))
            .collect();
        assert_eq!(drawn, ["a", "├─b", "│ └─c", "└─d", "  └─e", "f"]);
        let folded =
            forest.fold(|value, below: Vec<String>| format!("{}({})", value.0, below.concat()));
        assert_eq!(folded, ["a(b(c())d(e()))", "f()"]);
    }

    #[test]
    fn values_that_are_kept_keep_their_ancestors() {
        let kept = |wanted: &[&str]| {
            let mut forest = Forest::of(values(), |value| value.1);
            forest.keep(|value| wanted.contains(&value.0));
            forest
                .lines()
                .iter()
                .map(|(lead, value)| format!("{lead}{}", value.0))
                .collect::<Vec<_>>()
        };
        assert_eq!(kept(&["e"]), ["a", "└─d", "  └─e"]);
        assert_eq!(kept(&["b", "f"]), ["a", "└─b", "f"]);
        assert!(kept(&[]).is_empty());
    }

    #[test]
    fn a_circle_loses_no_value() {
        let forest = Forest::of(
            vec![
                ("a", Some(1)),
                ("b", Some(0)),
                ("c", Some(0)),
                ("d", Some(3)),
                ("e", Some(9)),
            ],
            |value| value.1,
        );
        let mut names: Vec<_> = forest.lines().iter().map(|(_, value)| value.0).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn a_tree_has_a_greatest_depth() {
        let values = (0..20_000_usize)
            .map(|number| (number, number.checked_sub(1)))
            .collect();
        let forest = Forest::of(values, |value: &(usize, Option<usize>)| value.1);
        let deepest = forest.fold(|_, below: Vec<usize>| 1 + below.into_iter().max().unwrap_or(0));
        assert_eq!(deepest[0], DEEPEST + 1);
        assert_eq!(forest.lines().len(), 20_000);
    }
}
