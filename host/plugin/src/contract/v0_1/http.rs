//! Requests of guests.

use std::time::{Duration, Instant};

use super::bindings::weir::plugin::http;
use super::size;
use crate::guest_log::Level;
use crate::http::{Answer, HttpRefusal, Request};
use crate::state::State;

impl http::Host for State {
    fn send(&mut self, request: http::Request) -> wasmtime::Result<Result<http::Response, http::Refusal>> {
        self.handed(size::request(&request))?;
        let begin = Instant::now();
        let outcome = self.waiting.left().and_then(|most| {
            let Some(access) = &self.services.access.http else { return Err(HttpRefusal::NotNow) };
            access.send(asked(request), most)
        });
        let took = begin.elapsed();
        self.waiting.took(took);
        self.time.wait(took);
        Ok(match outcome {
            Ok(answer) => {
                self.services.http.answered(answer.status, took);
                Ok(answered(answer))
            }
            Err(refusal) => {
                // The operator is told, whatever the plugin makes of it.
                self.services.log.write(Level::Warn, &format!("a request of its: {refusal}"));
                self.services.http.refused(&refusal);
                Err(told(refusal))
            }
        })
    }
}

fn asked(request: http::Request) -> Request {
    Request {
        method: request.method,
        url: request.url,
        headers: request.headers.into_iter().map(|h| (h.name, h.value)).collect(),
        body: request.body,
        timeout: request.timeout.map(|ms| Duration::from_millis(u64::from(ms))),
    }
}

fn answered(answer: Answer) -> http::Response {
    let headers = answer.headers.into_iter().map(|(name, value)| http::Header { name, value }).collect();
    http::Response { status: answer.status, headers, body: answer.body }
}

fn told(refusal: HttpRefusal) -> http::Refusal {
    match refusal {
        HttpRefusal::Malformed(why) => http::Refusal::Malformed(why),
        HttpRefusal::NotGranted(host) => http::Refusal::NotGranted(host),
        HttpRefusal::TooLarge(what) => http::Refusal::TooLarge(what),
        HttpRefusal::OverBudget => http::Refusal::OverBudget,
        HttpRefusal::Timeout(what) => http::Refusal::Timeout(what),
        HttpRefusal::Failed(why) => http::Refusal::Failed(why),
        HttpRefusal::NotNow => http::Refusal::NotNow,
    }
}
