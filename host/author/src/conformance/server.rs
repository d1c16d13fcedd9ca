//! The server that guests of the suite ask: on loopback, for as long as the process lives, one thread a connection.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// The longest line or body of a request that is read: what the cases send is shorter by far, and nobody else is answered.
const MOST: u64 = 64 * 1024;

/// Starts the server, on a port of the system's choice.
pub(super) fn start() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let at = listener.local_addr()?;
    std::thread::Builder::new().name("conformance server".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            // What goes wrong here is no answer there, and the case says so.
            std::thread::spawn(move || _ = answer(stream));
        }
    })?;
    Ok(at)
}

/// A request, as far as the cases look at it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    method: String,
    path: String,
    /// The values of `x-asked`, in order.
    words: Vec<String>,
    body: Vec<u8>,
}

impl Asked {
    fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let mut line = String::new();
        let mut asked = Self::default();
        from.take(MOST).read_line(&mut line)?;
        let mut words = line.split(' ').map(str::to_owned);
        (asked.method, asked.path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut length = 0;
        loop {
            line.clear();
            from.take(MOST).read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap_or_default(),
                "x-asked" => asked.words.push(value.to_owned()),
                _ => {}
            }
        }
        from.take(MOST.min(length)).read_to_end(&mut asked.body)?;
        Ok(asked)
    }

    /// The status and the body of the answer. A path that is a number is the status.
    fn answer(self) -> (u16, Vec<u8>) {
        let status = self.path.trim_start_matches('/').parse().unwrap_or(200);
        let mut body = format!("{} {} [{}] ", self.method, self.path, self.words.join(",")).into_bytes();
        body.extend(self.body);
        (status, body)
    }
}

fn answer(stream: TcpStream) -> io::Result<()> {
    let mut from = BufReader::new(stream);
    let asked = Asked::read(&mut from)?;
    if asked.path == "/silent" {
        // until the other side has had enough
        return from.read(&mut [0]).map(|_| ());
    }
    let head = asked.method == "HEAD";
    let (status, body) = asked.answer();
    let mut answer = format!(
        "HTTP/1.1 {status} So\r\nX-Answered: yes, grüezi\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    if !head {
        answer.extend(body);
    }
    from.into_inner().write_all(&answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_said_back() {
        let request = "POST /404 HTTP/1.1\r\nHost: a\r\nX-Asked: 1\r\nx-asked: 2\r\ncontent-length: 3\r\n\r\nabcd";
        let asked = Asked::read(&mut request.as_bytes()).unwrap();
        assert_eq!(asked.answer(), (404, b"POST /404 [1,2] abc".to_vec()));
        assert_eq!(Asked::read(&mut &b""[..]).unwrap(), Asked::default(), "who hangs up at once");
    }
}
