//! Things that stand below one another, drawn with lines before each.

/// The greatest depth of a tree. The kernel nests namespaces 32 deep, and processes seldom stand
/// deeper than some dozens; a census in a file that anyone wrote may claim more, and each level
/// costs as much as all those above it.
const DEEPEST: usize = 500;

/// Trees. What is put in keeps its number.
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
    /// Plants each value below the one that `above` names by its place; those above which there is
    /// nothing, and those that would stand below themselves or deeper than a tree may be, are
    /// roots. Below one another they keep their order.
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
        for place in 0..nodes.len() {
            let mut parent = parents[place].filter(|parent| *parent < nodes.len());
            let upwards = |from: usize| parents.get(from).copied().flatten();
            // Whatever leads back to itself, or does not end, has no place in a tree.
            let line = std::iter::successors(parent, |from| upwards(*from)).take(DEEPEST + 1);
            if line.clone().any(|ancestor| ancestor == place) || line.count() > DEEPEST {
                parent = None;
            }
            match parent {
                Some(parent) => nodes[parent].children.push(place),
                None => roots.push(place),
            }
        }
        Self { nodes, roots }
    }

    /// Keeps the values that are wanted and all that stand above them.
    pub(crate) fn keep(&mut self, mut is_wanted: impl FnMut(&T) -> bool) {
        let mut kept = vec![false; self.nodes.len()];
        for place in self.downwards().into_iter().rev() {
            let node = &self.nodes[place];
            kept[place] = node.children.iter().any(|child| kept[*child]) || is_wanted(&node.value);
        }
        self.roots.retain(|root| kept[*root]);
        self.nodes
            .iter_mut()
            .for_each(|node| node.children.retain(|child| kept[*child]));
    }

    /// Each value from the top down, with the lines that lead to it.
    pub(crate) fn lines(&self) -> Vec<(String, &T)> {
        let mut lines = Vec::with_capacity(self.nodes.len());
        // The stack holds what is still to come: the number, what stands before it, what stands
        // before those below it.
        let mut stack: Vec<_> = self
            .roots
            .iter()
            .rev()
            .map(|root| (*root, String::new(), String::new()))
            .collect();
        while let Some((place, lead, below)) = stack.pop() {
            let node = &self.nodes[place];
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

    /// Makes something of each value and of what was made of those below it; the results of the
    /// roots.
    pub(crate) fn fold<B>(&self, mut make: impl FnMut(&T, Vec<B>) -> B) -> Vec<B> {
        let mut made: Vec<Option<B>> = self.nodes.iter().map(|_| None).collect();
        // In the other direction, what stands below is there when it is needed.
        for place in self.downwards().into_iter().rev() {
            let children = self.nodes[place]
                .children
                .iter()
                .filter_map(|child| made[*child].take())
                .collect();
            made[place] = Some(make(&self.nodes[place].value, children));
        }
        self.roots
            .iter()
            .filter_map(|root| made[*root].take())
            .collect()
    }

    /// All numbers, each before those below it.
    fn downwards(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.nodes.len());
        let mut stack = self.roots.clone();
        while let Some(place) = stack.pop() {
            order.push(place);
            stack.extend(&self.nodes[place].children);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_below_is_drawn_below() {
        let values = vec![
            ("a", None),
            ("b", Some(0)),
            ("c", Some(1)),
            ("d", Some(0)),
            ("e", Some(3)),
            ("f", None),
        ];
        let forest = Forest::of(values, |value| value.1);
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
    fn what_is_kept_stands_where_it_stood() {
        let values = vec![
            ("a", None),
            ("b", Some(0)),
            ("c", Some(1)),
            ("d", Some(0)),
            ("e", Some(3)),
            ("f", None),
        ];
        let kept = |wanted: &[&str]| {
            let mut forest = Forest::of(values.clone(), |value| value.1);
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
    fn nothing_is_lost_in_a_circle() {
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
    fn a_tree_has_an_end() {
        let values = (0..20_000_usize)
            .map(|number| (number, number.checked_sub(1)))
            .collect();
        let forest = Forest::of(values, |value: &(usize, Option<usize>)| value.1);
        let deepest = forest.fold(|_, below: Vec<usize>| 1 + below.into_iter().max().unwrap_or(0));
        assert_eq!(deepest[0], DEEPEST + 1);
        assert_eq!(forest.lines().len(), 20_000);
    }
}
