//! Unique IDs: no id may be generated twice.

mod check;

use serde_json::{Value as Json, json};

use super::{Client, Fields, Malformed, Phases, Rules, Settings, Step, Workload};
use crate::check::Analysis;
use crate::edn::Value;
use crate::generator::{AnyThread, Invocation, Stagger};
use crate::history::History;
use crate::seed::ChaCha8Rng;

pub use check::UniqueIdsAnalysis;

/// The unique-ids workload.
#[derive(Clone, Copy, Debug)]
pub struct UniqueIds;

impl Workload for UniqueIds {
    fn name(&self) -> &str {
        "unique-ids"
    }

    fn summary(&self) -> &str {
        "no id may be generated twice"
    }

    fn protocol(&self) -> &str {
        include_str!("protocol.md")
    }

    fn functions(&self) -> &[&str] {
        &["generate"]
    }

    fn phases(&self, settings: &Settings) -> Phases {
        let stream = |_: &mut ChaCha8Rng| Invocation::new("generate", Value::Nil);
        Phases::main(Stagger::new(settings.rate, AnyThread(stream)))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(UniqueIdsClient)
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            reusable: true,
            ..Rules::default()
        }
    }

    fn check(&self, history: &History, _: &Settings) -> Box<dyn Analysis> {
        Box::new(check::check(history))
    }
}

struct UniqueIdsClient;

impl Client for UniqueIdsClient {
    fn invoke(&mut self, _: &Invocation) -> Step {
        Step::Call(json!({ "type": "generate" }))
    }

    fn reply(&mut self, _: &Invocation, body: &Json) -> Result<Step, Malformed> {
        let mut fields = Fields::of(body, "generate_ok")?;
        let id = fields.take_any("id")?;
        fields.end()?;
        Ok(Step::Ok(id))
    }
}
