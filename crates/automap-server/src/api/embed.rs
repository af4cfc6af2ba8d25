//! The `api.embed` part of the configuration: who may show the card of a service in a frame. The page itself may not be framed.

use automap_core::text::shown;
use axum::http::HeaderValue;
use serde::Deserialize;

use crate::api::error::ApiError;

/// Who may show cards in a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbedConfig {
    /// Origins such as `https://backstage.example.org`. Empty: pages of this server only.
    pub frame_ancestors: Vec<String>,
    /// Where people reach automap's page, such as `https://automap.example.org`: links in a card begin with it. Unset: links are relative to the
    /// card's own address, which fails if a portal passes the card on.
    pub page: Option<String>,
}

impl EmbedConfig {
    /// From `/api/v1/targets/TARGET/services/SERVICE/card.html` to the parent of `/api`, even if a proxy adds a path prefix.
    const TO_ROOT: &str = "../../../../../..";
    /// Most origins: they are sent with every card.
    const MAX_ORIGINS: usize = 20;

    /// An origin is copied into a header unchanged, so it must be nothing but an origin.
    ///
    /// # Errors
    /// [`ApiError::Setting`].
    pub(crate) fn check(&self) -> Result<(), ApiError> {
        if let Some(page) = self.page.as_deref().filter(|page| !is_address(page)) {
            let reason = format!("'{}' is no address of a page", shown(page, 60));
            let next = "give scheme, host and perhaps a path, such as https://automap.example.org";
            return Err(ApiError::Setting { setting: "embed.page", reason, next });
        }
        let error = |reason, next| ApiError::Setting { setting: "embed.frame_ancestors", reason, next };
        let origins = &self.frame_ancestors;
        if origins.len() > Self::MAX_ORIGINS {
            let reason = format!("it lists {}, and {} are sent at most", origins.len(), Self::MAX_ORIGINS);
            return Err(error(reason, "keep those that show cards"));
        }
        match origins.iter().find(|origin| !is_origin(origin)) {
            Some(wrong) => {
                let reason = format!("'{}' is no origin", shown(wrong, 60));
                Err(error(reason, "give scheme and host only, such as https://backstage.example.org"))
            }
            None => Ok(()),
        }
    }

    /// What comes before the id of an incident in a link to its page.
    pub(crate) fn incidents(&self) -> String {
        let page = self.page.as_deref().map(|page| page.trim_end_matches('/'));
        format!("{}/incidents/", page.unwrap_or(Self::TO_ROOT))
    }

    /// The content security policy of a card: a style inside it, and these frames around it.
    pub(crate) fn policy(&self) -> HeaderValue {
        let around = self.frame_ancestors.iter().fold("'self'".to_owned(), |all, origin| format!("{all} {origin}"));
        let policy = format!(
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors {around}"
        );
        // Checked origins are plain ASCII; the fallback is for a configuration that was not checked.
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"))
    }
}

/// An origin without `*`, optionally with a path of plain characters.
fn is_address(text: &str) -> bool {
    let path_at = text.find("://").and_then(|at| text[at + 3..].find('/').map(|slash| at + 3 + slash));
    let (origin, path) = text.split_at(path_at.unwrap_or(text.len()));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    !origin.contains('*') && is_origin(origin) && path.chars().all(is_plain)
}

/// `https://name`, `http://name:port`; the first part of a name may be `*`.
fn is_origin(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else { return false };
    let (host, port) = rest.rsplit_once(':').unwrap_or((rest, "443"));
    let name = host.strip_prefix("*.").unwrap_or(host);
    let is_part_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    !name.is_empty() && name.chars().all(is_part_of_a_name) && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(origins: &[&str]) -> EmbedConfig {
        EmbedConfig { frame_ancestors: origins.iter().map(|o| (*o).to_owned()).collect(), page: None }
    }

    #[test]
    fn only_origins_reach_the_header() {
        let two = of(&["https://backstage.example.org", "http://*.corp.example:8080"]);
        two.check().unwrap();
        let policy = two.policy();
        let around = "frame-ancestors 'self' https://backstage.example.org http://*.corp.example:8080";
        assert!(policy.to_str().unwrap().ends_with(around), "{policy:?}");
        for wrong in
            ["*", "https://*", "https://a.example; script-src *", "https://a.example/path", "a.example", "https://a:b"]
        {
            let error = of(&[wrong]).check().unwrap_err().to_string();
            assert!(error.contains("frame_ancestors") && error.contains("no origin"), "{wrong}: {error}");
        }
        let many = of(&["https://a.example"; 21]).check().unwrap_err().to_string();
        assert!(many.contains("21") && many.contains("20"), "{many}");
    }

    #[test]
    fn links_go_to_the_page_that_is_configured() {
        assert_eq!(EmbedConfig::default().incidents(), "../../../../../../incidents/");
        let with = |page: &str| EmbedConfig { page: Some(page.to_owned()), ..EmbedConfig::default() };
        let here = with("https://tools.example.org/automap/");
        here.check().unwrap();
        assert_eq!(here.incidents(), "https://tools.example.org/automap/incidents/");
        for wrong in ["javascript:alert(1)", "https://*.example.org", "https://a.example/?q=", "automap"] {
            assert!(with(wrong).check().unwrap_err().to_string().contains("embed.page"), "{wrong}");
        }
    }
}
