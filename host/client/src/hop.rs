//! The nearest part of a connection: to the server itself, or to a proxy before it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection over which TLS may still be spoken.
#[derive(Debug)]
pub(crate) enum Hop {
    /// To the server itself.
    Direct(TokioIo<TcpStream>),
    /// To a proxy that forwards requests, which name their whole URL then.
    Forwarded(MaybeHttpsStream<TokioIo<TcpStream>>),
    /// To a proxy that forwards bytes.
    Tunnelled(MaybeHttpsStream<TokioIo<TcpStream>>),
}

impl Connection for Hop {
    fn connected(&self) -> Connected {
        match self {
            Self::Direct(tcp) => tcp.connected(),
            // not the connection's own: what it negotiated is between us and the proxy
            Self::Forwarded(_) => Connected::new().proxy(true),
            Self::Tunnelled(_) => Connected::new(),
        }
    }
}

impl Read for Hop {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Forwarded(proxy) | Self::Tunnelled(proxy) => Pin::new(proxy).poll_read(cx, buffer),
        }
    }
}

impl Write for Hop {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Direct(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Forwarded(proxy) | Self::Tunnelled(proxy) => Pin::new(proxy).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Forwarded(proxy) | Self::Tunnelled(proxy) => Pin::new(proxy).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Direct(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Forwarded(proxy) | Self::Tunnelled(proxy) => Pin::new(proxy).poll_shutdown(cx),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Direct(tcp) => tcp.is_write_vectored(),
            Self::Forwarded(proxy) | Self::Tunnelled(proxy) => proxy.is_write_vectored(),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Direct(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Self::Forwarded(proxy) | Self::Tunnelled(proxy) => Pin::new(proxy).poll_write_vectored(cx, slices),
        }
    }
}
