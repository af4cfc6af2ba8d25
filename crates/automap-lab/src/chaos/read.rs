//! Parses YAML documents into experiments: what all kinds have in common. Rejects what the admission webhook of Chaos Mesh would reject.

use automap_chaos::injection::Role;
use serde_json::Value;

use super::changes::{self, CHANGE_KINDS};
use super::experiment::{Experiment, Fault};
use super::fields::{ChaosError, Fields};
use super::places::{self, PLACE_KINDS};
use super::selector_fields::{mode, selector};
use super::{kinds, quantity};
use crate::plan;

/// The kinds that the lab supports.
pub const KINDS: [&str; 5] = ["HTTPChaos", "IOChaos", "NetworkChaos", "PodChaos", "StressChaos"];

const API_VERSION: &str = "chaos-mesh.org/v1alpha1";
/// States whether an experiment is the cause to be found, a decoy beside it, or a condition of it.
const ROLE_ANNOTATION: &str = "lab.automap/role";
const FILE_BYTES_MAX: usize = 256 * 1024;
const DOCUMENTS_MAX: usize = 100;
const NAME_BYTES_MAX: usize = 253;

/// Parses all documents of a file.
///
/// # Arguments
/// - `file`: name of the file, for error messages only.
///
/// # Errors
/// When a document is invalid or not supported. The message names file, document and field, and what would be supported.
pub fn parse(file: &str, yaml: &str) -> Result<Vec<Experiment>, ChaosError> {
    let fail = |problem: String| ChaosError::File { file: file.to_owned(), problem };
    if yaml.len() > FILE_BYTES_MAX {
        return Err(fail(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(yaml).map_err(|e| fail(format!("is not valid YAML: {}", e.without_snippet())))?;
    let documents: Vec<&Value> = documents.iter().filter(|d| !d.is_null()).collect();
    if documents.is_empty() || documents.len() > DOCUMENTS_MAX {
        return Err(fail(format!("holds {} documents; expected 1 to {DOCUMENTS_MAX}", documents.len())));
    }
    let number = |(i, value): (usize, &&Value)| document(&format!("{file}, document {}", i + 1), value);
    documents.iter().enumerate().map(number).collect()
}

fn document(place: &str, value: &Value) -> Result<Experiment, ChaosError> {
    let root = Fields::root(place, value)?;
    let api_version = root.text("apiVersion")?;
    let kind = match api_version {
        API_VERSION => root.word("kind", &KINDS.map(|k| (k, k)), None)?,
        changes::API_VERSION => {
            let kinds: Vec<(&str, &str)> = CHANGE_KINDS.into_iter().chain(PLACE_KINDS).map(|k| (k, k)).collect();
            root.word("kind", &kinds, None)?
        }
        other => {
            let problem = format!("{other:?} is not a Chaos Mesh experiment; expected {API_VERSION}");
            return Err(
                root.wrong("apiVersion", problem + ", or " + changes::API_VERSION + " for what is the lab's own")
            );
        }
    };
    let metadata = root.object("metadata", "metadata")?;
    let name = metadata.text("name")?;
    if !is_kubernetes_name(name) {
        return Err(metadata.wrong("name", format!("{name:?} is not a name that Kubernetes takes: a-z, 0-9, - and .")));
    }
    let place = format!("{place} ({kind} {name})");
    let (root, metadata) = (root.of_document(&place), metadata.of_document(&place));
    root.only(&["apiVersion", "kind", "metadata", "spec"])?;
    metadata.only(&["name", "namespace", "labels", "annotations"])?;
    let namespace = metadata.text_opt("namespace")?.unwrap_or(plan::NAMESPACE);
    let role = role(&metadata)?;
    let spec = root.object("spec", "spec")?;
    let echo = value.get("spec").cloned().unwrap_or_default();
    let name = name.to_owned();
    if api_version == changes::API_VERSION {
        let read = if PLACE_KINDS.contains(&kind) { places::fault } else { changes::change };
        let (action, fault, selector, mode) = read(kind, &spec)?;
        let duration = duration(&spec, &fault)?;
        let role = role.unwrap_or_else(|| default_role(&fault));
        return Ok(Experiment { kind, action, name, selector, mode, duration, fault, role, spec: echo });
    }
    let (action, fault) = match kind {
        "NetworkChaos" => kinds::network(&spec)?,
        "PodChaos" => kinds::pod(&spec)?,
        "StressChaos" => kinds::stress(&spec)?,
        "IOChaos" => kinds::io(&spec)?,
        _ => kinds::http(&spec)?,
    };
    let mut selector = selector(&spec, "spec.selector")?;
    if selector.namespaces.is_empty() {
        selector.namespaces.push(namespace.to_owned());
    }
    let duration = duration(&spec, &fault)?;
    let (mode, role) = (mode(&spec)?, role.unwrap_or_default());
    Ok(Experiment { kind, action, name, selector, mode, duration, fault, role, spec: echo })
}

/// The role that an annotation sets, if any.
fn role(metadata: &Fields) -> Result<Option<Role>, ChaosError> {
    let annotations = metadata.pairs("annotations")?;
    let Some((_, text)) = annotations.iter().find(|(key, _)| key == ROLE_ANNOTATION) else { return Ok(None) };
    let known = || Role::ALL.map(Role::as_str).join(", ");
    let found = Role::ALL.into_iter().find(|role| role.as_str() == text);
    let wrong =
        || metadata.wrong("annotations", format!("{ROLE_ANNOTATION}: {text:?} is no role; there are {}", known()));
    found.map(Some).ok_or_else(wrong)
}

/// A change without noticeable effect is a decoy, unless an annotation says otherwise.
fn default_role(fault: &Fault) -> Role {
    match fault {
        Fault::Change { change } if change.is_harmless() => Role::Decoy,
        _ => Role::Cause,
    }
}

fn is_kubernetes_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain)
}

fn duration(spec: &Fields, fault: &Fault) -> Result<Option<std::time::Duration>, ChaosError> {
    let duration = spec.read_opt("duration", quantity::duration)?;
    match (duration, fault.is_one_shot()) {
        (Some(_), true) => Err(spec.wrong("duration", "a kill happens once and has no duration; leave it out")),
        (None, false) => Err(spec.wrong("duration", "is required: without it the fault would never end by itself")),
        (Some(d), false) if d.is_zero() => Err(spec.wrong("duration", "must be longer than 0")),
        (duration, _) => Ok(duration),
    }
}
