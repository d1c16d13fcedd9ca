//! weir-admin.
