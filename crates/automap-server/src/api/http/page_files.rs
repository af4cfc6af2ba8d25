//! The files of the web interface, which are part of the program. Which of them answers a path is decided in `routes/page.rs`.

/// One file of the page.
pub(crate) struct File {
    /// Below `/`, such as `assets/index-4f1c.js`.
    pub(crate) path: &'static str,
    pub(crate) media: &'static str,
    /// A quoted tag of its bytes.
    pub(crate) tag: &'static str,
    pub(crate) bytes: &'static [u8],
    /// The same, compressed; empty where that is not smaller.
    pub(crate) gzip: &'static [u8],
}

// `FILES`, by path: what `web/dist` held when this was compiled.
include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// The file of this path.
pub(crate) fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// Whether a path is a script, a style or a picture of the page: they take no work to answer, and a browser keeps them.
pub(crate) fn is_asset(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    path.starts_with("assets/") && find(path).is_some()
}
