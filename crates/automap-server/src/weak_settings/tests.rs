//! One configuration for each weakness, and one without any.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::auth::hash_password;

struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A file with this content and mode; its path.
    fn file(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        path.display().to_string()
    }
}

fn found(yaml: &str) -> Vec<(String, String)> {
    let config = Config::parse(yaml, Path::new("automap.yaml")).unwrap();
    find(&config).into_iter().map(|w| (w.code.as_str().to_owned(), w.path)).collect()
}

fn is_found(yaml: &str, code: &str, path: &str) {
    let found = found(yaml);
    assert!(found.contains(&(code.to_owned(), path.to_owned())), "{code} at {path} is not in {found:?} of\n{yaml}");
}

fn prometheus(more: &str) -> String {
    format!("targets: [{{name: shop, namespace: shop, prometheus: {{{more}}}}}]")
}

#[test]
fn a_careful_configuration_has_none() {
    let files = Files::new();
    let token = files.file("token", "0123456789abcdef0123456789abcdef\n", 0o600);
    let hash = files.file("hash", &hash_password("correct horse").unwrap(), 0o400);
    let yaml = format!(
        "targets: [{{name: shop, namespace: shop, prometheus: {{url: 'https://prometheus.example.com', username: ann, password_file: '{token}'}}}}]
store: {{postgres: {{file: '{}'}}}}
notify:
  http: {{allow_private: false}}
  receivers:
    - {{name: chat, to: {{slack: {{webhook: {{file: '{}'}}}}}}}}
    - {{name: hook, to: {{webhook: {{url: 'https://ops.example.com', token: {{file: '{token}'}}}}}}}}
api:
  listen: 0.0.0.0:9977
  tls: {{cert_file: '/tls/crt', key_file: '{token}'}}
  auth:
    tokens: [{{name: grafana, role: viewer, from: {{file: '{token}'}}}}]
    users: [{{name: ann, role: operator, from: {{file: '{hash}'}}}}]
    proxy: {{from: [10.0.0.0/8, 'fd00::/8', 203.0.113.0/24], operator_groups: [sre], default_role: viewer}}
    jwt: {{issuer: 'https://id.example.com', audience: automap, jwks_url: 'https://id.example.com/keys', max_lifetime_s: 3600}}
",
        files.file("postgres", "postgresql://me:pw@db.example.com/incidents?sslmode=require", 0o600),
        files.file("slack", "https://hooks.slack.com/services/T/B/x", 0o600),
    );
    assert_eq!(found(&yaml), []);
    assert_eq!(found("{}"), []);
}

#[test]
fn open_doors_are_named() {
    is_found("api: {listen: '0.0.0.0:9977', insecure_no_auth: true}", "no-authentication", "api.insecure_no_auth");
    let files = Files::new();
    let token = files.file("token", "0123456789abcdef0123456789abcdef", 0o600);
    let with = |more: &str| {
        format!(
            "api: {{listen: '[::]:9977', auth: {{tokens: [{{name: t, role: viewer, from: {{file: '{token}'}}}}]{more}}}}}"
        )
    };
    is_found(&with(""), "credentials-without-tls", "api.tls");
    assert_eq!(found(&with("").replace("[::]", "[::1]")), [], "nobody else can read it");
    is_found(
        &format!("{}\n", with("")).replace("listen:", "open_metrics: true, listen:"),
        "open-metrics",
        "api.open_metrics",
    );
    for net in ["0.0.0.0/1", "1.0.0.0/8", "'2001:db8::/32'", "128.0.0.0/1"] {
        is_found(
            &with(&format!(", proxy: {{from: [10.0.0.1/32, {net}]}}")),
            "proxy-trusts-many",
            "api.auth.proxy.from[1]",
        );
    }
    is_found(
        &with(", proxy: {from: [10.0.0.1/32], default_role: operator}"),
        "everyone-is-operator",
        "api.auth.proxy.default_role",
    );
    let jwt = |more: &str| with(&format!(", jwt: {{issuer: i, audience: a, jwks_file: f{more}}}"));
    is_found(&jwt(", default_role: operator"), "everyone-is-operator", "api.auth.jwt.default_role");
    is_found(&jwt(""), "long-token-lifetime", "api.auth.jwt.max_lifetime_s");
    is_found(&jwt(", max_lifetime_s: 31536000"), "long-token-lifetime", "api.auth.jwt.max_lifetime_s");
}

#[test]
fn credentials_that_others_can_read_are_named() {
    let files = Files::new();
    let secret = files.file("secret", "0123456789abcdef0123456789abcdef", 0o600);
    let url = "targets[0].prometheus.url";
    is_found(&prometheus("url: 'http://ann:hidden@prometheus:9090'"), "password-in-url", url);
    is_found(&prometheus("url: 'http://ann:hidden@prometheus:9090'"), "credentials-over-http", url);
    is_found(
        &prometheus(&format!("url: 'http://prometheus:9090', bearer_token_file: '{secret}'")),
        "credentials-over-http",
        url,
    );
    for fine in ["http://localhost:9090", "http://127.0.0.1:9090", "http://[::1]:9090", "https://prometheus"] {
        assert_eq!(found(&prometheus(&format!("url: '{fine}', bearer_token_file: '{secret}'"))), [], "{fine}");
    }
    let header = prometheus("url: 'https://p', headers: ['X-Scope-OrgID: shop', 'Authorization: Bearer hidden']");
    is_found(&header, "secret-in-configuration", "targets[0].prometheus.headers[1]");
    is_found(
        &prometheus("url: 'https://p', url_parameters: ['token=hidden']"),
        "secret-in-configuration",
        "targets[0].prometheus.url_parameters[0]",
    );
    is_found(
        &prometheus("url: 'https://p', insecure_skip_verify: true"),
        "certificate-not-checked",
        "targets[0].prometheus.insecure_skip_verify",
    );
    let all = find(&Config::parse(&header, Path::new("a")).unwrap());
    assert!(!all.iter().any(|w| w.to_string().contains("hidden")), "{all:?}");

    let to = |to: &str| format!("notify: {{receivers: [{{name: r, to: {{{to}}}}}]}}");
    let place = "notify.receivers[0].to";
    is_found(
        &to(&format!("grafana: {{url: 'http://grafana:3000', token: {{file: '{secret}'}}}}")),
        "credentials-over-http",
        place,
    );
    let silences =
        format!("mutes: {{alertmanagers: [{{url: 'http://alertmanager:9093', token: {{file: '{secret}'}}}}]}}");
    is_found(&silences, "credentials-over-http", "mutes.alertmanagers[0].url");
    let plain = files.file("plain", "http://chat.example.com/hooks/hidden", 0o600);
    is_found(&to(&format!("slack: {{webhook: {{file: '{plain}'}}}}")), "credentials-over-http", place);
    let signed = to(&format!("webhook: {{url: 'http://hook.monitoring', secret: {{file: '{secret}'}}}}"));
    assert_eq!(found(&signed), [], "the key of a signature is not sent");
    is_found("notify: {http: {proxy: 'http://me:hidden@proxy:3128'}}", "password-in-url", "notify.http.proxy");
    for (address, is_weak) in [
        ("postgresql://me:pw@db.example.com/incidents", true),
        ("postgresql://me:pw@db/incidents?sslmode=prefer", true),
        ("host=db user=me password=pw", true),
        ("postgresql://me:pw@127.0.0.1/incidents", false),
        ("host=/run/postgresql user=me", false),
        ("postgresql://me:pw@[2001:db8::1]:5432/incidents?sslmode=verify-full", false),
    ] {
        let file = files.file("pg", address, 0o600);
        let weak = found(&format!("store: {{postgres: {{file: '{file}'}}}}"));
        assert_eq!(!weak.is_empty(), is_weak, "{address}: {weak:?}");
    }
    // PATH is set everywhere; one variable with a password cannot be set in a test without racing others.
    assert_eq!(found("store: {postgres: {env: PATH}}"), []);
}

#[test]
fn receivers_inside_the_network_are_named() {
    let to = |http: &str, url: &str| {
        format!("notify: {{http: {{{http}}}, receivers: [{{name: r, to: {{webhook: {{url: '{url}'}}}}}}]}}")
    };
    let private = ("receiver-may-reach-private-addresses", "notify.http.allow_private");
    is_found(&to("", "https://ops.example.com"), private.0, private.1);
    assert_eq!(found(&to("allow_private: false", "https://ops.example.com")), []);
    assert_eq!(found(&to("", "http://alertmanager.monitoring.svc:9093")), [], "one inside is meant");
    is_found(
        &to("allow_loopback: true", "http://localhost:1"),
        "receiver-may-reach-loopback",
        "notify.http.allow_loopback",
    );
}

#[test]
fn secrets_that_can_be_read_or_guessed_are_named() {
    let files = Files::new();
    let auth = |list: &str, file: &str| {
        format!("api: {{auth: {{{list}: [{{name: a, role: viewer, from: {{file: '{file}'}}}}]}}}}")
    };
    let long = "0123456789abcdef0123456789abcdef";
    is_found(&auth("tokens", &files.file("a", long, 0o644)), "secret-file-world-readable", "api.auth.tokens[0].from");
    is_found(&auth("tokens", &files.file("b", long, 0o640)), "secret-file-group-readable", "api.auth.tokens[0].from");
    is_found(&auth("tokens", &files.file("c", "hunter2", 0o600)), "short-token", "api.auth.tokens[0]");
    let cheap = hash_password("correct horse").unwrap().replace("m=19456,t=2", "m=8,t=1");
    is_found(&auth("users", &files.file("d", &cheap, 0o600)), "cheap-password-hash", "api.auth.users[0]");
    let open = files.file("e", long, 0o604);
    is_found(
        &prometheus(&format!("url: 'https://p', username: a, password_file: '{open}'")),
        "secret-file-world-readable",
        "targets[0].prometheus.password_file",
    );
    is_found(
        &format!("api: {{tls: {{cert_file: c, key_file: '{open}'}}}}"),
        "secret-file-world-readable",
        "api.tls.key_file",
    );
    is_found(&format!("store: {{postgres: {{file: '{open}'}}}}"), "secret-file-world-readable", "store.postgres");
    let receiver =
        format!("notify: {{receivers: [{{name: r, to: {{pagerduty: {{routing_key: {{file: '{open}'}}}}}}}}]}}");
    is_found(&receiver, "secret-file-world-readable", "notify.receivers[0].to.routing_key");
    let all = find(&Config::parse(&auth("tokens", &files.file("f", "hunter2", 0o644)), Path::new("a")).unwrap());
    assert!(all.len() == 2 && !all.iter().any(|w| w.to_string().contains("hunter2")), "{all:?}");
}
