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

use super::{Client, FinalPhase, Rules, Settings, Workload};
use crate::edn::Value;
use crate::generator::{Generator, Invocation, Stagger};
use client::KafkaClient;
use finale::Finale;
use offsets::Offsets;
use traffic::Traffic;

/// The final phase is cut off here, whether or not everybody has read everything.
const FINALE_LIMIT: Duration = Duration::from_secs(10);

/// The kafka workload. It watches the history of its run, so each run needs its own.
#[derive(Default)]
pub struct Kafka {
    offsets: Rc<RefCell<Offsets>>,
}

impl Workload for Kafka {
    fn generator(&self, settings: &Settings) -> Result<Box<dyn Generator>, String> {
        let traffic = Traffic::new(settings, Rc::clone(&self.offsets));
        Ok(Box::new(Stagger::new(settings.rate, traffic)))
    }

    fn final_generator(&self) -> Option<FinalPhase> {
        Some(FinalPhase {
            generator: Box::new(Finale::new(Rc::clone(&self.offsets))),
            limit: Some(FINALE_LIMIT),
        })
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::<KafkaClient>::default()
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            idempotent: &["assign"],
            ..Rules::default()
        }
    }
}

fn poll() -> Invocation {
    let step = Value::Vector(vec![Value::keyword("poll")]);
    Invocation::new("poll", Value::Vector(vec![step]))
}

fn crash() -> Invocation {
    Invocation::new("crash", Value::Nil)
}

fn assign(keys: impl IntoIterator<Item = u64>) -> Invocation {
    let keys = keys.into_iter().map(|key| key.to_string());
    Invocation::new("assign", Value::vector(keys))
}
