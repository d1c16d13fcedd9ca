//! What a page says of a metric family beside its samples.

/// The metadata of a family, as its series carry it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Metadata {
    /// Its type.
    pub kind: MetricKind,
    /// What it is, for people; may be empty.
    pub help: Box<str>,
    /// The unit of its values; may be empty.
    pub unit: Box<str>,
}

/// The type of a metric family. The numbers are those of remote write 2.0 (specification 2.0, "Protobuf Message").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MetricKind {
    /// Not known.
    #[default]
    Unknown = 0,
    /// It only goes up, or begins anew.
    Counter = 1,
    /// It goes up and down.
    Gauge = 2,
    /// Counts in buckets.
    Histogram = 3,
    /// Gauges in buckets.
    GaugeHistogram = 4,
    /// Quantiles, a sum and a count.
    Summary = 5,
    /// Facts in labels; its value is 1.
    Info = 6,
    /// Which of several states hold.
    StateSet = 7,
}
