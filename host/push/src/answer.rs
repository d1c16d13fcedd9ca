//! What a backend's answer means for the record that was sent. Pure.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};

use crate::protocol::Protocol;

/// The longest that a `Retry-After` is followed: a backend with a wrong clock, or a hostile one, must not silence a sink
/// for days.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(10);

/// What to do with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It arrived.
    Delivered,
    /// Send it again, not before the time that the backend asked for.
    Retry {
        /// What `Retry-After` says.
        after: Option<Duration>,
    },
    /// Too large: send its halves, once.
    Split,
    /// It is lost, for this reason.
    Drop(&'static str),
}

/// The verdict on an answer.
///
/// Remote write (specification 1.0, "Retries & Backoff"): 2xx is success, 5xx is retried, 4xx is not, except 429 by
/// option. Loki (HTTP API, "Ingest logs"): 204 and 200 are success and nothing else is; 260 means that ingestion is
/// blocked and nothing was stored. Both may have stored a part of what they answer 400 to, so nobody knows how much was
/// lost: that reason ends in `_unknown`. Neither says anything of 1xx and 3xx, which a POST must not follow by itself: a
/// redirect is a mistake in the configuration, which loses nothing when it is corrected before the queue is full.
pub(crate) fn verdict(protocol: Protocol, status: StatusCode, headers: &HeaderMap, retry_429: bool) -> Verdict {
    match (protocol, status.as_u16()) {
        (Protocol::RemoteWrite1, 200..=299) | (Protocol::Loki, 200 | 204) => Verdict::Delivered,
        (Protocol::Loki, 260) => Verdict::Drop("ingestion_blocked"),
        (Protocol::Loki, 201..=299) => Verdict::Drop("http_2xx_unknown"),
        (_, 413) => Verdict::Split,
        (_, 429) if !retry_429 => Verdict::Drop("http_429"),
        (_, 429 | 500..) => Verdict::Retry { after: retry_after(headers, SystemTime::now()) },
        (_, 400) => Verdict::Drop("http_400_unknown"),
        (_, 401) => Verdict::Drop("http_401"),
        (_, 403) => Verdict::Drop("http_403"),
        (_, 404) => Verdict::Drop("http_404"),
        (_, 415) => Verdict::Drop("http_415"),
        (_, 400..=499) => Verdict::Drop("http_4xx"),
        _ => Verdict::Retry { after: None },
    }
}

/// `Retry-After` in seconds or as an HTTP date (RFC 9110, section 10.2.3), bounded.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wait.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use Protocol::{Loki, RemoteWrite1};

    #[test]
    fn each_status_means_what_the_specifications_say() {
        let retry = Verdict::Retry { after: None };
        for (status, remote_write, loki) in [
            (200, Verdict::Delivered, Verdict::Delivered),
            (202, Verdict::Delivered, Verdict::Drop("http_2xx_unknown")),
            (204, Verdict::Delivered, Verdict::Delivered),
            (260, Verdict::Delivered, Verdict::Drop("ingestion_blocked")),
            (301, retry, retry),
            (400, Verdict::Drop("http_400_unknown"), Verdict::Drop("http_400_unknown")),
            (401, Verdict::Drop("http_401"), Verdict::Drop("http_401")),
            (404, Verdict::Drop("http_404"), Verdict::Drop("http_404")),
            (413, Verdict::Split, Verdict::Split),
            (422, Verdict::Drop("http_4xx"), Verdict::Drop("http_4xx")),
            (429, retry, retry),
            (500, retry, retry),
            (503, retry, retry),
        ] {
            let code = StatusCode::from_u16(status).unwrap();
            let headers = HeaderMap::new();
            assert_eq!(verdict(RemoteWrite1, code, &headers, true), remote_write, "{status}");
            assert_eq!(verdict(Loki, code, &headers, true), loki, "{status}");
        }
        let refused = verdict(RemoteWrite1, StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), false);
        assert_eq!(refused, Verdict::Drop("http_429"));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let date = httpdate::fmt_http_date(now + Duration::from_secs(42));
        let past = httpdate::fmt_http_date(now - Duration::from_secs(42));
        for (text, want) in [
            ("7", Some(Duration::from_secs(7))),
            (" 0 ", Some(Duration::ZERO)),
            (&date, Some(Duration::from_secs(42))),
            (&past, Some(Duration::ZERO)),
            ("99999999999999", Some(LONGEST_RETRY_AFTER)),
            ("soon", None),
            ("-1", None),
        ] {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), want, "{text}");
        }
    }
}
