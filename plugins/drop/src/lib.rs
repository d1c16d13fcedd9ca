//! weir-plugin-drop.
