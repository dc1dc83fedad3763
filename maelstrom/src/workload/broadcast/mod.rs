//! Broadcast: every value sent to one node must reach all of them.

mod topology;

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{
    Client, Fields, FinalPhase, Malformed, OptionSpec, Phases, Rules, SetUp, Settings, Step,
    Workload,
};
use crate::check::{Analysis, set_full};
use crate::edn::Value;
use crate::generator::{AnyThread, Invocation, Stagger};
use crate::history::History;
use crate::seed::ChaCha8Rng;

pub use topology::Topology;

/// The broadcast workload.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast;

impl Workload for Broadcast {
    fn name(&self) -> &str {
        "broadcast"
    }

    fn summary(&self) -> &str {
        "values sent to one node must become readable at all nodes"
    }

    fn protocol(&self) -> &str {
        include_str!("protocol.md")
    }

    fn functions(&self) -> &[&str] {
        &["broadcast", "read"]
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![OptionSpec::new(
            "topology",
            "NAME",
            Topology::default(),
            "Topology that nodes receive: line, grid, tree, tree2, tree3, tree4 or total",
            |text| text.parse::<Topology>().map(drop),
        )]
    }

    fn phases(&self, settings: &Settings) -> Phases {
        let mut values = 0_u64..;
        let stream = move |rng: &mut ChaCha8Rng| match rng.random::<bool>() {
            true => Invocation::new("broadcast", values.next()),
            false => Invocation::new("read", Value::Nil),
        };
        let read = Invocation::new("read", Value::Nil).with("final?", true);
        Phases::main(Stagger::new(settings.rate, AnyThread(stream)))
            .then(FinalPhase::once_per_thread(read))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(BroadcastClient)
    }

    fn set_up(&self, settings: &Settings, _: &str) -> Option<SetUp> {
        let topology: Topology = settings.options.get("topology");
        let neighbours = topology.neighbours(&settings.nodes);
        Some(SetUp {
            request: json!({ "type": "topology", "topology": neighbours }),
            reply_type: "topology_ok".into(),
            after_restart: false,
        })
    }

    fn has_common_set_up(&self) -> bool {
        true
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            idempotent: vec!["read".into()],
            ..Rules::default()
        }
    }

    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis> {
        Box::new(set_full::check_on(history, "broadcast", settings))
    }
}

struct BroadcastClient;

impl Client for BroadcastClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        Step::Call(match &*invocation.f {
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
