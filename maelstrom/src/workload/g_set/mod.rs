//! G-set: a set that only grows; in the end every node must have every element.

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{Client, Fields, FinalPhase, Malformed, Phases, Rules, Settings, Step, Workload};
use crate::check::{Analysis, set_full};
use crate::edn::Value;
use crate::generator::{AnyThread, Invocation, Stagger};
use crate::history::History;
use crate::seed::ChaCha8Rng;

/// The g-set workload.
#[derive(Clone, Copy, Debug)]
pub struct GSet;

impl Workload for GSet {
    fn name(&self) -> &str {
        "g-set"
    }

    fn summary(&self) -> &str {
        "elements added at one node must become readable at all nodes"
    }

    fn protocol(&self) -> &str {
        include_str!("protocol.md")
    }

    fn functions(&self) -> &[&str] {
        &["add", "read"]
    }

    /// The final phase is a read per thread. As upstream, these reads are not marked as final, and
    /// the checker does not ask.
    fn phases(&self, settings: &Settings) -> Phases {
        let mut elements = 0_u64..;
        let stream = move |rng: &mut ChaCha8Rng| match rng.random::<bool>() {
            true => Invocation::new("add", elements.next()),
            false => Invocation::new("read", Value::Nil),
        };
        let read = Invocation::new("read", Value::Nil);
        Phases::main(Stagger::new(settings.rate, AnyThread(stream)))
            .then(FinalPhase::once_per_thread(read))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(GSetClient)
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            handles_errors: false,
            ..Rules::default()
        }
    }

    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis> {
        Box::new(set_full::check_on(history, "add", settings))
    }
}

struct GSetClient;

impl Client for GSetClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        Step::Call(match &*invocation.f {
            "add" => json!({ "type": "add", "element": invocation.value.to_json() }),
            _ => json!({ "type": "read" }),
        })
    }

    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed> {
        if invocation.f == "add" {
            Fields::of(body, "add_ok")?.end()?;
            return Ok(Step::Ok(invocation.value.clone()));
        }
        let mut fields = Fields::of(body, "read_ok")?;
        let elements = fields.take_list("value")?;
        fields.end()?;
        Ok(Step::Ok(elements))
    }
}
