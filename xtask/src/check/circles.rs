//! Circles of imports between the files of a crate.
//!
//! A module may import from its parent, which often re-exports what its children define, so paths
//! between a module and those within it do not count.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// The path of a module, from the root of its crate.
type Module = Vec<String>;

/// The modules of a crate, with those that each one names.
type Imports = BTreeMap<Module, BTreeSet<Module>>;

/// Returns a circle of imports in a crate, as a sentence; `None` if there is none. The files are
/// those below the `src` directory of the crate.
pub(super) fn circle(files: &[(PathBuf, String)]) -> Option<String> {
    let modules: BTreeMap<Module, &str> = files
        .iter()
        .map(|(path, text)| (module(path), text.as_str()))
        .collect();
    let imports = modules.iter().map(|(module, text)| {
        let named = paths(text).into_iter().map(|path| resolve(module, path));
        let named = named.filter_map(|path| nearest(path, &modules));
        let apart = named.filter(|other| !other.starts_with(module) && !module.starts_with(other));
        (module.clone(), apart.collect())
    });
    let circle = find(imports.collect())?;
    let names: Vec<_> = circle.iter().map(|module| module.join("::")).collect();
    Some(format!("imports go in a circle: {}", names.join(" → ")))
}

/// Returns the module of a file.
fn module(path: &Path) -> Module {
    let path = path.with_extension("");
    let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
    let mut parts: Module = parts.collect();
    if parts
        .last()
        .is_some_and(|last| last == "mod" || last == "lib")
    {
        parts.pop();
    }
    parts
}

/// Returns the paths in a text that begin with `crate` or `super`, but for those in its tests.
fn paths(text: &str) -> Vec<Module> {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text);
    let code = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default());
    let code: String = code.collect::<Vec<_>>().join("\n");
    let mut paths = Vec::new();
    for (start, word) in code
        .match_indices("crate")
        .chain(code.match_indices("super"))
    {
        let is_first = !code[..start].ends_with(|before: char| is_name(before) || before == ':');
        if is_first && code[start + word.len()..].starts_with("::") {
            tree(&mut &code[start..], &[], &mut paths);
        }
    }
    paths
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Reads the paths of a tree, such as `a::{b, c::d}`, each behind `before`.
fn tree(text: &mut &str, before: &[String], paths: &mut Vec<Module>) {
    let mut path = before.to_vec();
    loop {
        *text = text.trim_start();
        if let Some(list) = text.strip_prefix('{') {
            *text = list;
            loop {
                tree(text, &path, paths);
                let Some(end) = text.find([',', '}']) else {
                    return;
                };
                let is_last = text[end..].starts_with('}');
                *text = &text[end + 1..];
                if is_last {
                    return;
                }
            }
        }
        let end = text.find(|letter| !is_name(letter)).unwrap_or(text.len());
        path.push(text[..end].to_owned());
        *text = &text[end..];
        match text.strip_prefix("::") {
            Some(rest) => *text = rest,
            None => break,
        }
    }
    paths.push(path);
}

/// Returns a path from the root of the crate, for one that stands in `module`.
fn resolve(module: &Module, path: Module) -> Module {
    let mut resolved = module.clone();
    for part in path {
        match part.as_str() {
            "crate" => resolved.clear(),
            "super" => drop(resolved.pop()),
            _ => resolved.push(part),
        }
    }
    resolved
}

/// Returns the module that a path leads to or into.
fn nearest(mut path: Module, modules: &BTreeMap<Module, &str>) -> Option<Module> {
    while !path.is_empty() && !modules.contains_key(&path) {
        path.pop();
    }
    (!path.is_empty()).then_some(path)
}

/// Returns the modules of a circle, the first one also at the end.
fn find(mut imports: Imports) -> Option<Vec<Module>> {
    // Modules that import nothing are in no circle; without them, others import nothing.
    loop {
        let rest: BTreeSet<_> = imports.keys().cloned().collect();
        imports.retain(|_, named| named.iter().any(|other| rest.contains(other)));
        if imports.len() == rest.len() {
            break;
        }
    }
    // From any of the others, imports lead round.
    let mut way = vec![imports.keys().next()?.clone()];
    loop {
        let named = &imports[way.last()?];
        let next = named
            .iter()
            .find(|other| imports.contains_key(*other))?
            .clone();
        if let Some(start) = way.iter().position(|module| *module == next) {
            way.push(next);
            return Some(way.split_off(start));
        }
        way.push(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Option<String> {
        let files = files
            .iter()
            .map(|(path, text)| (path.into(), (*text).to_owned()));
        circle(&files.collect::<Vec<_>>())
    }

    #[test]
    fn a_circle_is_found_through_any_form_of_path() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c;"),
            ("a/mod.rs", "use crate::{b::{self, x as y}, d};"),
            ("a/d.rs", "use super::super::c;"),
            ("b.rs", "fn f() { crate::c::g(); }"),
            ("c.rs", "use super::{\n    b as other,\n    e::f,\n};"),
        ];
        assert_eq!(found(&files).unwrap(), "imports go in a circle: b → c → b");
    }

    #[test]
    fn parents_comments_and_tests_do_not_count() {
        let files = [
            ("a/mod.rs", "use b::x; // crate::c"),
            ("a/b.rs", "use super::x;"),
            (
                "c.rs",
                "use crate::a;\n#[cfg(test)]\nmod tests {\n use super::*; }",
            ),
        ];
        assert_eq!(found(&files), None);
    }
}
