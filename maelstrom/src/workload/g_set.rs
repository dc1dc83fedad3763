//! G-set: a set that only grows; in the end everybody must have everything.

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{Client, Fields, FinalPhase, Malformed, Rules, Settings, Step, Workload};
use crate::edn::Value;
use crate::generator::{AnyThread, Generator, Invocation, Stagger};
use crate::seed::ChaCha8Rng;

/// The g-set workload.
pub struct GSet;

impl Workload for GSet {
    fn generator(&self, settings: &Settings) -> Result<Box<dyn Generator>, String> {
        let mut elements = 0_u64..;
        let stream = move |rng: &mut ChaCha8Rng| match rng.random::<bool>() {
            true => Invocation::new("add", elements.next()),
            false => Invocation::new("read", Value::Nil),
        };
        Ok(Box::new(Stagger::new(settings.rate, AnyThread(stream))))
    }

    /// A read per thread. Upstream does not flag them as final, and its checker does not ask.
    fn final_generator(&self) -> Option<FinalPhase> {
        let read = Invocation::new("read", Value::Nil);
        Some(FinalPhase::once_per_thread(read))
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
}

struct GSetClient;

impl Client for GSetClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        Step::Call(match invocation.f {
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
