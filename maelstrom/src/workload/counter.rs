//! G-counter and PN-counter: in the end everybody must know the sum.

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{Client, Fields, FinalPhase, Malformed, Rules, Settings, Step, Workload};
use crate::edn::Value;
use crate::generator::{AnyThread, Generator, Invocation, Stagger};
use crate::seed::ChaCha8Rng;

/// The two counter workloads, which differ only in what is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// g-counter: it only grows, by 0 to 4 at a time. An add that would shrink it is drawn again
    /// from the mix of reads and adds, so that two operations of three are reads.
    Grow,
    /// pn-counter: deltas are -5 to 4, and one operation of two is a read.
    GrowAndShrink,
}

impl Workload for Counter {
    fn generator(&self, settings: &Settings) -> Result<Box<dyn Generator>, String> {
        let delta_min = match self {
            Counter::Grow => 0,
            Counter::GrowAndShrink => -5,
        };
        let stream = move |rng: &mut ChaCha8Rng| {
            loop {
                if rng.random() {
                    return Invocation::new("read", Value::Nil);
                }
                let delta = rng.random_range(-5..5);
                if delta >= delta_min {
                    return Invocation::new("add", delta);
                }
            }
        };
        Ok(Box::new(Stagger::new(settings.rate, AnyThread(stream))))
    }

    fn final_generator(&self) -> Option<FinalPhase> {
        let read = Invocation::new("read", Value::Nil).with("final?", true);
        Some(FinalPhase::once_per_thread(read))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(CounterClient)
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            handles_errors: false,
            ..Rules::default()
        }
    }
}

struct CounterClient;

impl Client for CounterClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        Step::Call(match invocation.f {
            "add" => json!({ "type": "add", "delta": invocation.value.to_json() }),
            _ => json!({ "type": "read" }),
        })
    }

    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed> {
        if invocation.f == "add" {
            Fields::of(body, "add_ok")?.end()?;
            return Ok(Step::Ok(invocation.value.clone()));
        }
        let mut fields = Fields::of(body, "read_ok")?;
        let value = fields.take_integer("value")?;
        fields.end()?;
        Ok(Step::Ok(value))
    }
}
