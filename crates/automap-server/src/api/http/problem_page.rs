//! A problem as a page, for a browser that navigated to a route: readable for people, with a link to continue. Programs get the problem document.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, html};

use crate::api::http::problem::Problem;

/// Styles inside the page and nothing else; every text is escaped.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const STYLE: &str = "body{font:1.0625rem/1.5 system-ui,sans-serif;max-width:40rem;margin:15vh auto;padding:0 1.5rem;color-scheme:light dark}\
    dt{opacity:.75}dd{margin:0 0 1rem}h1{font-size:1.75rem}a{font-weight:600}";

/// The problem in the form that suits the sender of this request.
pub(crate) fn answer(request: &HeaderMap, title: &str, problem: Problem) -> Response {
    let is_browser = request.get(header::ACCEPT).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains("text/html"));
    if !is_browser {
        return problem.into_response();
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · automap" }
                style { (STYLE) }
            }
            body {
                main {
                    h1 { (title) }
                    dl {
                        dt { "What is wrong" }
                        dd { (problem.detail) }
                        @if let Some(place) = &problem.place { dt { "Where" } dd { (place) } }
                        dt { "What to try" }
                        dd { (problem.next) }
                    }
                    a href="/" { "Go to the start page" }
                }
            }
        }
    };
    let mut response = problem.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    *response.body_mut() = page.into_string().into();
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_a_page_and_programs_a_document() {
        let problem = || Problem::forbidden("<script>alert(1)</script>", "try <b>again</b>").at("here");
        let media = |accept: &'static str| {
            let request = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            let response = answer(&request, "No", problem());
            (response.status().as_u16(), response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned())
        };
        assert_eq!(media("text/html,*/*"), (403, "text/html; charset=utf-8".to_owned()));
        assert_eq!(media("application/json"), (403, "application/problem+json".to_owned()));
    }
}
