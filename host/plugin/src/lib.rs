//! weir-plugin.
