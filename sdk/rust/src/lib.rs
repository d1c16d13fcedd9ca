//! weir-sdk.
