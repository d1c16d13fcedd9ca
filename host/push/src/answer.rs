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
    /// So many of its entries arrived, the others are lost, for this reason.
    Partial {
        /// Less than there are.
        written: u64,
        /// Of the others.
        reason: &'static str,
    },
    /// Too large: send its halves, once.
    Split,
    /// The backend does not understand this version of remote write and has stored nothing: send it in the other. If it does
    /// not understand that either, the record is lost, for this reason.
    NotUnderstood(&'static str),
    /// It is lost, for this reason.
    Drop(&'static str),
}

/// The verdict on an answer to a request of so many entries.
///
/// Remote write (specification 1.0, "Retries & Backoff"): 2xx is success, 5xx is retried, 4xx is not, except 429 by
/// option. Loki (HTTP API, "Ingest logs"): 204 and 200 are success and nothing else is; 260 means that ingestion is
/// blocked and nothing was stored. Both may have stored a part of what they answer 400 to, so nobody knows how much was
/// lost: that reason ends in `_unknown`. Remote write 2.0 says how much (specification 2.0, "Required Written Response
/// Headers"). Neither says anything of 1xx and 3xx, which a POST must not follow by itself: a redirect is a mistake in the
/// configuration, which loses nothing when it is corrected before the queue is full.
pub(crate) fn verdict(
    protocol: Protocol,
    status: StatusCode,
    headers: &HeaderMap,
    entries: u64,
    retry_429: bool,
) -> Verdict {
    let plain = by_status(protocol, status, headers, retry_429);
    if protocol == Protocol::RemoteWrite2 { by_written(plain, &Written::of(headers), entries) } else { plain }
}

fn by_status(protocol: Protocol, status: StatusCode, headers: &HeaderMap, retry_429: bool) -> Verdict {
    use Protocol::{Loki, RemoteWrite1, RemoteWrite2};
    match (protocol, status.as_u16()) {
        (RemoteWrite1 | RemoteWrite2, 200..=299) | (Loki, 200 | 204) => Verdict::Delivered,
        (Loki, 260) => Verdict::Drop("ingestion_blocked"),
        (Loki, 201..=299) => Verdict::Drop("http_2xx_unknown"),
        (_, 413) => Verdict::Split,
        (_, 429) if !retry_429 => Verdict::Drop("http_429"),
        (_, 429 | 500..) => Verdict::Retry { after: retry_after(headers, SystemTime::now()) },
        (_, 400) => Verdict::Drop(BAD_REQUEST),
        (_, 401) => Verdict::Drop("http_401"),
        (_, 403) => Verdict::Drop("http_403"),
        (_, 404) => Verdict::Drop("http_404"),
        (RemoteWrite1 | RemoteWrite2, 415) => Verdict::NotUnderstood("http_415"),
        (Loki, 415) => Verdict::Drop("http_415"),
        (_, 400..=499) => Verdict::Drop("http_4xx"),
        _ => Verdict::Retry { after: None },
    }
}

/// 400, when it is not known how much was stored.
const BAD_REQUEST: &str = "http_400_unknown";

/// What an answer to a 2.0 request says of samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    /// None of the headers is there: a receiver of 1.0.
    Silent,
    /// So many were written: none where only other kinds are spoken of.
    Samples(u64),
    /// What should be a number is none.
    Garbled,
}

impl Written {
    fn of(headers: &HeaderMap) -> Self {
        let header = |kind: &str| headers.get(format!("x-prometheus-remote-write-{kind}-written"));
        match header("samples") {
            Some(value) => {
                let number = value.to_str().ok().and_then(|text| text.trim().parse().ok());
                number.map_or(Self::Garbled, Self::Samples)
            }
            None if header("histograms").or(header("exemplars")).is_some() => Self::Samples(0),
            None => Self::Silent,
        }
    }
}

/// The verdict on an answer to a 2.0 request. Success without a word of what was written is that of a receiver of 1.0 which
/// found nothing it knows in the request, and so is a 400; both count as 415.
fn by_written(plain: Verdict, written: &Written, entries: u64) -> Verdict {
    match (plain, *written) {
        (Verdict::Delivered, Written::Silent) => Verdict::NotUnderstood("no_written_header"),
        (Verdict::Drop(BAD_REQUEST), Written::Silent) => Verdict::NotUnderstood(BAD_REQUEST),
        (Verdict::Delivered, Written::Samples(n)) if n < entries => {
            Verdict::Partial { written: n, reason: "not_written" }
        }
        (Verdict::Drop(reason), Written::Samples(n)) => {
            let reason = if reason == BAD_REQUEST { "http_400" } else { reason };
            if n == 0 { Verdict::Drop(reason) } else { Verdict::Partial { written: n.min(entries), reason } }
        }
        (plain, _) => plain,
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
    use Protocol::{Loki, RemoteWrite1, RemoteWrite2};

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
            (415, Verdict::NotUnderstood("http_415"), Verdict::Drop("http_415")),
            (422, Verdict::Drop("http_4xx"), Verdict::Drop("http_4xx")),
            (429, retry, retry),
            (500, retry, retry),
            (503, retry, retry),
        ] {
            let code = StatusCode::from_u16(status).unwrap();
            let headers = HeaderMap::new();
            assert_eq!(verdict(RemoteWrite1, code, &headers, 5, true), remote_write, "{status}");
            assert_eq!(verdict(Loki, code, &headers, 5, true), loki, "{status}");
        }
        let refused = verdict(RemoteWrite1, StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), 5, false);
        assert_eq!(refused, Verdict::Drop("http_429"));
    }

    #[test]
    fn the_written_headers_of_2_0_are_believed() {
        let samples = "x-prometheus-remote-write-samples-written";
        let retry = Verdict::Retry { after: None };
        let partial = |written, reason| Verdict::Partial { written, reason };
        for (status, header, want) in [
            (204, None, Verdict::NotUnderstood("no_written_header")),
            (400, None, Verdict::NotUnderstood("http_400_unknown")),
            (415, None, Verdict::NotUnderstood("http_415")),
            (415, Some((samples, "0")), Verdict::NotUnderstood("http_415")),
            (204, Some((samples, "5")), Verdict::Delivered),
            (200, Some((samples, "6")), Verdict::Delivered),
            (200, Some((samples, " many")), Verdict::Delivered),
            (204, Some((samples, "3")), partial(3, "not_written")),
            (204, Some(("x-prometheus-remote-write-histograms-written", "5")), partial(0, "not_written")),
            (400, Some((samples, "3")), partial(3, "http_400")),
            (400, Some((samples, "0")), Verdict::Drop("http_400")),
            (400, Some((samples, "?")), Verdict::Drop("http_400_unknown")),
            (422, Some((samples, "1")), partial(1, "http_4xx")),
            (401, None, Verdict::Drop("http_401")),
            (413, Some((samples, "3")), Verdict::Split),
            (429, Some((samples, "3")), retry),
            (500, None, retry),
        ] {
            let headers = HeaderMap::from_iter(
                header.map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap())),
            );
            let code = StatusCode::from_u16(status).unwrap();
            assert_eq!(verdict(RemoteWrite2, code, &headers, 5, true), want, "{status} {header:?}");
        }
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
