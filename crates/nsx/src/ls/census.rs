//! Every rendering of a saved census, for tests that feed it arbitrary bytes.

use super::{
    graph::{self, Language},
    saved::Saved,
    tree::{self, Order},
};
use crate::style::Styles;

/// Renders a saved census in each form: as texts, and as JSON documents. Returns `None` if the census
/// is refused.
pub fn render(text: &[u8]) -> Option<([String; 5], Vec<String>)> {
    let listing = Saved::parse(text).ok()?.listing;
    let [owners, parents] =
        &[Order::Owner, Order::Parent].map(|order| tree::forest(&listing, order, None));
    let draw = |language| graph::draw(language, &listing, owners, |_| Vec::new());
    let [dot, mermaid, svg] = [Language::Dot, Language::Mermaid, Language::Svg].map(draw);
    let tables = [owners, parents].map(|forest| {
        tree::table(&listing, &listing.columns, forest).render(&Styles::default(), None)
    });
    let nested = [owners, parents].map(|forest| tree::nested(&listing.columns, &listing, forest));
    let documents = nested
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()
        .ok()?;
    let [owned, below] = tables;
    Some(([dot, mermaid, svg, owned, below], documents))
}
