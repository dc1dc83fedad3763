//! Noticing a simulated node that never yields.
//!
//! A node in an endless loop without `.await` keeps its thread, and nothing can interrupt it. So
//! one thread of this process watches all simulated hosts. When a single poll of a node lasts too
//! long it reports the node, and once no other simulation runs it ends the process, which would
//! otherwise hang.
//!
//! The watcher counts its checks, and does not read a clock: a process that was suspended for an hour
//! did not hang for an hour.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, Weak};
use std::time::Duration;

use crate::seed::Seed;

/// The interval of the checks of all hosts.
const CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// The number of checks, 30 s, after which a poll is considered endless. Polls normally take microseconds.
const MAX_POLL_CHECKS: u32 = 15;

/// The number of checks, 10 s, without any other running simulation after which the process is ended.
const GRACE_CHECKS: u32 = 5;

/// The exit status of a process that the watcher ends. It equals that of a test that panicked.
const EXIT_STATUS: i32 = 101;

/// The progress of the nodes of one host, as the watcher reads it.
#[derive(Debug)]
pub(super) struct Heartbeat {
    seed: Seed,
    names: Vec<String>,
    /// Twice the number of polls so far, plus one during a poll.
    beats: AtomicU64,
    /// The node that is, or was last, polled.
    node: AtomicU64,
}

/// The watcher's record of a host.
struct Watched {
    heartbeat: Weak<Heartbeat>,
    beats: u64,
    /// The number of checks since `beats` was first seen with this value.
    unchanged: u32,
    is_stuck: bool,
}

static HOSTS: Mutex<Vec<Watched>> = Mutex::new(Vec::new());

impl Heartbeat {
    /// Creates the heartbeat of a host, and starts to watch it.
    pub(super) fn watch(seed: Seed, names: &[String]) -> Arc<Heartbeat> {
        static WATCHER: Once = Once::new();
        WATCHER.call_once(|| {
            let watcher = std::thread::Builder::new().name("eddy watcher".to_owned());
            // Without the watcher an endless loop hangs the process, but everything else works.
            let _ = watcher.spawn(watch_all);
        });
        let heartbeat = Arc::new(Heartbeat {
            seed,
            names: names.to_vec(),
            beats: AtomicU64::new(0),
            node: AtomicU64::new(0),
        });
        hosts().push(Watched {
            heartbeat: Arc::downgrade(&heartbeat),
            beats: 0,
            unchanged: 0,
            is_stuck: false,
        });
        heartbeat
    }

    pub(super) fn begin_poll(&self, node: usize) {
        self.node.store(node as u64, Ordering::Relaxed);
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end_poll(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    fn report(&self) {
        let node = self.node.load(Ordering::Relaxed) as usize;
        let (seed, node) = (self.seed, &self.names[node]);
        let text = format!(
            "\nseed {seed}: node {node} has run for {} s without yielding: it is in an endless \
             loop, or blocks its thread\n",
            (CHECK_INTERVAL * MAX_POLL_CHECKS).as_secs()
        );
        // Write directly to stderr, because the test harness keeps captured output until the test
        // ends. Ignore a closed stderr.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
}

fn hosts() -> MutexGuard<'static, Vec<Watched>> {
    HOSTS.lock().expect("watching hosts does not panic")
}

fn watch_all() {
    let mut only_stuck_for = 0;
    loop {
        std::thread::sleep(CHECK_INTERVAL);
        let mut hosts = hosts();
        hosts.retain_mut(Watched::look);
        let only_stuck = !hosts.is_empty() && hosts.iter().all(|host| host.is_stuck);
        drop(hosts);
        only_stuck_for = if only_stuck { only_stuck_for + 1 } else { 0 };
        if only_stuck_for > GRACE_CHECKS {
            std::process::exit(EXIT_STATUS);
        }
    }
}

impl Watched {
    /// Checks whether the host makes progress. Returns whether it still exists.
    fn look(&mut self) -> bool {
        let Some(heartbeat) = self.heartbeat.upgrade() else {
            return false;
        };
        let beats = heartbeat.beats.load(Ordering::Relaxed);
        self.unchanged += 1;
        if beats != self.beats {
            (self.beats, self.unchanged, self.is_stuck) = (beats, 0, false);
        }
        let in_poll = beats % 2 == 1;
        if in_poll && !self.is_stuck && self.unchanged > MAX_POLL_CHECKS {
            self.is_stuck = true;
            heartbeat.report();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_stuck_when_one_poll_lasts_too_long() {
        let heartbeat = Arc::new(Heartbeat {
            seed: Seed(7),
            names: vec!["n0".to_owned()],
            beats: AtomicU64::new(0),
            node: AtomicU64::new(0),
        });
        let mut host = Watched {
            heartbeat: Arc::downgrade(&heartbeat),
            beats: 0,
            unchanged: 0,
            is_stuck: false,
        };
        let mut is_stuck_after = |checks| {
            assert!((0..checks).all(|_| host.look()));
            host.is_stuck
        };
        assert!(
            !is_stuck_after(2 * MAX_POLL_CHECKS),
            "a host that polls nothing is idle"
        );
        heartbeat.begin_poll(0);
        assert!(!is_stuck_after(1 + MAX_POLL_CHECKS));
        assert!(is_stuck_after(1));
        heartbeat.end_poll();
        assert!(!is_stuck_after(1));
        drop(heartbeat);
        assert!(!host.look(), "a dropped host is forgotten");
    }
}
