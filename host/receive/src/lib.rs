//! weir-receive.
