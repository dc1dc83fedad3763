//! Echo: each reply must carry the value of its request.

mod check;

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{Client, Fields, Malformed, Phases, Settings, Step, Workload};
use crate::check::Analysis;
use crate::edn::Value;
use crate::generator::{EachThread, Invocation, Stagger};
use crate::history::History;
use crate::seed::ChaCha8Rng;

pub use check::EchoAnalysis;

/// The echo workload.
#[derive(Clone, Copy, Debug)]
pub struct Echo;

impl Workload for Echo {
    fn name(&self) -> &str {
        "echo"
    }

    fn summary(&self) -> &str {
        "each reply must carry the value of its request"
    }

    fn protocol(&self) -> &str {
        include_str!("protocol.md")
    }

    fn functions(&self) -> &[&str] {
        &["echo"]
    }

    fn phases(&self, settings: &Settings) -> Phases {
        let stream = |rng: &mut ChaCha8Rng| {
            Invocation::new("echo", format!("Please echo {}", rng.random_range(0..128)))
        };
        Phases::main(Stagger::new(settings.rate, EachThread(stream)))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(EchoClient)
    }

    fn check(&self, history: &History, _: &Settings) -> Box<dyn Analysis> {
        Box::new(check::check(history))
    }
}

struct EchoClient;

impl Client for EchoClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        Step::Call(json!({ "type": "echo", "echo": invocation.value.to_json() }))
    }

    fn reply(&mut self, _: &Invocation, body: &Json) -> Result<Step, Malformed> {
        let mut fields = Fields::of(body, "echo_ok")?;
        fields.take("echo")?;
        fields.end()?;
        // The history keeps the whole answer, its own fields under keywords.
        let body = body.as_object().into_iter().flatten();
        Ok(Step::Ok(Value::Map(
            body.map(|(key, value)| (Value::keyword(key), Value::from_json(value)))
                .collect(),
        )))
    }
}
