//! How requests are read and answers are written: JSON bodies, query parameters, page cursors, entity tags, problem documents. Nothing here
//! knows a route, and nothing here decides who may ask.

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
