//! weir-plugin-relabel.
