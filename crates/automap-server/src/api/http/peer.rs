//! Who is at the other end of a connection. The server adds [`Peer`] to every request; the access log adds [`ClientAddress`], which looks
//! through trusted proxies.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::http::Extensions;

/// The address of the connection's other end, as an extension of the request.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

impl Peer {
    /// The address of the request's peer; `0.0.0.0` when the connection is not known.
    pub(crate) fn of(extensions: &Extensions) -> IpAddr {
        extensions.get::<Self>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip())
    }
}

/// The address that rate limits count, as an extension of the request: the peer, or behind a trusted proxy the client that it forwards for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

impl ClientAddress {
    /// The client of a request; the peer where the access log did not run.
    pub(crate) fn of(extensions: &Extensions) -> IpAddr {
        extensions.get::<Self>().map_or_else(|| Peer::of(extensions), |client| client.0)
    }
}
