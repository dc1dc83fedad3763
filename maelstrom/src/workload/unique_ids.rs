//! Unique IDs: no two clients may ever be given the same one.

use serde_json::{Value as Json, json};

use super::{Client, Fields, Malformed, Rules, Settings, Step, Workload};
use crate::edn::Value;
use crate::generator::{AnyThread, Generator, Invocation, Stagger};
use crate::seed::ChaCha8Rng;

/// The unique-ids workload.
pub struct UniqueIds;

impl Workload for UniqueIds {
    fn generator(&self, settings: &Settings) -> Result<Box<dyn Generator>, String> {
        let stream = |_: &mut ChaCha8Rng| Invocation::new("generate", Value::Nil);
        Ok(Box::new(Stagger::new(settings.rate, AnyThread(stream))))
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
