//! weir-discovery.
