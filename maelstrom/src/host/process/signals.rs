//! Ctrl-C and SIGTERM.
//!
//! While a host runs, the first signal ends the run in an orderly way, and everything observed so
//! far is saved. A second signal, or one that arrives while no host runs (during the analysis,
//! say), ends this process at once, as if there were no handler.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// The state of the signal handlers. Handlers cannot be removed, because the signal would be
/// ignored from then on. So they are installed once, and this state decides what they do.
struct Handlers {
    /// Whether a signal arrived.
    interrupted: Arc<AtomicBool>,
    /// Whether a signal ends this process at once. Set by a signal too, for the next one.
    is_fatal: Arc<AtomicBool>,
    /// The number of hosts that run.
    hosts: Mutex<usize>,
}

static HANDLERS: OnceLock<Handlers> = OnceLock::new();

/// Keeps signals from ending this process at once, until it is dropped.
pub(super) struct Interrupts(&'static Handlers);

impl Interrupts {
    /// Starts to watch for signals.
    ///
    /// # Errors
    ///
    /// The handlers cannot be set.
    pub(super) fn watch() -> Result<Interrupts> {
        let handlers = match HANDLERS.get() {
            Some(handlers) => handlers,
            None => {
                let handlers = Handlers::install().context("setting signal handlers")?;
                HANDLERS.get_or_init(|| handlers)
            }
        };
        let mut hosts = handlers.hosts();
        *hosts += 1;
        if *hosts == 1 {
            handlers.interrupted.store(false, Ordering::SeqCst);
        }
        handlers.is_fatal.store(false, Ordering::SeqCst);
        drop(hosts);
        Ok(Interrupts(handlers))
    }

    /// Returns whether a signal arrived.
    pub(super) fn arrived(&self) -> bool {
        self.0.interrupted.load(Ordering::SeqCst)
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        let mut hosts = self.0.hosts();
        *hosts -= 1;
        if *hosts == 0 {
            self.0.is_fatal.store(true, Ordering::SeqCst);
        }
    }
}

impl Handlers {
    fn install() -> std::io::Result<Handlers> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let is_fatal = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the first signal only makes the second one fatal.
            flag::register_conditional_default(signal, is_fatal.clone())?;
            flag::register(signal, interrupted.clone())?;
            flag::register(signal, is_fatal.clone())?;
        }
        Ok(Handlers {
            interrupted,
            is_fatal,
            hosts: Mutex::new(0),
        })
    }

    fn hosts(&self) -> MutexGuard<'_, usize> {
        self.hosts.lock().expect("counting hosts does not panic")
    }
}
