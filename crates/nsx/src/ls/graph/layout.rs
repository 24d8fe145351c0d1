//! The places of boxes in a picture: those that a user namespace owns stand within its frame, in
//! rows that make the whole wider than high, and beside those whose namespaces they share.

use super::Picture;

/// Sizes in pixels. The widths fit 11-pixel letters of any sans-serif font.
pub(super) const BOX_WIDTH: usize = 250;
pub(super) const LINE: usize = 16;
pub(super) const PADDING: usize = 8;
/// Between boxes, where lines run.
pub(super) const GAP: usize = 32;

/// A box or frame with its place.
pub(super) struct Placed<'a> {
    pub(super) picture: &'a Picture,
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) width: usize,
    pub(super) height: usize,
    /// The number of columns in which the lines stand.
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

/// A box or frame with what is within it, as far from the corner as it stands.
struct Block<'a> {
    picture: &'a Picture,
    width: usize,
    height: usize,
    columns: usize,
    within: Vec<(usize, usize, Block<'a>)>,
}

/// Finds places for all; gives them, each frame before what is within it, and the size of the
/// whole.
pub(super) fn place(pictures: &[Picture]) -> (Vec<Placed<'_>>, usize, usize) {
    let (blocks, width, height) = rows(pictures.iter().map(block).collect());
    let mut placed = Vec::new();
    for (left, top, block) in blocks {
        settle(block, left + GAP, top + GAP, &mut placed);
    }
    (placed, width + 2 * GAP, height + 2 * GAP)
}

fn settle<'a>(block: Block<'a>, left: usize, top: usize, placed: &mut Vec<Placed<'a>>) {
    let Block {
        picture,
        width,
        height,
        columns,
        within,
    } = block;
    placed.push(Placed {
        picture,
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

/// A box, or a frame around what it owns.
fn block(picture: &Picture) -> Block<'_> {
    let lines = picture.lines().count();
    let header = |columns: usize| 2 * PADDING + LINE * (1 + lines.div_ceil(columns));
    if picture.children.is_empty() {
        return Block {
            picture,
            width: BOX_WIDTH,
            height: header(1),
            columns: 1,
            within: Vec::new(),
        };
    }
    let (within, width, height) = rows(beside(&picture.children).into_iter().map(block).collect());
    let columns = ((width + GAP) / (BOX_WIDTH + GAP)).max(1);
    let top = header(columns) + GAP / 2;
    let within = within
        .into_iter()
        .map(|(x, y, block)| (x + GAP, y + top, block))
        .collect();
    Block {
        picture,
        width: width + 2 * GAP,
        height: top + height + GAP,
        columns,
        within,
    }
}

/// Pictures in an order in which each stands behind the one whose namespaces it shares, and frames
/// behind boxes.
fn beside(pictures: &[Picture]) -> Vec<&Picture> {
    let has = |picture: &Picture, inode| picture.namespaces.iter().any(|(_, own)| *own == inode);
    let shares = |picture: &Picture, other: &Picture| {
        picture.shared.iter().any(|shared| has(other, shared.inode))
    };
    let mut order: Vec<&Picture> = Vec::with_capacity(pictures.len());
    let (boxes, frames): (Vec<_>, Vec<_>) = pictures
        .iter()
        .partition(|picture| picture.children.is_empty());
    for picture in boxes.into_iter().chain(frames) {
        let others = order
            .iter()
            .rposition(|other| shares(picture, other) || shares(other, picture));
        let place =
            others.filter(|place| order[*place].children.is_empty() == picture.children.is_empty());
        order.insert(place.map_or(order.len(), |place| place + 1), picture);
    }
    order
}

/// Puts blocks into rows, as many into each as makes the whole half as wide again as it is high.
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
    let (places, width, height) = best.unwrap_or_default();
    let placed = places
        .into_iter()
        .zip(blocks)
        .map(|((x, y), block)| (x, y, block));
    (placed.collect(), width, height)
}

/// Places in rows that are no wider than `limit`, and the size of the whole.
fn shelves(sizes: &[(usize, usize)], limit: usize) -> (Vec<(usize, usize)>, usize, usize) {
    let (mut places, mut x, mut y, mut bottom, mut right) =
        (Vec::with_capacity(sizes.len()), 0, 0, 0, 0);
    for &(width, height) in sizes {
        if x > 0 && x + width > limit {
            (x, y) = (0, bottom + GAP);
        }
        places.push((x, y));
        (right, bottom) = (right.max(x + width), bottom.max(y + height));
        x += width + GAP;
    }
    (places, right, bottom)
}
