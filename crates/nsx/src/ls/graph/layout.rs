//! The layout of boxes: boxes that a user namespace owns are within its frame, in rows that make the
//! drawing wider than high, and next to boxes whose namespaces they share.

use super::Node;

/// The width of a box, in pixels. It fits 11-pixel letters of any sans-serif font.
pub(super) const BOX_WIDTH: usize = 250;
/// The height of a line of text, in pixels.
pub(super) const LINE: usize = 16;
/// The distance between the edge of a box and its text, in pixels.
pub(super) const PADDING: usize = 8;
/// The gap between boxes, in which lines run, in pixels.
pub(super) const GAP: usize = 32;

/// A box or frame with its position.
pub(super) struct Placed<'a> {
    pub(super) node: &'a Node,
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    /// The number of columns of text.
    pub(super) columns: usize,
}

impl Placed<'_> {
    /// Returns whether this is a frame around `other`.
    pub(super) fn has_within(&self, other: &Self) -> bool {
        self.left < other.left
            && self.top < other.top
            && other.left + other.width < self.left + self.width
            && other.top + other.height < self.top + self.height
    }
}

/// A box or frame with its contents, each with its offset from the corner.
struct Block<'a> {
    node: &'a Node,
    width: usize,
    height: usize,
    columns: usize,
    within: Vec<(usize, usize, Block<'a>)>,
}

/// Lays the nodes out. Returns them, each frame before its contents, and the width and height of
/// the drawing.
pub(super) fn layout(nodes: &[Node]) -> (Vec<Placed<'_>>, usize, usize) {
    let (blocks, width, height) = rows(nodes.iter().map(block).collect());
    let mut placed = Vec::new();
    for (left, top, block) in blocks {
        settle(block, left + GAP, top + GAP, &mut placed);
    }
    (placed, width + 2 * GAP, height + 2 * GAP)
}

fn settle<'a>(block: Block<'a>, left: usize, top: usize, placed: &mut Vec<Placed<'a>>) {
    let Block {
        node,
        width,
        height,
        columns,
        within,
    } = block;
    placed.push(Placed {
        node,
        left,
        top,
        width,
        height,
        columns,
    });
    for (x, y, block) in within {
        settle(block, left + x, top + y, placed);
    }
}

/// Makes a box, or a frame around what the node owns.
fn block(node: &Node) -> Block<'_> {
    let lines = node.lines().count();
    let header = |columns: usize| 2 * PADDING + LINE * (1 + lines.div_ceil(columns));
    if node.children.is_empty() {
        return Block {
            node,
            width: BOX_WIDTH,
            height: header(1),
            columns: 1,
            within: Vec::new(),
        };
    }
    let (within, width, height) = rows(beside(&node.children).into_iter().map(block).collect());
    let columns = ((width + GAP) / (BOX_WIDTH + GAP)).max(1);
    let top = header(columns) + GAP / 2;
    let within = within
        .into_iter()
        .map(|(x, y, block)| (x + GAP, y + top, block))
        .collect();
    Block {
        node,
        width: width + 2 * GAP,
        height: top + height + GAP,
        columns,
        within,
    }
}

/// Sorts nodes so that each follows the one whose namespaces it shares, and frames follow boxes.
fn beside(nodes: &[Node]) -> Vec<&Node> {
    let has = |node: &Node, inode| node.namespaces.iter().any(|(_, own)| *own == inode);
    let shares =
        |node: &Node, other: &Node| node.shared.iter().any(|shared| has(other, shared.inode));
    let mut order: Vec<&Node> = Vec::with_capacity(nodes.len());
    let (boxes, frames): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.children.is_empty());
    for node in boxes.into_iter().chain(frames) {
        let others = order
            .iter()
            .rposition(|other| shares(node, other) || shares(other, node));
        let index =
            others.filter(|index| order[*index].children.is_empty() == node.children.is_empty());
        order.insert(index.map_or(order.len(), |index| index + 1), node);
    }
    order
}

/// Arranges blocks in rows so that the width is about one and a half times the height.
fn rows(blocks: Vec<Block<'_>>) -> (Vec<(usize, usize, Block<'_>)>, usize, usize) {
    let sizes: Vec<_> = blocks
        .iter()
        .map(|block| (block.width, block.height))
        .collect();
    let widest = sizes.iter().map(|size| size.0).max().unwrap_or(0);
    let sum: usize = sizes.iter().map(|size| size.0 + GAP).sum();
    let limits = (0..)
        .map(|boxes| widest + boxes * (BOX_WIDTH + GAP))
        .take_while(|limit| *limit < sum.max(widest + 1));
    let arranged = limits.map(|limit| shelves(&sizes, limit));
    let best = arranged.min_by_key(|(_, width, height)| (*width * 2).max(*height * 3));
    let (positions, width, height) = best.unwrap_or_default();
    let placed = positions
        .into_iter()
        .zip(blocks)
        .map(|((x, y), block)| (x, y, block));
    (placed.collect(), width, height)
}

/// Returns positions in rows that are at most `limit` wide, and the size of all rows.
fn shelves(sizes: &[(usize, usize)], limit: usize) -> (Vec<(usize, usize)>, usize, usize) {
    let (mut positions, mut x, mut y, mut bottom, mut right) =
        (Vec::with_capacity(sizes.len()), 0, 0, 0, 0);
    for &(width, height) in sizes {
        if x > 0 && x + width > limit {
            (x, y) = (0, bottom + GAP);
        }
        positions.push((x, y));
        (right, bottom) = (right.max(x + width), bottom.max(y + height));
        x += width + GAP;
    }
    (positions, right, bottom)
}
