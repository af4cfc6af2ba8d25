//! Creates and deletes experiments, for drills. Nothing else in this crate changes a cluster; it needs the operator's rights.

use kube::api::{DeleteParams, PostParams};
use kube::core::DynamicObject;
use serde_json::Value;

use crate::cluster::{Cluster, api};
use crate::error::ClusterError;
use crate::resource::{Resource, experiments};

/// Most documents of one file.
const MAX_DOCUMENTS: usize = 100;
/// Marks objects created by a drill, so that users can recognise them.
const MARK: (&str, &str) = ("app.kubernetes.io/managed-by", "automap-drill");

/// One experiment from a file.
#[derive(Clone, Debug)]
pub struct Manifest {
    resource: Resource,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    object: Value,
}

/// Reads the experiments of a file. Schedules and Workflows are refused: they start experiments of their own at any time.
///
/// # Errors
/// Names the file, the document and what is wrong with it.
pub fn parse(file: &str, yaml: &str, default_namespace: &str) -> Result<Vec<Manifest>, ClusterError> {
    let fail = |place: String, problem: String| ClusterError::File { place, problem };
    let documents: Vec<Value> = serde_saphyr::from_multiple(yaml)
        .map_err(|e| fail(file.to_owned(), format!("is not valid YAML: {}", e.without_snippet())))?;
    let documents: Vec<Value> = documents.into_iter().filter(|d| !d.is_null()).collect();
    if documents.is_empty() || documents.len() > MAX_DOCUMENTS {
        return Err(fail(
            file.to_owned(),
            format!("holds {} documents; expected 1 to {MAX_DOCUMENTS}", documents.len()),
        ));
    }
    let one = |(i, mut object): (usize, Value)| {
        let place = format!("{file}, document {}", i + 1);
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        let resource = experiments().find(|r| r.kind == kind && kind != "WorkflowNode");
        let Some(resource) = resource else {
            let known: Vec<&str> = experiments().map(|r| r.kind).filter(|k| *k != "WorkflowNode").collect();
            return Err(fail(place, format!("kind {kind:?} cannot be drilled; these can: {}", known.join(", "))));
        };
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
        if name.is_empty() {
            return Err(fail(place, "metadata.name is missing".to_owned()));
        }
        let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or(default_namespace);
        let namespace = namespace.to_owned();
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("namespace".to_owned(), namespace.clone().into());
            let labels = metadata.entry("labels").or_insert_with(|| serde_json::json!({}));
            if let Some(labels) = labels.as_object_mut() {
                labels.insert(MARK.0.to_owned(), MARK.1.into());
            }
        }
        Ok(Manifest { resource, namespace, name, object })
    };
    documents.into_iter().enumerate().map(one).collect()
}

impl Manifest {
    /// `NetworkChaos/slow`.
    pub fn what(&self) -> String {
        format!("{}/{}", self.resource.kind, self.name)
    }

    /// Creates it, or (`dry_run`) lets the server validate it, including admission.
    ///
    /// # Errors
    /// When the server refuses it, or one with that name exists.
    pub fn create(&self, cluster: &Cluster, dry_run: bool) -> Result<(), ClusterError> {
        let object: DynamicObject = serde_json::from_value(self.object.clone())
            .map_err(|e| ClusterError::Refused { what: self.what(), problem: e.to_string() })?;
        let params = PostParams { dry_run, ..PostParams::default() };
        let api = api(&cluster.client, self.resource, &self.namespace);
        let created = cluster.runtime.block_on(async { api.create(&params, &object).await });
        created.map(|_| ()).map_err(|e| self.error(cluster, "create", e))
    }

    /// Its current state on the server; `None`: it does not exist.
    ///
    /// # Errors
    /// When the server does not respond or does not allow it.
    pub fn get(&self, cluster: &Cluster) -> Result<Option<Value>, ClusterError> {
        let api = api(&cluster.client, self.resource, &self.namespace);
        let got = cluster.runtime.block_on(async { api.get_opt(&self.name).await });
        let got = got.map_err(|e| self.error(cluster, "get", e))?;
        Ok(got.and_then(|object| serde_json::to_value(object).ok()))
    }

    /// Deletes it; Chaos Mesh reverts the fault first. Succeeds if it does not exist.
    ///
    /// # Errors
    /// When the server does not respond or does not allow it.
    pub fn delete(&self, cluster: &Cluster) -> Result<(), ClusterError> {
        let api = api(&cluster.client, self.resource, &self.namespace);
        let deleted = cluster.runtime.block_on(async { api.delete(&self.name, &DeleteParams::default()).await });
        match deleted {
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(self.error(cluster, "delete", error)),
            Ok(_) => Ok(()),
        }
    }

    fn error(&self, cluster: &Cluster, verb: &'static str, error: kube::Error) -> ClusterError {
        match ClusterError::of(error, &cluster.asked(verb, self.resource.name(), &self.namespace)) {
            ClusterError::Refused { problem, .. } => ClusterError::Refused { what: self.what(), problem },
            other => other,
        }
    }
}
