//! weir-plugin-redact.
