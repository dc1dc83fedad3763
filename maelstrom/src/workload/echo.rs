//! Echo: clients expect to hear their own words.

use rand::RngExt;
use serde_json::{Value as Json, json};

use super::{Client, Fields, Malformed, Rules, Settings, Step, Workload};
use crate::edn::Value;
use crate::generator::{EachThread, Generator, Invocation, Stagger};
use crate::seed::ChaCha8Rng;

/// The echo workload.
pub struct Echo;

impl Workload for Echo {
    fn generator(&self, settings: &Settings) -> Result<Box<dyn Generator>, String> {
        let stream = |rng: &mut ChaCha8Rng| {
            Invocation::new("echo", format!("Please echo {}", rng.random_range(0..128)))
        };
        Ok(Box::new(Stagger::new(settings.rate, EachThread(stream))))
    }

    fn client(&self, _: &Settings) -> Box<dyn Client> {
        Box::new(EchoClient)
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules::default()
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
