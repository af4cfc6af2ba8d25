//! Secrets in files and their strength: who may read the file, how long a token is, what a password's hash costs.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::finding::{Findings, WeaknessCode};
use crate::auth::password_hash::ConfiguredHash;
use crate::config::Config;
use crate::secret::{ExposeSecret, SecretSource};

/// Shortest token without a finding, in bytes: 128 random bits have 32 as hexadecimal digits, 22 as base64.
const MIN_TOKEN_BYTES: usize = 20;
const WORLD_MAY_READ: u32 = 0o004;
const GROUP_MAY_READ: u32 = 0o040;

pub(super) fn find(config: &Config, found: &mut Findings) {
    for (i, target) in config.targets.iter().enumerate() {
        let p = &target.prometheus;
        let files = [
            ("password_file", &p.password_file),
            ("bearer_token_file", &p.bearer_token_file),
            ("key_file", &p.key_file),
        ];
        for (key, file) in files {
            look_at(file.as_deref(), &format!("targets[{i}].prometheus.{key}"), found);
        }
        let grafana = target.grafana.as_ref().and_then(|g| g.token.as_ref());
        let flags = target.feature_flags.as_ref().and_then(|f| f.token.as_ref());
        look_at(grafana.and_then(file_of), &format!("targets[{i}].grafana.token"), found);
        look_at(flags.and_then(file_of), &format!("targets[{i}].feature_flags.token"), found);
    }
    for (i, receiver) in config.notify.receivers.iter().enumerate() {
        for (key, source) in receiver.to.secrets() {
            look_at(file_of(source), &format!("notify.receivers[{i}].to.{key}"), found);
        }
    }
    for (i, source) in config.mutes.alertmanagers.iter().enumerate() {
        let file = source.token.as_ref().and_then(file_of);
        look_at(file, &format!("mutes.alertmanagers[{i}].token"), found);
    }
    look_at(config.api.changes.github_secret.as_ref().and_then(file_of), "api.changes.github_secret", found);
    look_at(config.store.postgres.as_ref().and_then(file_of), "store.postgres", found);
    look_at(config.api.tls.as_ref().map(|tls| tls.key_file.as_path()), "api.tls.key_file", found);
    let oidc = config.api.auth.oidc.as_ref().and_then(|oidc| oidc.client_secret.as_ref());
    look_at(oidc.and_then(file_of), "api.auth.oidc.client_secret", found);
    for (i, token) in config.api.auth.tokens.iter().enumerate() {
        let path = format!("api.auth.tokens[{i}]");
        look_at(file_of(&token.from), &format!("{path}.from"), found);
        let length = token.from.read().map(|value| value.expose_secret().len());
        if let Ok(length) = length
            && length < MIN_TOKEN_BYTES
        {
            let finding = format!("the token '{}' has only {length} characters and can be guessed", token.name);
            let remedy = "make a longer one: openssl rand -hex 32";
            found.add(WeaknessCode::ShortToken, path, finding, remedy);
        }
    }
    for (i, user) in config.api.auth.users.iter().enumerate() {
        let path = format!("api.auth.users[{i}]");
        look_at(file_of(&user.from), &format!("{path}.from"), found);
        let hash = user.from.read().ok().and_then(|text| ConfiguredHash::parse(text.expose_secret()).ok());
        if let Some(why) = hash.and_then(|hash| hash.weakness()) {
            let finding = format!(
                "the password of '{}' can be guessed cheaply from its hash, should that be stolen: {why}",
                user.name
            );
            found.add(
                WeaknessCode::CheapPasswordHash,
                path,
                finding,
                "hash it again with `automap config hash-password`",
            );
        }
    }
}

fn file_of(source: &SecretSource) -> Option<&Path> {
    match source {
        SecretSource::File(path) => Some(path),
        SecretSource::Env(_) | SecretSource::Value(_) => None,
    }
}

/// Whether users other than automap's own may read a file.
fn look_at(file: Option<&Path>, setting: &str, found: &mut Findings) {
    let Some((file, about)) = file.and_then(|file| Some((file, file.metadata().ok()?))) else { return };
    let shown = file.display();
    if about.mode() & WORLD_MAY_READ != 0 {
        let finding = format!("every user of this machine may read {shown}");
        found.add(WeaknessCode::SecretFileWorldReadable, setting, finding, &format!("chmod 600 {shown}"));
    } else if about.mode() & GROUP_MAY_READ != 0 && !needs_group(&about) {
        let finding = format!("the whole group of {shown} may read it");
        found.add(WeaknessCode::SecretFileGroupReadable, setting, finding, &format!("chmod 600 {shown}"));
    }
}

/// Whether automap itself reads the file through its group, as with a secret that Kubernetes mounts with `fsGroup`.
fn needs_group(about: &Metadata) -> bool {
    let user = rustix::process::geteuid();
    !user.is_root() && about.uid() != user.as_raw()
}
