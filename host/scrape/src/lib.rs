//! weir-scrape.
