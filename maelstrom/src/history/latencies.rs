//! The latencies of operations.

use std::time::Duration;

use super::{History, Kind};

/// The latencies of operations, in order of length.
#[derive(Clone, Debug)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Returns the latency at the floor of the rank, as upstream does; `None` without operations.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let last = self.0.len().checked_sub(1)?;
        let rank = (self.0.len() as f64 * quantile) as usize;
        Some(self.0[rank.min(last)])
    }
}

impl History {
    /// Returns the latencies of the operations that ended ok: of those called `f`, or of all.
    pub fn ok_latencies(&self, f: Option<&str>) -> Latencies {
        let pairs = self.pairs();
        let pairs = pairs.filter(|(invocation, _)| f.is_none_or(|f| invocation.f == f));
        let mut latencies: Vec<Duration> = pairs
            .filter_map(|(invocation, completion)| {
                let ok = completion.filter(|completion| completion.kind == Kind::Ok)?;
                Some(ok.time.saturating_sub(invocation.time))
            })
            .collect();
        latencies.sort_unstable();
        Latencies(latencies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_take_the_value_at_the_floor_of_the_rank() {
        let latencies = Latencies((1..=4).map(Duration::from_secs).collect());
        let secs = |quantile| {
            latencies
                .quantile(quantile)
                .map(|latency| latency.as_secs())
        };
        assert_eq!([0.0, 0.49, 0.5, 1.0].map(secs), [1, 2, 3, 4].map(Some));
        assert_eq!(Latencies(Vec::new()).quantile(0.5), None);
    }
}
