//! Retries with exponential backoff and jitter.

use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Context, Error, Result};

/// The pauses between attempts: they double up to a limit, and each is shortened at random by up to
/// half, so that nodes that failed together do not retry together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    within: Option<Duration>,
}

impl Default for Backoff {
    /// Starts at 50 ms, grows up to 1 s, without a time limit.
    fn default() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(1))
    }
}

impl Backoff {
    /// Creates a backoff that starts at `first` and grows up to `most`, without a time limit.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            within: None,
        }
    }

    /// Limits the total time, including the last attempt.
    pub fn within(self, limit: Duration) -> Self {
        Self {
            within: Some(limit),
            ..self
        }
    }

    /// Returns the pause after `failures` consecutive failures.
    pub(crate) fn pause(&self, failures: u32, cx: &Context) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        doubled
            .min(self.most)
            .mul_f64(cx.rng().random_range(0.5..=1.0))
    }
}

impl Context {
    /// Repeats `attempt` until it succeeds or fails with an error that is not transient.
    ///
    /// [Transient](Error::is_transient) errors are retried: "temporarily unavailable", and timeouts,
    /// crashes and unknown codes, after which the operation **may have taken effect**. So `attempt` must
    /// be safe to apply more than once.
    ///
    /// # Errors
    ///
    /// The first error that is not transient, or the last transient one if the time limit of the
    /// backoff has passed.
    ///
    /// ```no_run
    /// # use glomers::prelude::*;
    /// # async fn deliver(cx: &Context, body: &Value) -> Result<Value> {
    /// cx.retry(Backoff::default(), async || cx.call("n2", body).await).await
    /// # }
    /// ```
    pub async fn retry<T>(
        &self,
        backoff: Backoff,
        mut attempt: impl AsyncFnMut() -> Result<T>,
    ) -> Result<T> {
        let deadline = backoff.within.map(|limit| Instant::now() + limit);
        let mut last = None;
        let attempts = async {
            let mut failures = 0;
            loop {
                match attempt().await {
                    Err(error) if error.is_transient() => last = Some(error),
                    outcome => return outcome,
                }
                failures += 1;
                sleep(backoff.pause(failures, self)).await;
            }
        };
        match deadline {
            None => attempts.await,
            Some(deadline) => match timeout_at(deadline, attempts).await {
                Ok(outcome) => outcome,
                Err(_) => {
                    Err(last.unwrap_or_else(|| Error::timeout("no attempt finished in time")))
                }
            },
        }
    }
}
