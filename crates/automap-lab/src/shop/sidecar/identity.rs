//! Identifies the caller: two side-cars exchange a preface of fixed size in both directions when a connection opens, as Istio's peers
//! exchange their metadata. A connection without a preface comes from outside the mesh.
//!
//! The exchange crosses the faulty network in both directions and so stands for the TCP handshake: one round trip that can be lost or hang
//! like a SYN. The further round trips of TLS are left out.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::link::Link;
use super::wire::{self, Wire};
use crate::plan::{Component, proxied};

/// The component at the other end; `None`: outside the mesh.
pub(super) type Peer = Option<&'static Component>;

/// The start of a preface. No HTTP method starts like this.
const MAGIC: &[u8; 7] = b"MESH/1 ";
/// The whole preface; the name is padded with spaces.
const PREFACE_BYTES: usize = 64;
/// A connection without data for this long after connecting is closed.
const FIRST_BYTES_LIMIT: Duration = Duration::from_secs(60);
/// Maximum number of checks of a stream that has sent only part of the magic.
const MAX_PEEKS: usize = 100;
const PEEK_PAUSE: Duration = Duration::from_millis(5);

/// Opens the side-car end of a connection to `callee`'s pod.
pub(super) async fn connect(
    stream: TcpStream,
    link: &Arc<Link>,
    own_name: &str,
    callee: &'static Component,
) -> io::Result<Wire> {
    let mut wire = wire::over(stream, Arc::clone(link), Some(callee.name));
    wire.write_all(&preface(own_name)).await?;
    wire.flush().await?;
    let mut answer = [0; PREFACE_BYTES];
    wire.read_exact(&mut answer).await?;
    match parse(&answer) {
        Some(peer) if peer.name == callee.name => Ok(wire),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, format!("the peer is not {}", callee.name))),
    }
}

/// Accepts a connection from the network; `None` when the peer leaves or stays silent.
pub(super) async fn accept(mut stream: TcpStream, link: &Arc<Link>, own_name: &str) -> Option<(Wire, Peer)> {
    let in_mesh = tokio::time::timeout(FIRST_BYTES_LIMIT, starts_with_magic(&stream)).await.ok()?.ok()?;
    if !in_mesh {
        return Some((wire::over(stream, Arc::clone(link), None), None));
    }
    let mut preface_of_peer = [0; PREFACE_BYTES];
    tokio::time::timeout(FIRST_BYTES_LIMIT, stream.read_exact(&mut preface_of_peer)).await.ok()?.ok()?;
    let peer = parse(&preface_of_peer)?;
    let mut wire = wire::over(stream, Arc::clone(link), Some(peer.name));
    wire.write_all(&preface(own_name)).await.ok()?;
    Some((wire, Some(peer)))
}

async fn starts_with_magic(stream: &TcpStream) -> io::Result<bool> {
    let mut start = [0; MAGIC.len()];
    for _ in 0..MAX_PEEKS {
        let n = stream.peek(&mut start).await?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if n == MAGIC.len() || start[..n] != MAGIC[..n] {
            return Ok(start == *MAGIC);
        }
        tokio::time::sleep(PEEK_PAUSE).await;
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn preface(name: &str) -> [u8; PREFACE_BYTES] {
    let mut bytes = [b' '; PREFACE_BYTES];
    for (to, from) in bytes.iter_mut().zip(MAGIC.iter().copied().chain(name.bytes())) {
        *to = from;
    }
    bytes
}

fn parse(preface: &[u8]) -> Peer {
    let name = preface.strip_prefix(MAGIC)?;
    proxied(std::str::from_utf8(name).ok()?.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::COMPONENTS;

    #[test]
    fn every_component_recognises_every_other() {
        for c in &COMPONENTS {
            assert_eq!(parse(&preface(c.name)).map(|p| p.name), Some(c.name));
        }
    }

    #[test]
    fn other_connections_come_from_outside_the_mesh() {
        assert!(parse(&preface("wallet")).is_none());
        assert!(parse(b"GET / HTTP/1.1\r\n").is_none());
    }
}
