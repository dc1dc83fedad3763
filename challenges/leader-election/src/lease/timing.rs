//! The times of the protocol, all derived from the length of a lease.

use std::time::Duration;

/// The largest difference between the rates of two monotonic clocks that leases survive: 1 %. The
/// crystals of ordinary machines differ by at most 0.02 %, and NTP adjusts rates by at most 0.05 %.
pub const CLOCK_RATE_ERROR: f64 = 0.01;

/// The times of the protocol.
#[derive(Clone, Debug)]
pub struct Timing {
    /// Time for which a leader leads after it sent a renewal that a majority acknowledged, by the
    /// leader's own clock.
    pub lease: Duration,
    /// Time for which a voter votes for no other node after it received a renewal, by the voter's
    /// own clock. Longer than the lease by [`CLOCK_RATE_ERROR`].
    pub promise: Duration,
    /// Period of renewals. Shorter costs messages; longer leaves less time for a round trip before
    /// the lease runs out.
    pub renew_interval: Duration,
    /// Time after which the leader repeats a renewal to every voter that has not acknowledged it,
    /// if no majority has.
    pub retry_interval: Duration,
    /// Shortest time for which a candidate waits for a majority, and for which a voter gives way to
    /// a candidate. A random time of up to the same length is added.
    pub election_timeout: Duration,
    /// Time by which the candidacies of successive nodes are staggered. Longer than the time that a
    /// message takes, so that only one node stands for election.
    pub stagger: Duration,
}

impl Timing {
    /// Returns the times that follow from a lease of this length.
    ///
    /// At 1 s, renewals every 0.7 s cost less than two messages per node and second in a cluster
    /// of five, and leave 0.3 s for two attempts, so that a lease survives the loss of a message
    /// on networks with round trips of up to about 0.15 s.
    pub fn of_lease(lease: Duration) -> Self {
        Self {
            lease,
            promise: lease.mul_f64(1.0 + CLOCK_RATE_ERROR),
            renew_interval: lease.mul_f64(0.70),
            retry_interval: lease.mul_f64(0.15),
            election_timeout: lease.mul_f64(0.30),
            stagger: lease.mul_f64(0.04),
        }
    }
}

impl Default for Timing {
    /// Returns the times that follow from a lease of one second.
    fn default() -> Self {
        Self::of_lease(Duration::from_secs(1))
    }
}
