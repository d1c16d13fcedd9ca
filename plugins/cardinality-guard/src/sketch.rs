//! About how many distinct series there were, in 256 bytes (HyperLogLog: six in a hundred too many or too few).

const REGISTERS: usize = 256;

#[derive(Debug)]
pub(crate) struct Sketch(Box<[u8]>);

impl Default for Sketch {
    fn default() -> Self {
        Self(vec![0; REGISTERS].into())
    }
}

impl Sketch {
    /// Counts a hash.
    pub(crate) fn add(&mut self, hash: u64) {
        let rank = (hash << 8).leading_zeros().min(55) as u8 + 1;
        if let Some(register) = self.0.get_mut((hash >> 56) as usize) {
            *register = rank.max(*register);
        }
    }

    /// How many distinct ones were counted, about.
    pub(crate) fn estimate(&self) -> f64 {
        let registers = REGISTERS as f64;
        let sum: f64 = self.0.iter().map(|rank| 0.5f64.powi(i32::from(*rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / registers) * registers * registers / sum;
        let empty: usize = self.0.iter().map(|rank| usize::from(*rank == 0)).sum();
        // few: linear counting is more exact
        if raw <= 2.5 * registers && empty > 0 { registers * (registers / empty as f64).ln() } else { raw }.round()
    }
}

#[cfg(test)]
mod tests {
    use super::Sketch;
    use rapidhash::v3::rapidhash_v3;

    #[test]
    fn about_as_many_as_there_were() {
        for count in [0u32, 1, 10, 100, 1_000, 10_000, 100_000] {
            let mut sketch = Sketch::default();
            for i in (0..count).chain(0..count) {
                sketch.add(rapidhash_v3(&i.to_le_bytes()));
            }
            let estimate = sketch.estimate();
            assert!((estimate - f64::from(count)).abs() <= f64::from(count) * 0.2, "{count}: {estimate}");
        }
    }
}
