//! Reads a YAML mapping field by field and refuses unknown fields. Every error names the document and the path of the field.

use serde_json::{Map, Value};

/// Why a file is not a usable experiment.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChaosError {
    /// The file is not YAML, is too large, or holds too many documents.
    #[error("{file}: {problem}")]
    File {
        /// Name of the file.
        file: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A field is wrong, missing, or unsupported.
    #[error("{document}: {field}: {problem}")]
    Field {
        /// File, number of the document, and its kind and name as far as they are known.
        document: String,
        /// Path of the field: `spec.delay.latency`.
        field: String,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// One mapping of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    document: &'a str,
    path: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The root of a document.
    pub(super) fn root(document: &'a str, value: &'a Value) -> Result<Self, ChaosError> {
        let map = value.as_object().ok_or_else(|| ChaosError::Field {
            document: document.to_owned(),
            field: "document".to_owned(),
            problem: "is not a mapping with apiVersion, kind, metadata and spec".to_owned(),
        })?;
        Ok(Self { document, path: "", map })
    }

    /// The same mapping under a better name of its document.
    pub(super) fn of_document(self, document: &'a str) -> Self {
        Self { document, ..self }
    }

    /// Refuses every field outside `supported`.
    pub(super) fn only(&self, supported: &[&str]) -> Result<(), ChaosError> {
        match self.map.keys().find(|key| !supported.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                Err(self.wrong(key, format!("not supported by the lab; supported here: {}", supported.join(", "))))
            }
        }
    }

    /// An error at a field of this mapping.
    pub(super) fn wrong(&self, key: &str, problem: impl Into<String>) -> ChaosError {
        let field = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        ChaosError::Field { document: self.document.to_owned(), field, problem: problem.into() }
    }

    /// Whether the field is there (an explicit null counts as absent, as on a cluster).
    pub(super) fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// A mapping that must be there; `path` is its full path.
    pub(super) fn object(&self, key: &str, path: &'a str) -> Result<Self, ChaosError> {
        self.object_opt(key, path)?.ok_or_else(|| self.missing(key))
    }

    /// A mapping that may be absent.
    pub(super) fn object_opt(&self, key: &str, path: &'a str) -> Result<Option<Self>, ChaosError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let map = value.as_object().ok_or_else(|| self.wrong(key, "expected a mapping"))?;
        Ok(Some(Self { document: self.document, path, map }))
    }

    /// A string that must be there.
    pub(super) fn text(&self, key: &str) -> Result<&'a str, ChaosError> {
        self.text_opt(key)?.ok_or_else(|| self.missing(key))
    }

    /// A string that may be absent.
    pub(super) fn text_opt(&self, key: &str) -> Result<Option<&'a str>, ChaosError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let problem =
            || self.wrong(key, format!("expected a string, got {value}; a cluster refuses it too (put it in quotes)"));
        value.as_str().map(Some).ok_or_else(problem)
    }

    /// A string read by one of the readers in `quantity`.
    pub(super) fn read_opt<T>(&self, key: &str, read: fn(&str) -> Result<T, String>) -> Result<Option<T>, ChaosError> {
        let Some(text) = self.text_opt(key)? else { return Ok(None) };
        read(text).map(Some).map_err(|problem| self.wrong(key, problem))
    }

    /// The same, for a field that must be there.
    pub(super) fn read<T>(&self, key: &str, read: fn(&str) -> Result<T, String>) -> Result<T, ChaosError> {
        self.read_opt(key, read)?.ok_or_else(|| self.missing(key))
    }

    /// A whole number that may be absent.
    pub(super) fn whole_opt(&self, key: &str) -> Result<Option<u64>, ChaosError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_u64().map(Some).ok_or_else(|| self.wrong(key, format!("expected a whole number, got {value}")))
    }

    /// A flag that may be absent.
    pub(super) fn flag_opt(&self, key: &str) -> Result<Option<bool>, ChaosError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.wrong(key, format!("expected true or false, got {value}")))
    }

    /// A list of strings that may be absent.
    pub(super) fn texts(&self, key: &str) -> Result<Vec<String>, ChaosError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let items = value.as_array().ok_or_else(|| self.wrong(key, "expected a list of strings"))?;
        let text = |item: &Value| {
            item.as_str().map(str::to_owned).ok_or_else(|| self.wrong(key, "expected a list of strings"))
        };
        items.iter().map(text).collect()
    }

    /// A mapping from string to string that may be absent.
    pub(super) fn pairs(&self, key: &str) -> Result<Vec<(String, String)>, ChaosError> {
        let Some(value) = self.get(key) else { return Ok(Vec::new()) };
        let map = value.as_object().ok_or_else(|| self.wrong(key, "expected a mapping from label to value"))?;
        let pair = |(k, v): (&String, &Value)| {
            let v = v.as_str().ok_or_else(|| self.wrong(key, format!("expected a string for {k}")))?;
            Ok((k.clone(), v.to_owned()))
        };
        map.iter().map(pair).collect()
    }

    /// One of a closed set of words.
    pub(super) fn word<T: Copy>(&self, key: &str, choices: &[(&str, T)], default: Option<T>) -> Result<T, ChaosError> {
        let Some(text) = self.text_opt(key)? else { return default.ok_or_else(|| self.missing(key)) };
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            self.wrong(key, format!("{text:?} is not supported by the lab; supported here: {}", words.join(", ")))
        })
    }

    fn missing(&self, key: &str) -> ChaosError {
        self.wrong(key, "is required")
    }
}
