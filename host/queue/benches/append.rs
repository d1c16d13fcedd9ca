//! What an append costs.

fn main() {
    divan::main();
}
