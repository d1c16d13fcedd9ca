//! Misbehaviour below HTTP: connections that are reset, half closed, silent or slow.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Sleep;

/// What every connection does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wire {
    /// What it should.
    #[default]
    Fine,
    /// Is accepted, and then neither read nor answered.
    Deaf,
    /// Is reset (RST) as soon as this many bytes of requests have been read on it, so in the middle of a request.
    ResetRequest(usize),
    /// Is reset when this many bytes of an answer have been written: what the request brought is stored by then.
    ResetAnswer(usize),
    /// Ends its sending side at the first byte that it reads, without an answer, and goes on reading.
    HalfClose,
    /// Answers one byte at a time, with this pause before each.
    Drip(Duration),
}

/// The knob; clones turn the same one.
#[derive(Clone, Debug, Default)]
pub struct WireFault(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    wire: Wire,
    /// Connections that wait for another setting.
    waiting: Vec<Waker>,
}

impl WireFault {
    /// Makes connections behave so from now on, those that are open included.
    pub fn set(&self, wire: Wire) {
        let mut state = self.lock();
        state.wire = wire;
        for waker in state.waiting.drain(..) {
            waker.wake();
        }
    }

    /// What connections do now; who has to wait is woken at a change.
    fn get(&self, context: &Context<'_>) -> Wire {
        let mut state = self.lock();
        if state.wire == Wire::Deaf && !state.waiting.iter().any(|w| w.will_wake(context.waker())) {
            state.waiting.push(context.waker().clone());
        }
        state.wire
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // each change is whole in itself
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A listener whose connections misbehave as told.
#[derive(Debug)]
pub(crate) struct Wired {
    listener: TcpListener,
    fault: WireFault,
}

impl Wired {
    pub(crate) fn new(listener: TcpListener, fault: WireFault) -> Self {
        Self { listener, fault }
    }
}

impl Listener for Wired {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        (Connection { stream, fault: self.fault.clone(), read: 0, written: 0, closed: false, pause: None }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    fault: WireFault,
    /// Bytes read since the last answer.
    read: usize,
    /// Bytes written since the last request.
    written: usize,
    closed: bool,
    /// Before the next byte of a dripping answer.
    pause: Option<Pin<Box<Sleep>>>,
}

impl Connection {
    /// Makes the end of the connection a reset; the error ends it.
    fn reset(&self) -> io::Error {
        // without it the end would be an orderly one, which the tests would notice
        let _ = self.stream.set_zero_linger();
        io::ErrorKind::ConnectionReset.into()
    }

    fn write_some(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.read = 0;
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        self.written += written;
        Poll::Ready(Ok(written))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.fault.get(context);
        if wire == Wire::Deaf {
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len() - before;
        self.read += read;
        self.written = 0;
        match wire {
            Wire::ResetRequest(after) if self.read >= after => Poll::Ready(Err(self.reset())),
            Wire::HalfClose if read > 0 && !self.closed => {
                self.closed = true;
                ready!(Pin::new(&mut self.stream).poll_shutdown(context))?;
                Poll::Ready(Ok(()))
            }
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.fault.get(context) {
            Wire::Deaf => Poll::Pending,
            Wire::ResetAnswer(after) if self.written >= after => Poll::Ready(Err(self.reset())),
            Wire::ResetAnswer(after) => {
                let room = (after - self.written).min(bytes.len());
                self.write_some(context, &bytes[..room])
            }
            Wire::Drip(pause) => {
                let timer = self.pause.get_or_insert_with(|| Box::pin(tokio::time::sleep(pause)));
                ready!(timer.as_mut().poll(context));
                self.pause = None;
                self.write_some(context, &bytes[..bytes.len().min(1)])
            }
            // a half-closed connection swallows the answer: the sending side has ended
            _ if self.closed => Poll::Ready(Ok(bytes.len())),
            _ => self.write_some(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::Recorder;
    use crate::{Answer, Preview};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const REQUEST: &[u8] =
        b"POST /api/v1/write HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-protobuf\r\ncontent-length: 1\r\n\r\n\0";

    async fn ask(preview: &Preview) -> io::Result<String> {
        let mut stream = TcpStream::connect(preview.address()).await?;
        stream.write_all(REQUEST).await?;
        let mut text = Vec::new();
        while !text.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if stream.read(&mut byte).await? == 0 {
                break;
            }
            text.push(byte[0]);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    #[tokio::test]
    async fn each_fault_is_what_it_says() {
        let preview = Preview::local(Arc::new(Recorder::default())).await.unwrap();
        let wire = preview.faults().wire().clone();
        assert!(ask(&preview).await.unwrap().starts_with("HTTP/1.1 204"));

        wire.set(Wire::ResetRequest(20));
        assert_eq!(ask(&preview).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(preview.counters().requests(), 1, "it never became a request");

        wire.set(Wire::ResetAnswer(12));
        assert_eq!(ask(&preview).await.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(preview.counters().requests(), 2, "it was a request");

        wire.set(Wire::HalfClose);
        assert_eq!(ask(&preview).await.unwrap(), "", "the end instead of an answer");

        wire.set(Wire::Drip(Duration::from_millis(1)));
        assert!(ask(&preview).await.unwrap().starts_with("HTTP/1.1 204"));

        wire.set(Wire::Deaf);
        let asked = preview.counters().requests();
        let mut waiting = Box::pin(ask(&preview));
        tokio::select! {
            answer = &mut waiting => panic!("an answer from the deaf: {answer:?}"),
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
        assert_eq!(preview.counters().requests(), asked);
        preview.faults().heal();
        assert!(waiting.await.unwrap().starts_with("HTTP/1.1 204"), "heard at last");
        preview.stop().await;
    }

    #[tokio::test]
    async fn an_answer_can_be_an_error_though_what_came_is_stored() {
        let recorder = Arc::new(Recorder::default());
        let preview = Preview::local(recorder.clone()).await.unwrap();
        preview.faults().next(Answer::status(500).stored());
        assert!(ask(&preview).await.unwrap().starts_with("HTTP/1.1 500"));
        assert_eq!(recorder.headers().len(), 1);
        preview.stop().await;
    }
}
