//! Broadcast: every value told to one node must reach all of them.

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{Client, Fields, FinalPhase, Malformed, Rules, Settings, Step, Workload};
use crate::edn::Value;
use crate::generator::{AnyThread, Generator, Invocation, Stagger};
use crate::seed::ChaCha8Rng;

/// The broadcast workload.
pub struct Broadcast;

impl Workload for Broadcast {
    fn generator(&self, settings: &Settings) -> Result<Box<dyn Generator>, String> {
        let mut values = 0_u64..;
        let stream = move |rng: &mut ChaCha8Rng| match rng.random::<bool>() {
            true => Invocation::new("broadcast", values.next()),
            false => Invocation::new("read", Value::Nil),
        };
        Ok(Box::new(Stagger::new(settings.rate, AnyThread(stream))))
    }

    fn final_generator(&self) -> Option<FinalPhase> {
        let read = Invocation::new("read", Value::Nil).with("final?", true);
        Some(FinalPhase::once_per_thread(read))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(BroadcastClient)
    }

    fn set_up(&self, settings: &Settings, _: &str) -> Option<(Json, &'static str)> {
        let topology = settings.topology.neighbours(&settings.nodes);
        Some((
            json!({ "type": "topology", "topology": topology }),
            "topology_ok",
        ))
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            idempotent: &["read"],
            ..Rules::default()
        }
    }
}

struct BroadcastClient;

impl Client for BroadcastClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        Step::Call(match invocation.f {
            "broadcast" => json!({ "type": "broadcast", "message": invocation.value.to_json() }),
            _ => json!({ "type": "read" }),
        })
    }

    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed> {
        if invocation.f == "broadcast" {
            Fields::of(body, "broadcast_ok")?.end()?;
            return Ok(Step::Ok(invocation.value.clone()));
        }
        let mut fields = Fields::of(body, "read_ok")?;
        let messages = fields.take_list("messages")?;
        fields.end()?;
        Ok(Step::Ok(messages))
    }
}
