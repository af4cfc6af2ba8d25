//! The credentials of a request, without any type of the HTTP library.

/// The credentials of a request before they are checked: header values and the address of the peer.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// The header `Authorization`, if present.
    pub authorization: Option<&'a str>,
    /// Address of the connection's other end.
    pub peer: std::net::IpAddr,
    /// The other headers.
    pub headers: &'a dyn HeaderLookup,
}

/// Looks up header values by lower-case name.
pub trait HeaderLookup: std::fmt::Debug + Sync {
    /// The value, if the header is present exactly once and is text.
    fn single(&self, name: &str) -> Option<&str>;
}
