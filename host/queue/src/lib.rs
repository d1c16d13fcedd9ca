//! weir-queue.
