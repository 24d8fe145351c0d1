//! `cargo xtask api`: the public items of each library, one line each, so that a change of them is
//! seen in a review.
//!
//! The sources are read, not compiled: rustdoc's JSON is for nightly toolchains only. A type of the
//! crate stands with its name alone, as in the source.

use crate::{
    Outcome,
    tree::{self, Generated},
};
use quote::ToTokens;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};
use syn::{
    Attribute, Fields, ImplItem, Item, ItemImpl, Safety, Signature, TraitItem, Type, UseTree,
    Visibility,
};

/// The libraries whose public items are listed.
const LIBRARIES: [&str; 4] = ["nsx-core", "nsx-getopt", "nsx-net", "nsx-target"];

/// The path of a module: the name of the crate, then those of the modules.
type ModulePath = Vec<String>;

/// Returns the listing of each library.
pub(crate) fn listings() -> Outcome<Vec<Generated>> {
    LIBRARIES.into_iter().map(listing).collect()
}

fn listing(library: &str) -> Outcome<Generated> {
    let directory = PathBuf::from("crates").join(library);
    let root = vec![library.replace('-', "_")];
    let mut modules = BTreeMap::new();
    read_module(&directory.join("src/lib.rs"), root.clone(), &mut modules)?;
    let mut api = Api {
        modules: &modules,
        lines: BTreeSet::new(),
    };
    api.module(&root, &root);
    let lines: Vec<_> = api.lines.into_iter().collect();
    Ok(Generated {
        path: directory.join("api.txt"),
        text: lines.join("\n") + "\n",
        by: "api",
    })
}

/// Reads the items of a module and of those in it.
fn read_module(
    file: &Path,
    path: ModulePath,
    modules: &mut BTreeMap<ModulePath, Vec<Item>>,
) -> Outcome {
    let items = syn::parse_file(&tree::read(file)?)?.items;
    let directory = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("lib" | "mod") | None => file.parent().unwrap_or(Path::new("")).to_owned(),
        Some(stem) => file.with_file_name(stem),
    };
    for item in &items {
        let Item::Mod(module) = item else { continue };
        if module.content.is_some() || is_test(&module.attrs) {
            continue;
        }
        let name = module.ident.to_string();
        let beside = directory.join(format!("{name}.rs"));
        let below = directory.join(&name).join("mod.rs");
        let file = if tree::root().join(&beside).exists() {
            beside
        } else {
            below
        };
        read_module(&file, [&path[..], &[name]].concat(), modules)?;
    }
    modules.insert(path, items);
    Ok(())
}

/// The listing of a library in the making.
struct Api<'a> {
    modules: &'a BTreeMap<ModulePath, Vec<Item>>,
    lines: BTreeSet<String>,
}

impl Api<'_> {
    /// Lists the public items of the module `from`, which others know as `path`.
    fn module(&mut self, from: &[String], path: &[String]) {
        let modules = self.modules;
        for item in modules.get(from).into_iter().flatten() {
            match item {
                Item::Use(item) if is_public(&item.vis) && !is_hidden(&item.attrs) => {
                    self.reexport(from, path, &item.tree, &mut Vec::new());
                }
                item => self.item(item, from, path, None),
            }
        }
    }

    /// Lists what a `pub use` in the module `from` names.
    fn reexport(
        &mut self,
        from: &[String],
        path: &[String],
        tree: &UseTree,
        way: &mut Vec<String>,
    ) {
        match tree {
            UseTree::Path(step) => {
                way.push(step.ident.to_string());
                self.reexport(from, path, &step.tree, way);
                way.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.reexport(from, path, tree, way);
                }
            }
            UseTree::Glob(_) => match self.resolve(from, way) {
                Some(module) => self.module(&module, path),
                None => self.foreign(path, "*", way),
            },
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.named(from, path, way, &name, &name);
            }
            UseTree::Rename(name) => {
                let (own, new) = (name.ident.to_string(), name.rename.to_string());
                self.named(from, path, way, &own, &new);
            }
        }
    }

    fn named(&mut self, from: &[String], path: &[String], way: &[String], own: &str, new: &str) {
        let modules = self.modules;
        let found = self.resolve(from, way).and_then(|module| {
            let mut items = modules.get(&module)?.iter();
            Some((
                items.find(|item| name_of(item).as_deref() == Some(own))?,
                module,
            ))
        });
        match found {
            Some((item, module)) => self.item(item, &module, path, Some(new)),
            None => self.foreign(path, new, &[way, &[own.to_owned()]].concat()),
        }
    }

    fn foreign(&mut self, path: &[String], name: &str, way: &[String]) {
        let line = format!("pub use {}::{name} = {}", path.join("::"), way.join("::"));
        self.lines.insert(line);
    }

    /// Returns the module that a path leads to from `from`, if it is one of this library.
    fn resolve(&self, from: &[String], way: &[String]) -> Option<ModulePath> {
        let (mut at, rest) = match way.first().map(String::as_str) {
            Some("crate") => (from[..1].to_vec(), &way[1..]),
            Some("self") => (from.to_vec(), &way[1..]),
            Some("super") => (from[..from.len() - 1].to_vec(), &way[1..]),
            _ => (from.to_vec(), way),
        };
        at.extend(rest.iter().cloned());
        self.modules.contains_key(&at).then_some(at)
    }

    /// Lists an item of the module `from`, under another name if there is one.
    fn item(&mut self, item: &Item, from: &[String], path: &[String], name: Option<&str>) {
        let Some(own) = name_of(item).filter(|_| is_shown(item)) else {
            return;
        };
        let full = format!("{}::{}", path.join("::"), name.unwrap_or(&own));
        let mut line = |text: String| {
            self.lines.insert(text);
        };
        match item {
            Item::Fn(item) => line(signature(&item.sig, &full)),
            Item::Const(item) => line(format!("pub const {full}: {}", text(&item.ty))),
            Item::Static(item) => line(format!("pub static {full}: {}", text(&item.ty))),
            Item::Type(item) => line(format!(
                "pub type {full}{} = {}",
                text(&item.generics),
                text(&item.ty)
            )),
            Item::Struct(item) => {
                let attributes = attributes(&item.attrs);
                line(format!(
                    "pub struct {full}{}{attributes}",
                    text(&item.generics)
                ));
                for field in fields(&item.fields) {
                    line(format!("pub {full}::{field}"));
                }
                self.impls(&own, from, &full);
            }
            Item::Enum(item) => {
                let attributes = attributes(&item.attrs);
                line(format!(
                    "pub enum {full}{}{attributes}",
                    text(&item.generics)
                ));
                for variant in item.variants.iter().filter(|one| !is_hidden(&one.attrs)) {
                    line(format!(
                        "pub {full}::{}{}",
                        variant.ident,
                        text(&variant_fields(variant)).replace('{', " {")
                    ));
                }
                self.impls(&own, from, &full);
            }
            Item::Trait(item) => {
                line(format!("pub trait {full}{}", text(&item.generics)));
                for item in &item.items {
                    if let TraitItem::Fn(function) = item {
                        line(signature(
                            &function.sig,
                            &format!("{full}::{}", function.sig.ident),
                        ));
                    }
                }
            }
            Item::Mod(module) => {
                line(format!("pub mod {full}"));
                let from = [from, std::slice::from_ref(&own)].concat();
                let path = [path, &[name.unwrap_or(&own).to_owned()]].concat();
                if module.content.is_none() {
                    self.module(&from, &path);
                }
            }
            _ => {}
        }
    }

    /// Lists the implementations for a type that the module `from` defines.
    fn impls(&mut self, own: &str, from: &[String], full: &str) {
        let modules = self.modules;
        for (module, items) in modules {
            for item in items {
                if let Item::Impl(item) = item
                    && self_type(item).as_deref() == Some(own)
                    && self.means(module, own, from)
                {
                    self.implementation(item, full);
                }
            }
        }
    }

    /// Returns whether the name `own` in `module` is that of the type in the module `from`.
    fn means(&self, module: &[String], own: &str, from: &[String]) -> bool {
        let defines = |module: &[String]| {
            let items = self.modules.get(module).into_iter().flatten();
            items
                .filter(|item| matches!(item, Item::Struct(_) | Item::Enum(_)))
                .any(|item| name_of(item).as_deref() == Some(own))
        };
        if defines(module) {
            return module == from;
        }
        let owners: Vec<_> = self
            .modules
            .keys()
            .filter(|module| defines(module))
            .collect();
        let nearest = owners.iter().max_by_key(|owner| {
            let common = owner
                .iter()
                .zip(module)
                .take_while(|(one, other)| one == other);
            common.count()
        });
        nearest.is_some_and(|owner| **owner == from)
    }

    fn implementation(&mut self, item: &ItemImpl, full: &str) {
        if let Some((path, _)) = &item.trait_ {
            self.lines.insert(format!("impl {} for {full}", text(path)));
            return;
        }
        for item in &item.items {
            match item {
                ImplItem::Fn(function)
                    if is_public(&function.vis) && !is_hidden(&function.attrs) =>
                {
                    let full = format!("{full}::{}", function.sig.ident);
                    self.lines.insert(signature(&function.sig, &full));
                }
                ImplItem::Const(constant)
                    if is_public(&constant.vis) && !is_hidden(&constant.attrs) =>
                {
                    let (name, kind) = (&constant.ident, text(&constant.ty));
                    self.lines
                        .insert(format!("pub const {full}::{name}: {kind}"));
                }
                _ => {}
            }
        }
    }
}

fn signature(signature: &Signature, full: &str) -> String {
    let constant = signature.constness.map_or("", |_| "const ");
    let safety = match signature.safety {
        Safety::Unsafe(_) => "unsafe ",
        _ => "",
    };
    let (generics, inputs) = (text(&signature.generics), text(&signature.inputs));
    let inputs = inputs.trim_end_matches([',', ' ']);
    let output = text(&signature.output);
    let bounds = text(&signature.generics.where_clause);
    format!("pub {constant}{safety}fn {full}{generics}({inputs}) {output} {bounds}")
        .trim_end()
        .to_owned()
}

/// Returns the attributes that users of a type depend on.
fn attributes(attributes: &[Attribute]) -> String {
    let shown = ["derive", "non_exhaustive"];
    attributes
        .iter()
        .filter(|attribute| shown.iter().any(|name| attribute.path().is_ident(name)))
        .map(|attribute| format!(" {}", text(attribute)))
        .collect()
}

/// Returns the public fields, as `name: Type`.
fn fields(fields: &Fields) -> Vec<String> {
    let public = |(index, field): (usize, &syn::Field)| {
        let name = field
            .ident
            .as_ref()
            .map_or(index.to_string(), ToString::to_string);
        is_public(&field.vis).then(|| format!("{name}: {}", text(&field.ty)))
    };
    fields.iter().enumerate().filter_map(public).collect()
}

/// Returns the fields of a variant without documentation and attributes.
fn variant_fields(variant: &syn::Variant) -> Fields {
    let mut fields = variant.fields.clone();
    fields.iter_mut().for_each(|field| field.attrs.clear());
    fields
}

fn self_type(item: &ItemImpl) -> Option<String> {
    match &*item.self_ty {
        Type::Path(path) => Some(path.path.segments.last()?.ident.to_string()),
        _ => None,
    }
}

fn name_of(item: &Item) -> Option<String> {
    Some(match item {
        Item::Const(item) => item.ident.to_string(),
        Item::Enum(item) => item.ident.to_string(),
        Item::Fn(item) => item.sig.ident.to_string(),
        Item::Mod(item) => item.ident.to_string(),
        Item::Static(item) => item.ident.to_string(),
        Item::Struct(item) => item.ident.to_string(),
        Item::Trait(item) => item.ident.to_string(),
        Item::Type(item) => item.ident.to_string(),
        _ => return None,
    })
}

/// Returns whether an item is public and documented.
fn is_shown(item: &Item) -> bool {
    let (visibility, attributes) = match item {
        Item::Const(item) => (&item.vis, &item.attrs),
        Item::Enum(item) => (&item.vis, &item.attrs),
        Item::Fn(item) => (&item.vis, &item.attrs),
        Item::Mod(item) => (&item.vis, &item.attrs),
        Item::Static(item) => (&item.vis, &item.attrs),
        Item::Struct(item) => (&item.vis, &item.attrs),
        Item::Trait(item) => (&item.vis, &item.attrs),
        Item::Type(item) => (&item.vis, &item.attrs),
        _ => return false,
    };
    is_public(visibility) && !is_hidden(attributes) && !is_test(attributes)
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

fn is_hidden(attributes: &[Attribute]) -> bool {
    let is = |attribute: &Attribute| text(attribute) == "#[doc(hidden)]";
    attributes.iter().any(is)
}

fn is_test(attributes: &[Attribute]) -> bool {
    let is = |attribute: &Attribute| text(attribute) == "#[cfg(test)]";
    attributes.iter().any(is)
}

/// Returns the text of a part of the source, with spaces as a person would set them.
fn text(part: &impl ToTokens) -> String {
    let mut text = part.to_token_stream().to_string();
    for (from, to) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" ::", "::"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        (",)", ")"),
        (" :", ":"),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        ("& ", "&"),
        ("[ ", "["),
        (" ]", "]"),
        ("# [", "#["),
        (" ;", ";"),
        (" .", "."),
        (", }", " }"),
        (", >", ">"),
        (",(", ", ("),
    ] {
        text = text.replace(from, to);
    }
    text
}
