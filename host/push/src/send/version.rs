//! Which version of remote write a backend understands, as far as its answers have told.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::protocol::Protocol;

/// What all lanes of a sink know. It begins anew when weir starts, and when a reload changes the sink's settings: only then
/// is a version tried again that the backend did not understand.
#[derive(Debug, Default)]
pub(super) struct Version {
    /// The number of the protocol that records are sent in, 0 while they are sent as they are queued.
    only: AtomicU8,
    /// Whether a 2.0 request has been taken.
    two: AtomicU8,
}

impl Version {
    /// The version to send a record in.
    pub(super) fn wanted(&self, queued: Protocol) -> Protocol {
        // a lane that learns it one request late only asks once more
        let only = Protocol::from_number(self.only.load(Ordering::Relaxed));
        if queued.other_version().is_some() { only.unwrap_or(queued) } else { queued }
    }

    /// The backend has taken a request of this version after it did not understand the other. True for the first to say so.
    pub(super) fn is_only(&self, protocol: Protocol) -> bool {
        self.only.swap(protocol.number(), Ordering::Relaxed) != protocol.number()
    }

    /// The backend has taken a request.
    pub(super) fn taken(&self, protocol: Protocol) {
        if protocol == Protocol::RemoteWrite2 {
            self.two.store(1, Ordering::Relaxed);
        }
    }

    /// Whether a 400 can mean that the version is not understood (specification 2.0, "Unsupported Request Content"): not once
    /// a request of that version was taken.
    pub(super) fn is_unproven(&self) -> bool {
        self.two.load(Ordering::Relaxed) == 0
    }
}
