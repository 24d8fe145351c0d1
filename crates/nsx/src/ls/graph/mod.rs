//! The tree of owners as a picture: each user namespace with the namespaces that it owns.
//!
//! Namespaces that go together are drawn as one box, so that a host with hundreds of them can be
//! read. A box says which namespaces of other boxes its process is in, and is joined to them.

mod layout;
mod svg;
mod text;

use super::{
    action::Selection,
    listing::Listing,
    question::Found,
    saved::Saved,
    tree::{self, Order},
};
use crate::{
    answer::Answer,
    error::Error,
    query::{cell::Cell, column::Column, forest::Forest, system::System},
};
use clap::ValueEnum;
use nsx_core::{
    census::{Census, Member},
    hash::HashMap,
    ns::{NsId, NsKind},
    pid::Pid,
};

/// The request to draw namespaces.
pub(super) struct Graph {
    pub(super) selection: Selection,
    pub(super) language: Language,
}

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
const COLUMNS: [Column; 10] = [
    Column::Ns,
    Column::Type,
    Column::Nprocs,
    Column::Pid,
    Column::User,
    Column::Command,
    Column::Nsfs,
    Column::Container,
    Column::Engine,
    Column::Owner,
];

/// A box: a user namespace, or namespaces that go together. Texts are safe to show, and escaped for
/// no language.
struct Picture {
    /// The name of what the namespaces belong to.
    title: String,
    /// The command that runs in the namespaces; empty if none runs there.
    command: String,
    /// The namespaces: each in words, and by its inode number.
    namespaces: Vec<(String, u64)>,
    /// The process that it tells of.
    leader: Option<u64>,
    /// Namespaces of other boxes that the process is in.
    shared: Vec<Shared>,
    /// `true` if the box is a user namespace, which owns what stands below.
    owns: bool,
    children: Vec<Self>,
}

/// A namespace of another box.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shared {
    kind: &'static str,
    inode: u64,
    /// The title of the other box.
    of: String,
}

impl Graph {
    /// Draws the namespaces of a system.
    pub(super) fn answer(self, system: &System) -> Result<Answer, Error> {
        let question = self.selection.question(COLUMNS.to_vec(), &system.proc)?;
        let census = question.census(&system.proc)?;
        let found = question.answer(&census, system);
        Ok(answer(self.language, &found, |pid| {
            namespaces_of(pid, &census)
        }))
    }

    /// Draws the namespaces of a census that was saved.
    pub(super) fn answer_from(self, saved: Saved) -> Result<Answer, Error> {
        let among = self
            .selection
            .process
            .as_deref()
            .map(|word| saved.namespaces_of(word))
            .transpose()?;
        let question = self.selection.question_among(among, COLUMNS.to_vec());
        let found = question.answer_from(saved.listing);
        Ok(answer(self.language, &found, |_| Vec::new()))
    }
}

fn answer(language: Language, found: &Found, namespaces_of: impl Fn(u64) -> Vec<NsId>) -> Answer {
    let Found { listing, left_out } = found;
    let forest = tree::forest(listing, Order::Owner, None);
    Answer::text(draw(language, listing, &forest, namespaces_of))
        .found(!listing.rows.is_empty())
        .with_notes(left_out.notes())
}

/// Returns the namespaces that a process is in; none if the process is not in the census.
fn namespaces_of(pid: u64, census: &Census) -> Vec<NsId> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let member: Option<&Member> = pid.and_then(|pid| census.member(pid));
    NsKind::ALL
        .into_iter()
        .filter_map(|kind| member?.ns(kind))
        .collect()
}

/// The picture of a forest of owners. `namespaces_of` gives the namespaces that a process is in, as
/// far as that is known.
pub(super) fn draw(
    language: Language,
    listing: &Listing,
    forest: &Forest<&[Cell]>,
    namespaces_of: impl Fn(u64) -> Vec<NsId>,
) -> String {
    let pictures = forest.fold(|row, children| picture(listing, row, children));
    let mut pictures = together(pictures);
    let mut titles = HashMap::default();
    visit(&mut pictures, &mut |picture| {
        titles.extend(
            picture
                .namespaces
                .iter()
                .map(|(_, inode)| (*inode, picture.title.clone())),
        );
    });
    visit(&mut pictures, &mut |picture| {
        let elsewhere = |ns: &NsId| picture.namespaces.iter().all(|(_, own)| *own != ns.inode);
        let shared = picture
            .leader
            .map(&namespaces_of)
            .unwrap_or_default()
            .into_iter()
            .filter(elsewhere);
        let shared = shared.filter_map(|ns| {
            let of = titles
                .get(&ns.inode)
                .filter(|of| **of != picture.title)?
                .clone();
            // Nearly all processes share these with the host.
            let is_usual =
                of == HOST && matches!(ns.kind, NsKind::User | NsKind::Time | NsKind::Cgroup);
            (!is_usual).then_some(Shared {
                kind: ns.kind.name(),
                inode: ns.inode,
                of,
            })
        });
        picture.shared = shared.collect();
    });
    match language {
        Language::Dot => text::dot(&pictures),
        Language::Mermaid => text::mermaid(&pictures),
        Language::Svg => svg::draw(&pictures),
    }
}

/// Shows each box to `see`, those above before those below.
fn visit(pictures: &mut [Picture], see: &mut dyn FnMut(&mut Picture)) {
    for picture in pictures {
        see(picture);
        visit(&mut picture.children, see);
    }
}

/// The title of what belongs to the host.
const HOST: &str = "host";

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
    let is_hosts = match (
        NsKind::from_name(kind.as_bytes()),
        listing.cell(row, Column::Ns),
    ) {
        (Some(kind), Cell::Number(inode)) => NsId {
            kind,
            inode: *inode,
        }
        .is_initial(),
        _ => false,
    };
    let belongs = match (
        listing.cell(row, Column::Container),
        listing.cell(row, Column::Pid),
    ) {
        _ if is_hosts => HOST.to_owned(),
        (Cell::Text(_), _) => format!("{}:{}", shown(Column::Engine), shown(Column::Container)),
        (_, Cell::Number(pid)) => format!("process {pid} of {}", shown(Column::User)),
        _ if listing.cell(row, Column::Nsfs) != &Cell::Nothing => shown(Column::Nsfs),
        _ => "held otherwise".to_owned(),
    };
    // Whose process has the lowest id on a host says nothing.
    let command = if is_hosts {
        String::new()
    } else {
        shown(Column::Command)
    };
    let leader = if is_hosts {
        None
    } else {
        listing.number(row, Column::Pid)
    };
    let mut children = together(children);
    let mut namespaces = vec![(namespace, listing.number(row, Column::Ns).unwrap_or(0))];
    // What belongs to the same as the user namespace is in one box with it.
    if let Some(place) = children
        .iter()
        .position(|child| !child.owns && child.title == belongs)
    {
        namespaces.append(&mut children.remove(place).namespaces);
    }
    Picture {
        title: belongs,
        command,
        namespaces,
        leader,
        shared: Vec::new(),
        owns,
        children,
    }
}

/// Puts neighbours into one box that belong to the same and own nothing.
fn together(pictures: Vec<Picture>) -> Vec<Picture> {
    let mut boxes: Vec<Picture> = Vec::new();
    for mut picture in pictures {
        let fits =
            |other: &&mut Picture| !other.owns && !picture.owns && other.title == picture.title;
        match boxes.iter_mut().find(fits) {
            Some(other) => other.namespaces.append(&mut picture.namespaces),
            None => boxes.push(picture),
        }
    }
    boxes
}

impl Picture {
    /// Returns the content of the box, line by line, without the title.
    fn lines(&self) -> impl Iterator<Item = (String, Line)> {
        let command = (!self.command.is_empty()).then(|| (self.command.clone(), Line::Command));
        let namespaces = self
            .namespaces
            .iter()
            .map(|(text, _)| (text.clone(), Line::Namespace));
        let mut others: Vec<(&str, String)> = Vec::new();
        for Shared { kind, of, .. } in &self.shared {
            match others.iter_mut().find(|(other, _)| other == of) {
                Some((_, kinds)) => *kinds += &format!(" {kind}"),
                None => others.push((of, (*kind).to_owned())),
            }
        }
        let shared = others
            .into_iter()
            .map(|(of, kinds)| (format!("{kinds} of {of}"), Line::Shared));
        command.into_iter().chain(namespaces).chain(shared)
    }
}

/// The kind of content that a line in a box has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Command,
    Namespace,
    Shared,
}

/// A text cut to so many characters, with an ellipsis where that takes something away.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 1).chain(['…']).collect()
    }
}
