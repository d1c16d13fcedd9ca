//! weir-exposition.
