//! How often a test fails, as far as a few runs prove it.

/// Returns the greatest p such that at least `failed` of `trials` runs fail with a probability of at
/// most `alpha` if each fails with probability p: the lower bound of Clopper and Pearson (1934).
pub(super) fn lower_bound(failed: u64, trials: u64, alpha: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match at_least(failed, trials, middle) <= alpha {
            true => low = middle,
            false => high = middle,
        }
    }
    if failed == 0 { 0.0 } else { low }
}

/// Returns the probability that at least `failed` of `trials` runs fail.
fn at_least(failed: u64, trials: u64, p: f64) -> f64 {
    let choose = |k: u64| (0..k).fold(1.0, |c, i| c * (trials - i) as f64 / (i + 1) as f64);
    let exactly = |k: u64| choose(k) * p.powi(k as i32) * (1.0 - p).powi((trials - k) as i32);
    (failed..=trials).map(exactly).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_is_that_of_clopper_and_pearson() {
        for (failed, trials, expected) in [(5, 5, 0.549), (4, 5, 0.343), (2, 3, 0.135), (0, 5, 0.0)]
        {
            let bound = lower_bound(failed, trials, 0.05);
            assert!(
                (bound - expected).abs() < 0.001,
                "{failed} of {trials}: {bound}"
            );
        }
    }
}
