//! weir-tail.
