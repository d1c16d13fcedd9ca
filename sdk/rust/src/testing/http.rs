//! Servers, for the test that runs on this thread.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::http::{Refusal, Request, Response};

thread_local! {
    static ANSWERS: RefCell<BTreeMap<String, Response>> = const { RefCell::new(BTreeMap::new()) };
    static REQUESTS: RefCell<Vec<Request>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn send(request: Request) -> Result<Response, Refusal> {
    let answer = ANSWERS.with_borrow(|answers| answers.get(&request.url).cloned());
    let host = request.url.split('/').nth(2).unwrap_or_default().to_owned();
    REQUESTS.with_borrow_mut(|requests| requests.push(request));
    answer.ok_or(Refusal::NotGranted(host))
}

/// Has every request to a URL answered so. Hosts of which no URL is answered are not granted.
pub fn answer(url: &str, with: Response) {
    ANSWERS.with_borrow_mut(|answers| _ = answers.insert(url.into(), with));
}

/// What was asked since the last question.
pub fn requests() -> Vec<Request> {
    REQUESTS.take()
}
