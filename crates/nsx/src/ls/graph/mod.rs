//! The tree of owners as a picture: each user namespace with the namespaces that it owns.
//!
//! Namespaces that go together are drawn as one box, so that a host with hundreds of them can be read.

mod svg;
mod text;

use super::{column::Column, forest::Forest, listing::Listing};
use crate::cell::Cell;
use clap::ValueEnum;
use nsx_core::ns::{NsId, NsKind};

/// In which language the picture is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Language {
    /// For graphviz
    Dot,
    /// For Markdown pages
    Mermaid,
    /// For a browser
    Svg,
}

/// The columns that a picture is made of.
pub(super) const COLUMNS: [Column; 9] = [
    Column::Ns,
    Column::Type,
    Column::Nprocs,
    Column::Pid,
    Column::User,
    Column::Command,
    Column::Nsfs,
    Column::Container,
    Column::Engine,
];

/// A box: a user namespace, or namespaces that go together. Texts are safe to show, and escaped for no language.
struct Picture {
    /// What they belong to.
    title: String,
    /// What runs there; empty where that is nobody.
    command: String,
    /// The namespaces, each in words.
    namespaces: Vec<String>,
    /// Whether it is a user namespace, which owns what stands below.
    owns: bool,
    children: Vec<Self>,
}

/// The picture of a forest of owners.
pub(super) fn draw(language: Language, listing: &Listing, forest: &Forest<&[Cell]>) -> String {
    let pictures = forest.fold(|row, children| picture(listing, row, children));
    let pictures = together(pictures);
    match language {
        Language::Dot => text::dot(&pictures),
        Language::Mermaid => text::mermaid(&pictures),
        Language::Svg => svg::draw(&pictures),
    }
}

fn picture(listing: &Listing, row: &[Cell], children: Vec<Picture>) -> Picture {
    let shown = |column| listing.cell(row, column).shown();
    let kind = shown(Column::Type);
    let owns = kind == "user";
    let processes = match listing.cell(row, Column::Nprocs) {
        Cell::Number(0) => "no process".to_owned(),
        Cell::Number(1) => "1 process".to_owned(),
        cell => format!("{} processes", cell.shown()),
    };
    let namespace = format!("{kind} {}, {processes}", shown(Column::Ns));
    let is_hosts = match (NsKind::from_name(kind.as_bytes()), listing.cell(row, Column::Ns)) {
        (Some(kind), Cell::Number(inode)) => NsId { kind, inode: *inode }.is_initial(),
        _ => false,
    };
    let belongs = match (listing.cell(row, Column::Container), listing.cell(row, Column::Pid)) {
        _ if is_hosts => "host".to_owned(),
        (Cell::Text(_), _) => format!("{}:{}", shown(Column::Engine), shown(Column::Container)),
        (_, Cell::Number(pid)) => format!("process {pid} of {}", shown(Column::User)),
        _ if listing.cell(row, Column::Nsfs) != &Cell::Nothing => shown(Column::Nsfs),
        _ => "held otherwise".to_owned(),
    };
    // Whose process has the lowest id on a host says nothing.
    let command = if is_hosts { String::new() } else { shown(Column::Command) };
    Picture { title: belongs, command, namespaces: vec![namespace], owns, children: together(children) }
}

/// Puts neighbours into one box that belong to the same and own nothing.
fn together(pictures: Vec<Picture>) -> Vec<Picture> {
    let mut boxes: Vec<Picture> = Vec::new();
    for mut picture in pictures {
        let fits = |other: &&mut Picture| !other.owns && !picture.owns && other.title == picture.title;
        match boxes.iter_mut().find(fits) {
            Some(other) => other.namespaces.append(&mut picture.namespaces),
            None => boxes.push(picture),
        }
    }
    boxes
}

/// A text cut to so many characters, with an ellipsis where that takes something away.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).chain(['…']).collect() }
}
