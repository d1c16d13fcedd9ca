//! weir-plugin-level.
