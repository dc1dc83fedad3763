//! The latencies of operations, and quantiles.

use std::time::Duration;

use super::{History, Kind};

/// Returns the value at the floor of the rank, as upstream does; `None` without values. `sorted` is
/// in ascending order, and `quantile` is from 0 to 1.
pub fn quantile<T: Copy>(sorted: &[T], quantile: f64) -> Option<T> {
    let last = sorted.len().checked_sub(1)?;
    let rank = (sorted.len() as f64 * quantile) as usize;
    Some(sorted[rank.min(last)])
}

/// The latencies of operations, in ascending order.
#[derive(Clone, Debug)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Returns a [`quantile`] of the latencies; `None` without operations.
    pub fn quantile(&self, share: f64) -> Option<Duration> {
        quantile(&self.0, share)
    }

    /// Returns the number of operations.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there were none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
    fn quantile_is_the_value_at_the_floor_of_the_rank() {
        let of_four = |share| quantile(&[1, 2, 3, 4], share);
        assert_eq!([0.0, 0.49, 0.5, 1.0].map(of_four), [1, 2, 3, 4].map(Some));
        assert_eq!(quantile::<u32>(&[], 0.5), None);
    }
}
