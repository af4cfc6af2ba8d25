//! A finding about a weak setting.

use std::fmt;

use serde::Serialize;

/// A weak setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weakness {
    /// What kind of weakness.
    pub code: WeaknessCode,
    /// The setting, such as `api.auth.proxy.from[0]`.
    pub path: String,
    /// What is weak about it.
    pub finding: String,
    /// What to do.
    pub remedy: String,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, path, finding, remedy } = self;
        write!(f, "{path}: {finding}; {remedy} [{}]", code.as_str())
    }
}

macro_rules! codes {
    ($($(#[$about:meta])* $variant:ident = $text:literal),* $(,)?) => {
        /// The kinds of weakness.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum WeaknessCode {
            $($(#[$about])* $variant,)*
        }

        impl WeaknessCode {
            /// The name in the log and on the terminal.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

codes! {
    /// Anyone who can reach the port may read and confirm.
    NoAuthentication = "no-authentication",
    /// Tokens and passwords arrive over connections that others can read.
    CredentialsWithoutTls = "credentials-without-tls",
    /// The headers of a whole public network are trusted.
    ProxyTrustsMany = "proxy-trusts-many",
    /// Everybody who logs in may change things.
    EveryoneIsOperator = "everyone-is-operator",
    /// Tokens of the identity provider may be valid for years.
    LongTokenLifetime = "long-token-lifetime",
    /// A token that can be guessed.
    ShortToken = "short-token",
    /// A password that can be guessed from its hash.
    CheapPasswordHash = "cheap-password-hash",
    /// Credentials are sent over connections that others can read.
    CredentialsOverHttp = "credentials-over-http",
    /// A password in a place that is displayed.
    PasswordInUrl = "password-in-url",
    /// A secret in the text of the configuration.
    SecretInConfiguration = "secret-in-configuration",
    /// Every user of the machine may read a secret.
    SecretFileWorldReadable = "secret-file-world-readable",
    /// A whole group may read a secret.
    SecretFileGroupReadable = "secret-file-group-readable",
    /// Any certificate is accepted.
    CertificateNotChecked = "certificate-not-checked",
    /// A receiver may be this machine itself.
    ReceiverMayReachLoopback = "receiver-may-reach-loopback",
    /// A receiver may be in a private network.
    ReceiverMayReachPrivateAddresses = "receiver-may-reach-private-addresses",
    /// `/metrics` is shown to everybody.
    OpenMetrics = "open-metrics",
}

/// The findings so far.
#[derive(Debug, Default)]
pub(super) struct Findings(pub(super) Vec<Weakness>);

impl Findings {
    pub(super) fn add(
        &mut self,
        code: WeaknessCode,
        path: impl Into<String>,
        finding: impl Into<String>,
        remedy: &str,
    ) {
        self.0.push(Weakness { code, path: path.into(), finding: finding.into(), remedy: remedy.to_owned() });
    }
}
