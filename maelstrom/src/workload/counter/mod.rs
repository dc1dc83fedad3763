//! G-counter and PN-counter: in the end every node must read the sum of all additions.

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{Client, Fields, FinalPhase, Malformed, Phases, Rules, Settings, Step, Workload};
use crate::check::{Analysis, counter};
use crate::edn::Value;
use crate::generator::{AnyThread, Invocation, Stagger};
use crate::history::History;
use crate::seed::ChaCha8Rng;

/// The g-counter workload: a counter that only grows, by 0 to 4 at a time. As upstream, an addition
/// that would shrink it is drawn again from the mix of reads and additions, so that two operations
/// of three are reads.
#[derive(Clone, Copy, Debug)]
pub struct GCounter;

/// The pn-counter workload: additions are -5 to 4, and one operation of two is a read.
#[derive(Clone, Copy, Debug)]
pub struct PnCounter;

impl Workload for GCounter {
    fn name(&self) -> &str {
        "g-counter"
    }

    fn summary(&self) -> &str {
        "a counter that only grows; in the end every node must read the sum"
    }

    fn protocol(&self) -> &str {
        include_str!("g_counter.md")
    }

    fn functions(&self) -> &[&str] {
        &FUNCTIONS
    }

    fn phases(&self, settings: &Settings) -> Phases {
        phases(settings, 0)
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(CounterClient)
    }

    fn rules(&self, _: &Settings) -> Rules {
        rules()
    }

    fn check(&self, history: &History, _: &Settings) -> Box<dyn Analysis> {
        Box::new(counter::check(history))
    }
}

impl Workload for PnCounter {
    fn name(&self) -> &str {
        "pn-counter"
    }

    fn summary(&self) -> &str {
        "a counter that grows and shrinks; in the end every node must read the sum"
    }

    fn protocol(&self) -> &str {
        include_str!("pn_counter.md")
    }

    fn functions(&self) -> &[&str] {
        &FUNCTIONS
    }

    fn phases(&self, settings: &Settings) -> Phases {
        phases(settings, -5)
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(CounterClient)
    }

    fn rules(&self, _: &Settings) -> Rules {
        rules()
    }

    fn check(&self, history: &History, _: &Settings) -> Box<dyn Analysis> {
        Box::new(counter::check(history))
    }
}

const FUNCTIONS: [&str; 2] = ["add", "read"];

/// Reads, and additions of `delta_min` to 4; then a final read per thread.
fn phases(settings: &Settings, delta_min: i32) -> Phases {
    let stream = move |rng: &mut ChaCha8Rng| {
        loop {
            if rng.random() {
                return Invocation::new("read", Value::Nil);
            }
            let delta: i32 = rng.random_range(-5..5);
            if delta >= delta_min {
                return Invocation::new("add", delta);
            }
        }
    };
    let read = Invocation::new("read", Value::Nil).with("final?", true);
    Phases::main(Stagger::new(settings.rate, AnyThread(stream)))
        .then(FinalPhase::once_per_thread(read))
}

fn rules() -> Rules {
    Rules {
        handles_errors: false,
        ..Rules::default()
    }
}

struct CounterClient;

impl Client for CounterClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        Step::Call(match &*invocation.f {
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
