//! weir-relabel.
