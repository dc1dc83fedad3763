//! Kafka: append-only logs, from which every acknowledged message must be read in order.
//!
//! Clients `send` messages to keys and `poll` the keys assigned to them from where they stand.
//! Now and then a client is `assign`ed other keys, and now and then one crashes, so that another
//! takes its place. In the end every client reads everything from the beginning.

mod client;
mod finale;
mod offsets;
mod traffic;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use super::{Client, FinalPhase, OptionSpec, Phases, Rules, Settings, Workload};
use crate::check::{Analysis, log};
use crate::edn::Value;
use crate::generator::{Invocation, Stagger};
use crate::history::History;
use client::KafkaClient;
use finale::Finale;
use offsets::Offsets;
use traffic::Traffic;

/// The final phase is cut off after this time, whether or not every client has read everything.
const FINALE_LIMIT: Duration = Duration::from_secs(10);

/// The kafka workload.
#[derive(Clone, Copy, Debug)]
pub struct Kafka;

impl Workload for Kafka {
    fn name(&self) -> &str {
        "kafka"
    }

    fn summary(&self) -> &str {
        "append-only logs; every acknowledged message must be polled, in order"
    }

    fn protocol(&self) -> &str {
        include_str!("protocol.md")
    }

    fn functions(&self) -> &[&str] {
        &["send", "poll", "assign", "crash", "subscribe", "txn"]
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![
            OptionSpec::count("key-count", 10, "Active keys at a time"),
            OptionSpec::count("max-writes-per-key", 16, "Writes per key, at most"),
        ]
    }

    fn phases(&self, settings: &Settings) -> Phases {
        // The main phase notes the offsets that the final phase reads up to.
        let offsets: Rc<RefCell<Offsets>> = Rc::default();
        let traffic = Traffic::new(settings, Rc::clone(&offsets));
        Phases::main(Stagger::new(settings.rate, traffic)).then(FinalPhase {
            generator: Box::new(Finale::new(offsets)),
            limit: Some(FINALE_LIMIT),
        })
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::<KafkaClient>::default()
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            idempotent: vec!["assign".into()],
            ..Rules::default()
        }
    }

    fn check(&self, history: &History, _: &Settings) -> Box<dyn Analysis> {
        Box::new(log::check(history))
    }
}

fn poll() -> Invocation {
    let step = Value::Vector([Value::keyword("poll")].into());
    Invocation::new("poll", Value::Vector([step].into()))
}

fn crash() -> Invocation {
    Invocation::new("crash", Value::Nil)
}

fn assign(keys: impl IntoIterator<Item = u64>) -> Invocation {
    let keys = keys.into_iter().map(|key| key.to_string());
    Invocation::new("assign", Value::vector(keys))
}
