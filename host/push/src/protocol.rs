//! How a queued body is encoded, and so how it must be sent.

/// A protocol, as queues keep it with each record. The numbers are on disk: they are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Remote write 1.0: a `prometheus.WriteRequest` in a snappy block.
    RemoteWrite1,
    /// Remote write 2.0: an `io.prometheus.write.v2.Request` in a snappy block.
    RemoteWrite2,
    /// Loki push: a `logproto.PushRequest` in a snappy block.
    Loki,
}

impl Protocol {
    /// The number on disk.
    pub const fn number(self) -> u8 {
        match self {
            Self::RemoteWrite1 => 1,
            Self::Loki => 2,
            Self::RemoteWrite2 => 3,
        }
    }

    /// The protocol of a number; `None` when a newer weir queued the record.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::RemoteWrite1),
            2 => Some(Self::Loki),
            3 => Some(Self::RemoteWrite2),
            _ => None,
        }
    }

    /// The version of remote write, for people.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::RemoteWrite1 => "1.0",
            Self::RemoteWrite2 => "2.0",
            Self::Loki => "",
        }
    }

    /// The other version of remote write, for a receiver that does not understand this one.
    pub(crate) const fn other_version(self) -> Option<Self> {
        match self {
            Self::RemoteWrite1 => Some(Self::RemoteWrite2),
            Self::RemoteWrite2 => Some(Self::RemoteWrite1),
            Self::Loki => None,
        }
    }
}
