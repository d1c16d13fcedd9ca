//! The messages that weir receives, as their specifications name them.

/// Remote write 1.0 (Prometheus remote write specification 1.0, "Protocol"; `prompb/types.proto`).
///
/// Exemplars, native histograms and metadata are skipped: weir neither sends nor shows them yet.
pub mod remote_write {
    /// One request.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct WriteRequest {
        /// The series, each with its samples.
        #[prost(message, repeated, tag = "1")]
        pub timeseries: Vec<TimeSeries>,
    }

    /// A series and the samples that a request has for it.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct TimeSeries {
        /// The labels, sorted by name.
        #[prost(message, repeated, tag = "1")]
        pub labels: Vec<Label>,
        /// The samples by ascending time.
        #[prost(message, repeated, tag = "2")]
        pub samples: Vec<Sample>,
    }

    /// A label.
    #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message)]
    pub struct Label {
        /// Its name.
        #[prost(string, tag = "1")]
        pub name: String,
        /// Its value.
        #[prost(string, tag = "2")]
        pub value: String,
    }

    /// A sample.
    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct Sample {
        /// The value; a staleness marker is a NaN of its own.
        #[prost(double, tag = "1")]
        pub value: f64,
        /// Milliseconds since the epoch.
        #[prost(int64, tag = "2")]
        pub timestamp: i64,
    }
}

/// Remote write 2.0 (Prometheus remote write specification 2.0, "Protobuf Message"; `io.prometheus.write.v2`).
///
/// Exemplars and native histograms are skipped: weir neither sends nor shows them yet.
pub mod remote_write_2 {
    /// One request. All its text is in `symbols`; everything else refers to it by index.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct Request {
        /// The strings, each once; the first is the empty one.
        #[prost(string, repeated, tag = "4")]
        pub symbols: Vec<String>,
        /// The series, each with its samples.
        #[prost(message, repeated, tag = "5")]
        pub timeseries: Vec<TimeSeries>,
    }

    /// A series and the samples that a request has for it.
    #[derive(Clone, PartialEq, prost::Message)]
    pub struct TimeSeries {
        /// Names and values by turns, sorted by name.
        #[prost(uint32, repeated, tag = "1")]
        pub labels_refs: Vec<u32>,
        /// The samples by ascending time.
        #[prost(message, repeated, tag = "2")]
        pub samples: Vec<Sample>,
        /// What is known of the series' family.
        #[prost(message, optional, tag = "5")]
        pub metadata: Option<Metadata>,
    }

    /// A sample.
    #[derive(Clone, Copy, PartialEq, prost::Message)]
    pub struct Sample {
        /// The value; a staleness marker is a NaN of its own.
        #[prost(double, tag = "1")]
        pub value: f64,
        /// Milliseconds since the epoch.
        #[prost(int64, tag = "2")]
        pub timestamp: i64,
        /// Milliseconds since the epoch when a counter began; 0 where that is not known.
        #[prost(int64, tag = "3")]
        pub start_timestamp: i64,
    }

    /// What is known of a metric family.
    #[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
    pub struct Metadata {
        /// Its type, by the specification's numbers: 0 not known, 1 counter, 2 gauge, 3 histogram, 4 gaugehistogram,
        /// 5 summary, 6 info, 7 stateset.
        #[prost(int32, tag = "1")]
        pub r#type: i32,
        /// What it is, for people.
        #[prost(uint32, tag = "3")]
        pub help_ref: u32,
        /// The unit.
        #[prost(uint32, tag = "4")]
        pub unit_ref: u32,
    }
}

/// Loki push (grafana/loki, `pkg/push/push.proto`).
pub mod loki {
    /// One request.
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct PushRequest {
        /// The streams, each with its entries.
        #[prost(message, repeated, tag = "1")]
        pub streams: Vec<Stream>,
    }

    /// A stream and the entries that a request has for it.
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct Stream {
        /// The labels as text, `{a="b", c="d"}`.
        #[prost(string, tag = "1")]
        pub labels: String,
        /// The entries.
        #[prost(message, repeated, tag = "2")]
        pub entries: Vec<Entry>,
    }

    /// A line.
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct Entry {
        /// Its time.
        #[prost(message, optional, tag = "1")]
        pub timestamp: Option<Timestamp>,
        /// Its text.
        #[prost(string, tag = "2")]
        pub line: String,
        /// What is known about it beside the text.
        #[prost(message, repeated, tag = "3")]
        pub structured_metadata: Vec<LabelPair>,
    }

    impl Entry {
        /// Nanoseconds since the epoch; 0 where there is no time.
        pub fn nanos(&self) -> i64 {
            self.timestamp.map_or(0, |t| t.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(t.nanos)))
        }
    }

    /// `google.protobuf.Timestamp`.
    #[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
    pub struct Timestamp {
        /// Seconds since the epoch, rounded down.
        #[prost(int64, tag = "1")]
        pub seconds: i64,
        /// Nanoseconds within that second.
        #[prost(int32, tag = "2")]
        pub nanos: i32,
    }

    /// A name and its value.
    #[derive(Clone, PartialEq, Eq, prost::Message)]
    pub struct LabelPair {
        /// The name.
        #[prost(string, tag = "1")]
        pub name: String,
        /// The value.
        #[prost(string, tag = "2")]
        pub value: String,
    }
}
