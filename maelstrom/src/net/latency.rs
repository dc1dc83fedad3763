//! How long messages take.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rand::RngExt;
use rand_distr::{Distribution as _, Exp};

use crate::seed::ChaCha8Rng;

/// The distribution of latencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distribution {
    /// Every latency is the mean.
    #[default]
    Constant,
    /// Latencies are whole milliseconds in [0, 2 · mean).
    Uniform,
    /// Latencies are exponential, rounded down to whole milliseconds.
    Exponential,
}

impl FromStr for Distribution {
    type Err = String;

    fn from_str(name: &str) -> Result<Distribution, String> {
        match name {
            "constant" => Ok(Distribution::Constant),
            "uniform" => Ok(Distribution::Uniform),
            "exponential" => Ok(Distribution::Exponential),
            _ => Err("must be one of constant, uniform, exponential".to_owned()),
        }
    }
}

/// The latency of messages between servers.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    mean_ms: u64,
    distribution: Distribution,
}

impl Latency {
    /// Creates latencies with a mean in milliseconds and a distribution.
    ///
    /// # Errors
    ///
    /// A random latency cannot have a mean of 0.
    pub fn new(mean_ms: u64, distribution: Distribution) -> Result<Latency, String> {
        if mean_ms == 0 && distribution != Distribution::Constant {
            return Err(format!(
                "--latency-dist {distribution} needs a --latency above 0"
            ));
        }
        Ok(Latency {
            mean_ms,
            distribution,
        })
    }

    /// Creates latencies that are all the same, in whole milliseconds.
    pub fn constant(mean: Duration) -> Latency {
        Latency {
            mean_ms: mean.as_millis() as u64,
            distribution: Distribution::Constant,
        }
    }

    /// Creates latencies that are uniform in [0, 2 · mean), or constant if the mean is 0.
    pub fn uniform(mean: Duration) -> Latency {
        Latency::random(mean, Distribution::Uniform)
    }

    /// Creates exponential latencies, or constant ones if the mean is 0.
    pub fn exponential(mean: Duration) -> Latency {
        Latency::random(mean, Distribution::Exponential)
    }

    fn random(mean: Duration, distribution: Distribution) -> Latency {
        let mean_ms = mean.as_millis() as u64;
        Latency::new(mean_ms, distribution).unwrap_or(Latency::constant(mean))
    }

    /// Returns the mean.
    pub fn mean(self) -> Duration {
        Duration::from_millis(self.mean_ms)
    }

    /// Draws the latency of one message.
    pub fn draw(self, rng: &mut ChaCha8Rng) -> Duration {
        let mean = self.mean_ms;
        Duration::from_millis(match self.distribution {
            Distribution::Constant => mean,
            Distribution::Uniform => rng.random_range(0..2 * mean),
            Distribution::Exponential => {
                let exponential = Exp::new(1.0 / mean as f64).expect("the mean is positive");
                exponential.sample(rng) as u64
            }
        })
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Distribution::Constant => "constant",
            Distribution::Uniform => "uniform",
            Distribution::Exponential => "exponential",
        })
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms {}", self.mean_ms, self.distribution)
    }
}
