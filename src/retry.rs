//! Trying again: not at once, not all together, and only when it may help.

use std::time::Duration;

use rand::RngExt;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Context, Error, Result};

/// How long to wait between attempts: twice as long each time up to a limit, of which a random
/// half is left out, so that nodes that failed together do not come back together.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    within: Option<Duration>,
}

impl Default for Backoff {
    /// From 50 milliseconds up to a second, for ever.
    fn default() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(1))
    }
}

impl Backoff {
    /// From `first` up to `most`, for ever.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            within: None,
        }
    }

    /// The same, but no longer than `limit` in all, the last attempt included.
    pub fn within(self, limit: Duration) -> Self {
        Self {
            within: Some(limit),
            ..self
        }
    }

    /// The pause after `failures` failed attempts in a row.
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
    /// Repeats `attempt` until it succeeds, or fails in a way that no repetition will mend.
    ///
    /// Errors that [are transient](Error::is_transient) are retried: timeouts, crashes and unknown
    /// codes, after which the operation **may have taken effect**, and "temporarily unavailable".
    /// So `attempt` must be something that may take effect twice. Any other error is returned at
    /// once; the last transient one is returned when the backoff's limit has passed.
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
                Err(_) => Err(last.unwrap_or_else(|| Error::timeout("no attempt came to an end"))),
            },
        }
    }
}
