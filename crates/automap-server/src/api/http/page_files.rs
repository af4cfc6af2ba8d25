//! The files of the web interface, which are part of the program. `routes/page.rs` decides which of them answers a path.

/// One file of the page.
pub(crate) struct File {
    /// Below `/`, such as `assets/index-4f1c.js`.
    pub(crate) path: &'static str,
    pub(crate) media: &'static str,
    /// A quoted digest of its bytes.
    pub(crate) tag: &'static str,
    pub(crate) bytes: &'static [u8],
    /// The same, compressed; empty if that is not smaller.
    pub(crate) gzip: &'static [u8],
}

// `FILES`, by path: the content of `web/dist` at compile time.
include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The file of this path.
pub(crate) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// Whether a path is a script, a style or a picture of the page: these are cheap to serve, and browsers cache them.
pub(crate) fn is_asset(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    path.starts_with("assets/") && find(path).is_some()
}
