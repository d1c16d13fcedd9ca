//! Smoke.
use weir_sdk::*;
struct P;
impl Plugin for P { type Config = NoConfig; fn new(_: NoConfig) -> Result<Self, Error> { Ok(P) } }
impl Series for P { fn wants(&self) -> Labels { Labels::Nothing } fn relabel(&self, b: &SeriesBatch<'_>) -> Result<(), Error> { for r in b.rows() { r.set("a", "b") } Ok(()) } }
impl Logs for P { fn process(&mut self, b: &LogsBatch<'_>) -> Result<(), Error> { for r in b.rows() { if r.line().contains("x") { r.drop() } } counter("x", &[], 1.0); Ok(()) } }
export!(P: Series, Logs);
