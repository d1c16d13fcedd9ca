//! Why a scrape failed.

use weir_exposition::SyntaxError;

/// Why a scrape failed: the target is down (`up` is 0) until the next one, which is tried as usual. All are retryable by
/// their nature; [`reason`](Self::reason) is what they are counted under.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// No answer: name, connection, TLS, a malformed response.
    #[error("no answer: {0}")]
    Request(String),
    /// The answer, its body included, did not come in time.
    #[error("took longer than scrape_timeout, {0:?}")]
    Timeout(std::time::Duration),
    /// Another status than 200; the target or something before it refuses.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The body broke off.
    #[error("the body broke off: {0}")]
    Body(String),
    /// The body is not the gzip that its headers promise.
    #[error("the body is not valid gzip: {0}")]
    Gzip(String),
    /// The body is too large once it is decompressed.
    #[error("the body reached {limit} bytes; raise body_size_limit or serve less")]
    BodySizeLimit {
        /// The limit that was reached.
        limit: usize,
    },
    /// There is no room for the body beside those of other targets.
    #[error("the bodies of all targets together reached {limit} bytes; set body_size_limit where pages are small")]
    AllBodies {
        /// What they may take.
        limit: usize,
    },
    /// The body is no page of metrics.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// Metric relabelling took a series' name away.
    #[error("a series has no name after metric_relabel_configs, which must leave __name__ or drop it: {series}")]
    NoName {
        /// The series as the page has it, cut.
        series: String,
    },
    /// Too many samples.
    #[error("{samples} samples after metric_relabel_configs are over sample_limit, {limit}")]
    SampleLimit {
        /// How many there were.
        samples: u64,
        /// The limit.
        limit: usize,
    },
    /// A sample has too many or too long labels.
    #[error("{limit_name} is {limit}, and there are {found} in {series}")]
    LabelLimit {
        /// The limit's name in the configuration.
        limit_name: &'static str,
        /// The limit.
        limit: usize,
        /// What was found.
        found: usize,
        /// The series as the page has it, cut.
        series: String,
    },
    /// The job has more targets than it may.
    #[error("the job has {targets} targets, over target_limit, {limit}")]
    TargetLimit {
        /// How many there are.
        targets: usize,
        /// The limit.
        limit: usize,
    },
}

impl ScrapeError {
    /// A short fixed word for metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Request(_) => "connection",
            Self::Timeout(_) => "timeout",
            Self::Status(_) => "status",
            Self::Body(_) => "body",
            Self::Gzip(_) => "gzip",
            Self::BodySizeLimit { .. } => "body_size_limit",
            Self::AllBodies { .. } => "all_bodies",
            Self::Syntax(_) => "syntax",
            Self::NoName { .. } => "no_name",
            Self::SampleLimit { .. } => "sample_limit",
            Self::LabelLimit { .. } => "label_limit",
            Self::TargetLimit { .. } => "target_limit",
        }
    }
}

/// The beginning of a series, as much as an error shows.
pub(crate) fn excerpt(series: &[u8]) -> String {
    const SHOWN: usize = 120;
    String::from_utf8_lossy(series.get(..SHOWN).unwrap_or(series)).into_owned()
}
