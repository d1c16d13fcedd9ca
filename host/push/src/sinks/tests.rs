//! Sinks against the preview receiver, which decodes what it is sent.

mod acknowledgement;
mod backlog;
mod delivery;
mod metrics;
mod order;
mod pressure;
mod refusals;
mod reload;
mod renewal;
mod rig;
mod rude;
mod storms;
mod versions;
