//! weir-push.
