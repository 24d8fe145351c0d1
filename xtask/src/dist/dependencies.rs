//! The crates that are linked into nsx, with their licences.

use super::output;
use crate::{Outcome, tree};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
};

/// A crate that is linked into nsx.
pub(super) struct Dependency {
    name: String,
    version: String,
    licence: String,
    directory: PathBuf,
    /// `true` if it is part of this repository.
    is_ours: bool,
}

/// Returns the crates that are linked into nsx, in the order of their names.
pub(super) fn all() -> Outcome<Vec<Dependency>> {
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let metadata = output(tree::cargo().args([
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform",
        &triple,
    ]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = by_id(&metadata["packages"]);
    let nodes = by_id(&metadata["resolve"]["nodes"]);
    let mut wanted: Vec<_> = packages
        .values()
        .filter(|package| package["name"] == "nsx")
        .filter_map(|package| package["id"].as_str())
        .collect();
    let mut found = BTreeMap::new();
    while let Some(id) = wanted.pop() {
        let (Some(package), Some(node)) = (packages.get(id), nodes.get(id)) else {
            return Err(format!("cargo metadata lacks {id}").into());
        };
        // What runs in the compiler alone is not part of the program.
        if found.contains_key(id) || is_macro(package) {
            continue;
        }
        for dependency in list(&node["deps"]) {
            let is_linked = list(&dependency["dep_kinds"])
                .iter()
                .any(|kind| kind["kind"].is_null());
            wanted.extend(dependency["pkg"].as_str().filter(|_| is_linked));
        }
        found.insert(id, dependency(package)?);
    }
    let mut found: Vec<_> = found.into_values().collect();
    found.sort_by(|one, other| (&one.name, &one.version).cmp(&(&other.name, &other.version)));
    Ok(found)
}

fn by_id(list: &Value) -> BTreeMap<&str, &Value> {
    let items = self::list(list).iter();
    items
        .filter_map(|item| Some((item["id"].as_str()?, item)))
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is_macro(package: &Value) -> bool {
    list(&package["targets"])
        .iter()
        .any(|target| list(&target["kind"]).contains(&json!("proc-macro")))
}

fn dependency(package: &Value) -> Outcome<Dependency> {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let name = text("name");
    let licence = text("license");
    if licence.is_empty() {
        return Err(format!("{name} does not name its licence").into());
    }
    let manifest = text("manifest_path");
    let directory = Path::new(&manifest).parent();
    Ok(Dependency {
        version: text("version"),
        directory: directory.unwrap_or(Path::new("")).to_owned(),
        is_ours: package["source"].is_null(),
        licence: licence.replace('/', " OR "),
        name,
    })
}

/// Returns the licences of nsx and of all dependencies, each text once.
pub(super) fn licences(dependencies: &[Dependency]) -> Outcome<String> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut all = "nsx is licensed under MIT or Apache-2.0, as you like. The programs contain:\n\n"
        .to_owned();
    for dependency in dependencies {
        let name = format!("{} {}", dependency.name, dependency.version);
        writeln!(all, "{name}: {}", dependency.licence)?;
        let directory = match dependency.is_ours {
            true => tree::root(),
            false => &dependency.directory,
        };
        let texts_of = texts_in(directory)?;
        if texts_of.is_empty() {
            writeln!(all, "  (the crate has no file with the text)")?;
        }
        for text in texts_of {
            let users = texts.entry(text).or_default();
            users.push(name.clone());
        }
    }
    for (text, users) in texts {
        write!(
            all,
            "\n\n--- {} ---\n\n{}\n",
            users.join(", "),
            text.trim_end()
        )?;
    }
    Ok(all)
}

/// Returns the texts of the licences in a crate.
fn texts_in(directory: &Path) -> Outcome<Vec<String>> {
    const NAMES: [&str; 4] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT"];
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_uppercase();
        if path.is_file() && NAMES.iter().any(|start| name.starts_with(start)) {
            found.push(String::from_utf8_lossy(&fs::read(path)?).into_owned());
        }
    }
    Ok(found)
}

/// Returns a bill of materials of CycloneDX 1.5.
pub(super) fn bill(version: &str, dependencies: &[Dependency]) -> Value {
    let component = |dependency: &Dependency| {
        json!({
            "type": "library",
            "bom-ref": dependency.url(),
            "name": dependency.name,
            "version": dependency.version,
            "purl": dependency.url(),
            "licenses": [{"expression": dependency.licence}],
        })
    };
    let others = dependencies.iter().filter(|it| it.name != "nsx");
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "bom-ref": format!("pkg:cargo/nsx@{version}"),
            "name": "nsx",
            "version": version,
            "purl": format!("pkg:cargo/nsx@{version}"),
            "licenses": [{"expression": "MIT OR Apache-2.0"}],
        }},
        "components": others.map(component).collect::<Vec<_>>(),
    })
}

impl Dependency {
    fn url(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}
