//! What the usual rules cost per label set.

fn main() {
    divan::main();
}
