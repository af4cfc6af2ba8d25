//! How requests are read and answers are written: JSON bodies, query parameters, page cursors, entity tags, problem documents. This module knows no
//! routes and makes no access decisions.

pub(crate) mod cookie;
pub(crate) mod cursor;
pub(crate) mod extract;
pub(crate) mod header;
#[cfg(feature = "web")]
pub(crate) mod page_files;
pub(crate) mod peer;
pub(crate) mod problem;
pub(crate) mod problem_page;
pub(crate) mod request_id;
pub(crate) mod response;
