//! The tree of owners as a graph: each user namespace with the namespaces that it owns.
//!
//! Namespaces that belong to the same process or container are one node, so that the graph of a
//! host with hundreds of namespaces can be read. A node names the namespaces of other nodes that its
//! process is in, and is connected to those nodes.

mod layout;
mod svg;
mod text;

use super::{
    question::Found,
    saved::Saved,
    selection::Selection,
    tree::{self, Order},
};
use crate::{
    answer::Answer,
    error::Error,
    query::{cell::Cell, column::NsColumn, forest::Forest, listing::Listing, system::System},
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

/// The language of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// For graphviz
    Dot,
    /// For Markdown pages
    Mermaid,
    /// For a browser
    Svg,
}

/// The columns from which the graph is made.
const COLUMNS: [NsColumn; 10] = [
    NsColumn::Ns,
    NsColumn::Type,
    NsColumn::Nprocs,
    NsColumn::Pid,
    NsColumn::User,
    NsColumn::Command,
    NsColumn::Nsfs,
    NsColumn::Container,
    NsColumn::Engine,
    NsColumn::Owner,
];

/// A node: a user namespace, or namespaces that belong together. Texts are safe to show, but not
/// escaped for a language.
pub(crate) struct Node {
    /// The process or container that the namespaces belong to.
    pub(crate) title: String,
    /// The command that runs in the namespaces; empty if none runs there.
    pub(crate) command: String,
    /// The namespaces: a description, and the inode number.
    pub(crate) namespaces: Vec<(String, u64)>,
    /// The process that stands for the node.
    pub(crate) leader: Option<u64>,
    /// The namespaces of other nodes that the process is in.
    pub(crate) shared: Vec<Shared>,
    /// `true` if the node is a user namespace, which owns its children.
    pub(crate) owns: bool,
    pub(crate) children: Vec<Self>,
}

/// A namespace of another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shared {
    pub(crate) kind: String,
    pub(crate) inode: u64,
    /// The title of the other node, which is named in a line of this one; `None` if an edge is
    /// enough.
    pub(crate) of: Option<String>,
}

impl Shared {
    /// Returns whether an edge is drawn. Nearly everything shares something with the host.
    fn is_drawn(&self) -> bool {
        self.of.as_deref() != Some(HOST)
    }
}

impl Graph {
    /// Draws the namespaces of a system.
    pub(super) fn answer(self, system: &System) -> Result<Answer, Error> {
        let question = self.selection.question(COLUMNS.to_vec(), &system.proc)?;
        let census = question.census(system)?;
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

/// Draws a forest of owners. `namespaces_of` returns the namespaces that a process is in, as far as
/// they are known.
pub(super) fn draw(
    language: Language,
    listing: &Listing,
    forest: &Forest<&[Cell]>,
    namespaces_of: impl Fn(u64) -> Vec<NsId>,
) -> String {
    let nodes = forest.fold(|row, children| node(listing, row, children));
    let mut nodes = together(nodes);
    let mut titles = HashMap::default();
    visit(&mut nodes, &mut |node| {
        titles.extend(
            node.namespaces
                .iter()
                .map(|(_, inode)| (*inode, node.title.clone())),
        );
    });
    visit(&mut nodes, &mut |node| {
        let elsewhere = |ns: &NsId| node.namespaces.iter().all(|(_, own)| *own != ns.inode);
        let shared = node
            .leader
            .map(&namespaces_of)
            .unwrap_or_default()
            .into_iter()
            .filter(elsewhere);
        let shared = shared.filter_map(|ns| {
            let of = titles
                .get(&ns.inode)
                .filter(|of| **of != node.title)?
                .clone();
            // Nearly all processes share these with the host.
            let is_usual =
                of == HOST && matches!(ns.kind, NsKind::User | NsKind::Time | NsKind::Cgroup);
            (!is_usual).then_some(Shared {
                kind: ns.kind.name().to_owned(),
                inode: ns.inode,
                of: Some(of),
            })
        });
        node.shared = shared.collect();
    });
    render(language, &nodes)
}

/// Draws nodes with their edges.
pub(crate) fn render(language: Language, nodes: &[Node]) -> String {
    match language {
        Language::Dot => text::dot(nodes),
        Language::Mermaid => text::mermaid(nodes),
        Language::Svg => svg::draw(nodes),
    }
}

/// Passes each node to `see`, parents before children.
fn visit(nodes: &mut [Node], see: &mut dyn FnMut(&mut Node)) {
    for node in nodes {
        see(node);
        visit(&mut node.children, see);
    }
}

/// The title of the node of the host.
const HOST: &str = "host";

fn node(listing: &Listing, row: &[Cell], children: Vec<Node>) -> Node {
    let shown = |column| listing.cell(row, column).shown();
    let kind = shown(NsColumn::Type);
    let owns = kind == "user";
    let processes = match listing.cell(row, NsColumn::Nprocs) {
        Cell::Number(0) => "no process".to_owned(),
        Cell::Number(1) => "1 process".to_owned(),
        cell => format!("{} processes", cell.shown()),
    };
    let namespace = format!("{kind} {}, {processes}", shown(NsColumn::Ns));
    let is_hosts = match (
        NsKind::from_name(kind.as_bytes()),
        listing.cell(row, NsColumn::Ns),
    ) {
        (Some(kind), Cell::Number(inode)) => NsId {
            kind,
            inode: *inode,
        }
        .is_initial(),
        _ => false,
    };
    let belongs = match (
        listing.cell(row, NsColumn::Container),
        listing.cell(row, NsColumn::Pid),
    ) {
        _ if is_hosts => HOST.to_owned(),
        (Cell::Text(_), _) => format!("{}:{}", shown(NsColumn::Engine), shown(NsColumn::Container)),
        (_, Cell::Number(pid)) => format!("process {pid} of {}", shown(NsColumn::User)),
        _ if listing.cell(row, NsColumn::Nsfs) != &Cell::Nothing => shown(NsColumn::Nsfs),
        _ => "held otherwise".to_owned(),
    };
    // The first process of a host says nothing about the host's namespaces.
    let command = if is_hosts {
        String::new()
    } else {
        shown(NsColumn::Command)
    };
    let leader = if is_hosts {
        None
    } else {
        listing.number(row, NsColumn::Pid)
    };
    let mut children = together(children);
    let mut namespaces = vec![(namespace, listing.number(row, NsColumn::Ns).unwrap_or(0))];
    // Namespaces with the same title as the user namespace join its node.
    if let Some(index) = children
        .iter()
        .position(|child| !child.owns && child.title == belongs)
    {
        namespaces.append(&mut children.remove(index).namespaces);
    }
    Node {
        title: belongs,
        command,
        namespaces,
        leader,
        shared: Vec::new(),
        owns,
        children,
    }
}

/// Merges siblings that have the same title and own nothing.
fn together(nodes: Vec<Node>) -> Vec<Node> {
    let mut boxes: Vec<Node> = Vec::new();
    for mut node in nodes {
        let fits = |other: &&mut Node| !other.owns && !node.owns && other.title == node.title;
        match boxes.iter_mut().find(fits) {
            Some(other) => other.namespaces.append(&mut node.namespaces),
            None => boxes.push(node),
        }
    }
    boxes
}

impl Node {
    /// Returns the lines of the node after the title.
    fn lines(&self) -> impl Iterator<Item = (String, Line)> {
        let command = (!self.command.is_empty()).then(|| (self.command.clone(), Line::Command));
        let namespaces = self
            .namespaces
            .iter()
            .map(|(text, _)| (text.clone(), Line::Namespace));
        let mut others: Vec<(&str, String)> = Vec::new();
        let named = self.shared.iter();
        let named = named.filter_map(|shared| Some((&shared.kind, shared.of.as_ref()?)));
        for (kind, of) in named {
            match others.iter_mut().find(|(other, _)| other == of) {
                Some((_, kinds)) => *kinds += &format!(" {kind}"),
                None => others.push((of, kind.clone())),
            }
        }
        let shared = others
            .into_iter()
            .map(|(of, kinds)| (format!("{kinds} of {of}"), Line::Shared));
        command.into_iter().chain(namespaces).chain(shared)
    }
}

/// The kind of a line of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line {
    Command,
    Namespace,
    Shared,
}

/// Cuts a text to `most` characters, of which the last is an ellipsis if the text is longer.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        text.to_owned()
    } else {
        text.chars().take(most - 1).chain(['…']).collect()
    }
}
