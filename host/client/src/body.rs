//! A request's body.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::progress::{Phase, Progress};

/// What is handed over at a time: as much as a connection buffers, so that the last piece goes when the other side has
/// taken most of what came before.
const PIECE: usize = 64 * 1024;

/// Bytes that move the request's mark as they are taken.
#[derive(Debug)]
pub(crate) struct RequestBody {
    rest: Bytes,
    progress: Progress,
}

impl RequestBody {
    pub(crate) fn new(bytes: Bytes, progress: Progress) -> Self {
        Self { rest: bytes, progress }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let size = self.rest.len().min(PIECE);
        let piece = self.rest.split_to(size);
        self.progress.reach(if self.rest.is_empty() { Phase::Head } else { Phase::Send });
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    /// Asked when the head is written: a request without a body is then sent, another begins to be.
    fn is_end_stream(&self) -> bool {
        self.progress.reach(if self.rest.is_empty() { Phase::Head } else { Phase::Send });
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
