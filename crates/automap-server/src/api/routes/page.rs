//! The web interface: files that were built before and are part of the program. They hold no data, so anybody may read them; the data comes from the
//! API, which requires credentials.
//!
//! Paths without a route belong to the page (`/incidents/ID`): all of them are answered with the page, which interprets them itself. Names of other
//! files contain a hash of their content, so a browser keeps them for ever.

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use crate::api::http::page_files::{File, find};
use crate::api::http::response::is_cached;
use crate::api::routes::no_route;

const INDEX: &str = "index.html";
/// Scripts, styles and pictures of this server, and nothing inline; it may be shown in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types svelte-trusted-html";
/// Paths that never belong to the page: programs use them, and must learn that a path is wrong.
const NOT_THE_PAGE: [&str; 4] = ["api", "metrics", "healthz", "readyz"];
/// The answer at `/` of a build without the page.
const NOT_BUILT: &str = "automap is running, and this build has no page.\n\n\
    `make build` builds it with the page: it needs Node, which scripts/need-node.sh installs.\n\
    The API is at /api/v1/openapi.json.\n";

/// Answers a path without a route.
pub(super) async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    let is_read = matches!(method, Method::GET | Method::HEAD);
    let first = path.split('/').next().unwrap_or_default();
    if !is_read || NOT_THE_PAGE.contains(&first) {
        return no_route(&uri).into_response();
    }
    match file(path) {
        Some(file) => answer(file, &headers),
        None if path.is_empty() => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], NOT_BUILT).into_response(),
        None => no_route(&uri).into_response(),
    }
}

/// The file of a path; the page itself for every other path.
fn file(path: &str) -> Option<&'static File> {
    let is_file = path.starts_with("assets/") || path == "favicon.svg" || path == "favicon.ico" || path == "robots.txt";
    if is_file { find(path) } else { find(INDEX) }
}

fn answer(file: &File, request: &HeaderMap) -> Response {
    let is_page = file.path == INDEX;
    let mut response = match is_cached(request, file.tag) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false if !file.gzip.is_empty() && accepts_gzip(request) => {
            ([(header::CONTENT_TYPE, file.media), (header::CONTENT_ENCODING, "gzip")], file.gzip).into_response()
        }
        false => ([(header::CONTENT_TYPE, file.media)], file.bytes).into_response(),
    };
    let keep = if file.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::ETAG, HeaderValue::from_static(file.tag));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    if is_page {
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    response
}

/// Whether the client accepts gzip: all browsers do, even over plain HTTP.
fn accepts_gzip(request: &HeaderMap) -> bool {
    let lists = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|v| v.to_str().ok());
    let is_gzip = |coding: &str| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        name.trim() == "gzip" && weight.trim() != "q=0"
    };
    lists.flat_map(|list| list.split(',')).any(is_gzip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_to_those_who_take_it() {
        let takes = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(text));
            accepts_gzip(&headers)
        };
        assert!(takes("gzip, deflate") && takes("br;q=1.0, gzip;q=0.8"));
        assert!(!takes("br") && !takes("gzip;q=0") && !takes("xgzip") && !accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_missing_file_is_not_answered_with_the_page() {
        assert!(file("assets/gone-1234.js").is_none() && file("favicon.ico").is_none());
        assert_eq!(file("incidents/a.b").map(|f| f.path), find(INDEX).map(|f| f.path));
    }
}
