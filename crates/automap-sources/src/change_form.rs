//! The plain form of a change, as people and pipelines write it: in files (`--changes FILE`) and in bodies of `POST /api/v1/changes`.
//!
//! One JSON object, a list of them, or an object with the list under `changes`. Each entry is read on its own: an unreadable one does not invalidate
//! the others, unless the caller wants that. Not decided here: which service of the metrics an entry refers to; that is known only when the two are
//! joined.

use std::path::Path;

use automap_core::change::{Change, ChangeKind, MAX_CHANGES, Told};
use automap_core::text::{observed_name, shown};
use automap_core::time::{Interval, Timestamp};
use serde_json::{Map, Value};

use crate::bounded;

/// Largest file that is read.
pub const MAX_FILE_BYTES: u64 = 16 << 20;
/// The fields of an entry.
const FIELDS: [&str; 12] =
    ["at", "kind", "service", "subject", "from", "to", "url", "id", "target", "namespace", "cluster", "environment"];
/// Further fields that `automap changes -o json` writes and that are ignored here.
const WRITTEN: [&str; 2] = ["uncertainty_ms", "source"];
/// Longest piece of an entry in a message, in characters.
const MAX_SHOWN_CHARS: usize = 60;
/// Numbers from this one on are milliseconds since 1970, smaller ones are seconds.
const FIRST_MS: i64 = 100_000_000_000;

/// A change in the plain form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainChange {
    /// The change; its service has the sender's name for it.
    pub change: Change,
    /// The sender's id for it, the same if it is sent again.
    pub id: Option<String>,
    /// The target that it belongs to.
    pub target: Option<String>,
    /// The namespace of the service.
    pub namespace: Option<String>,
    /// The cluster of the service.
    pub cluster: Option<String>,
    /// Where it was deployed, such as `production`.
    pub environment: Option<String>,
}

/// Why a file of changes cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct ChangeFileError {
    /// The file.
    pub file: String,
    /// What is wrong, and where.
    pub problem: String,
}

/// Reads a file of changes, each with its time.
///
/// # Errors
/// [`ChangeFileError`] when the file cannot be read, is too large, is not JSON, or an entry cannot be understood.
pub fn read(path: &Path) -> Result<Vec<Change>, ChangeFileError> {
    let fail = |problem: String| ChangeFileError { file: path.display().to_string(), problem };
    let text = bounded::read_text_file(path, MAX_FILE_BYTES).map_err(|e| fail(e.reason.to_string()))?;
    parse_file(&text).map_err(fail)
}

fn parse_file(text: &str) -> Result<Vec<Change>, String> {
    let body: Value = serde_json::from_str(text).map_err(|e| format!("{e}; write [{{\"at\": …, \"kind\": …}}, …]"))?;
    let entries = entries(&body)?;
    let change = |(i, entry)| {
        let plain = entry_of(entry, None, "file").map_err(|reason| format!("changes[{i}]: {reason}"))?;
        Ok(plain.change)
    };
    let changes: Vec<Change> = entries.iter().enumerate().map(change).collect::<Result<_, String>>()?;
    match changes.len() {
        0 => Err("there is no change in it".to_owned()),
        n if n > MAX_CHANGES => Err(format!("{n} changes, at most {MAX_CHANGES} are possible")),
        _ => Ok(changes),
    }
}

/// What a file contributes to an observation of this time: its changes, for the time that both cover.
pub fn told(changes: Vec<Change>, span: Interval) -> Told {
    let first = changes.iter().map(|c| c.at.plus_ms(-c.uncertainty_ms)).min();
    let period = Interval::new(first.map_or(span.start, |at| at.min(span.start)), span.end);
    Told { changes, period, observed: Vec::new() }
}

/// The entries of a body.
///
/// # Errors
/// A description of what the body is instead.
pub fn entries(body: &Value) -> Result<&[Value], String> {
    match body {
        Value::Array(entries) => Ok(entries),
        Value::Object(fields) if !fields.contains_key("changes") => Ok(std::slice::from_ref(body)),
        Value::Object(fields) => {
            let list = fields.get("changes").and_then(Value::as_array);
            list.map(Vec::as_slice).ok_or_else(|| "`changes` is not a list".to_owned())
        }
        _ => Err("it is neither a change nor a list of changes".to_owned()),
    }
}

/// Reads one entry. One without a time was made at `now`; `source` names where it comes from.
///
/// ```
/// use automap_sources::change_form::entry_of;
///
/// let entry = serde_json::json!({"at": "2026-11-25T14:02:28Z", "kind": "release", "service": "orders", "to": "1.4.3"});
/// let plain = entry_of(&entry, None, "file").unwrap();
/// assert_eq!((plain.change.to.as_deref(), plain.change.subject.as_str()), (Some("1.4.3"), "orders"));
/// assert!(entry_of(&serde_json::json!({"at": 1, "kind": "relaese"}), None, "file").unwrap_err().contains("release, rollback"));
/// ```
///
/// # Errors
/// Which field is wrong, and what to write instead.
pub fn entry_of(entry: &Value, now: Option<Timestamp>, source: &str) -> Result<PlainChange, String> {
    let fields = entry.as_object().ok_or("it is not an object")?;
    if let Some(unknown) = fields.keys().find(|key| !FIELDS.contains(&key.as_str()) && !WRITTEN.contains(&key.as_str()))
    {
        let unknown = shown(unknown, MAX_SHOWN_CHARS);
        return Err(format!("`{unknown}` is no field of a change; there are {}", FIELDS.join(", ")));
    }
    let text = |name: &str| text(fields, name);
    let at = match fields.get("at") {
        None | Some(Value::Null) => now.ok_or("`at` is missing: write a time as 2026-11-25T14:02:28Z")?,
        Some(value) => time(value).ok_or_else(|| {
            format!("`at` is {}, no time as 2026-11-25T14:02:28Z", shown(&value.to_string(), MAX_SHOWN_CHARS))
        })?,
    };
    let kind = text("kind")?.ok_or_else(|| format!("`kind` is missing: write one of {}", listed_kinds()))?;
    let kind = kind_of(&kind)
        .ok_or_else(|| format!("`kind` is '{}', none of {}", shown(&kind, MAX_SHOWN_CHARS), listed_kinds()))?;
    let service = text("service")?.map(|name| observed_name(&name).into_owned());
    let subject = text("subject")?.or_else(|| service.clone());
    let subject = subject.ok_or("both `service` and `subject` are missing: what was changed?")?;
    let mut change = Change {
        at,
        kind,
        service,
        subject,
        from: text("from")?,
        to: text("to")?,
        uncertainty_ms: fields.get("uncertainty_ms").and_then(Value::as_i64).unwrap_or(0),
        source: text("source")?.unwrap_or_else(|| source.to_owned()),
        url: text("url")?,
    };
    change.clean();
    let name = |field: &str| Ok::<_, String>(text(field)?.map(|name| observed_name(&name).into_owned()));
    Ok(PlainChange {
        change,
        id: name("id")?,
        target: name("target")?,
        namespace: name("namespace")?,
        cluster: name("cluster")?,
        environment: name("environment")?,
    })
}

/// A string or a number; `None` if it is missing, empty or `null`.
fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) => Ok(Some(number.to_string())),
        Some(_) => Err(format!("`{name}` is neither a text nor a number")),
    }
}

/// A time as RFC 3339, or as seconds or milliseconds since 1970.
pub fn time(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => Timestamp::parse_rfc3339(text.trim()),
        Value::Number(number) => {
            let seconds = number.as_f64().filter(|n| n.is_finite() && n.abs() < 1e15)?;
            let ms = if seconds.abs() < FIRST_MS as f64 { seconds * 1e3 } else { seconds };
            Some(Timestamp::from_ms(ms.round() as i64))
        }
        _ => None,
    }
}

/// The kind that a word means: its JSON name, or a word that pipelines use for it.
///
/// ```
/// use automap_core::change::ChangeKind;
/// use automap_sources::change_form::kind_of;
///
/// assert_eq!(kind_of("config_map"), Some(ChangeKind::ConfigMap));
/// assert_eq!(kind_of("Deploy"), Some(ChangeKind::Release));
/// assert_eq!(kind_of("orders"), None);
/// ```
pub fn kind_of(word: &str) -> Option<ChangeKind> {
    let word = word.to_ascii_lowercase().replace(['-', ' '], "_");
    Some(match word.as_str() {
        "deploy" | "deployed" | "deployment" | "rollout" | "roll_out" | "upgrade" => ChangeKind::Release,
        "roll_back" | "rolledback" | "revert" => ChangeKind::Rollback,
        "config" | "configuration" | "configmap" => ChangeKind::ConfigMap,
        "flag" | "featureflag" => ChangeKind::FeatureFlag,
        "scale" | "scaling" => ChangeKind::Scaled,
        _ => return ChangeKind::ALL.into_iter().find(|kind| name_of(*kind) == word),
    })
}

/// The JSON name of a kind.
fn name_of(kind: ChangeKind) -> String {
    serde_json::to_value(kind).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The kinds that are deliberate.
fn listed_kinds() -> String {
    let deliberate = ChangeKind::ALL.into_iter().filter(|kind| kind.is_deliberate());
    deliberate.map(name_of).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn entries_are_one_a_list_or_a_list_with_a_name() {
        let one = json!({"at": 1_795_615_395, "kind": "release", "service": "orders"});
        for body in [one.clone(), json!([one]), json!({"changes": [one]})] {
            assert_eq!(parse_file(&body.to_string()).unwrap().len(), 1, "{body}");
        }
        for (body, part) in [
            ("[]", "no change"),
            ("7", "neither a change nor a list"),
            ("{\"changes\": 1}", "not a list"),
            ("[1", "EOF"),
            ("[{\"at\": 1, \"kind\": \"release\", \"service\": \"a\"}, 1]", "changes[1]: it is not an object"),
        ] {
            let error = parse_file(body).unwrap_err();
            assert!(error.contains(part), "{body}: {error}");
        }
    }

    #[test]
    fn an_entry_says_what_is_wrong_with_it() {
        let of = |change: Value| {
            let mut entry = json!({"at": "2026-11-25T14:02:28Z", "kind": "release", "service": "orders"});
            for (key, value) in change.as_object().unwrap() {
                entry[key] = value.clone();
            }
            entry_of(&entry, None, "file")
        };
        for (change, part) in [
            (json!({"servce": "a"}), "`servce` is no field of a change; there are at, kind, service"),
            (json!({"at": "yesterday"}), "`at` is \"yesterday\", no time"),
            (json!({"at": null}), "`at` is missing"),
            (json!({"kind": null}), "`kind` is missing: write one of release, rollback"),
            (json!({"service": null}), "both `service` and `subject` are missing"),
            (json!({"to": ["1"]}), "`to` is neither a text nor a number"),
        ] {
            let error = of(change).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let hostile =
            of(json!({"subject": "a\u{1b}[2J\nVERDICT b", "url": "javascript:alert(1)", "to": 2})).unwrap().change;
        assert_eq!(
            (hostile.subject.as_str(), hostile.url, hostile.to.as_deref()),
            ("a\u{fffd}[2J VERDICT b", None, Some("2"))
        );
    }

    #[test]
    fn times_are_seconds_milliseconds_or_words() {
        let expected = Timestamp::parse_rfc3339("2026-11-25T14:03:15Z");
        for value in [json!("2026-11-25T14:03:15Z"), json!(1_795_615_395), json!(1_795_615_395_000_i64)] {
            assert_eq!(time(&value), expected, "{value}");
        }
        assert_eq!((time(&json!(1e300)), time(&json!(true))), (None, None));
    }
}
