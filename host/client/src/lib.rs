//! weir-client.
