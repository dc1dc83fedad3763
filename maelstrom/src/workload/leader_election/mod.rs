//! Leader election: every node is asked again and again which node leads, and in which term.
//!
//! A *tenure* is a pair of leader and term; a *claim* is a reply in which a node names itself. The
//! checker derives from the claims when each tenure certainly lasted, and finds tenures that overlap.

mod check;
mod generator;

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    Client, Fields, FinalPhase, Malformed, OptionSpec, Phases, Rules, Settings, Step, Workload,
};
use crate::check::Analysis;
use crate::edn::Value;
use crate::generator::{Invocation, Stagger};
use crate::history::History;
use generator::{EveryNode, OncePerNode};

pub use check::{LeaderElectionAnalysis, Tenure};

/// A node answers within this time, or ten latencies if that is longer, or counts as silent.
const REPLY_TIMEOUT: Duration = Duration::from_secs(1);

/// The leader-election workload.
#[derive(Clone, Copy, Debug)]
pub struct LeaderElection;

impl Workload for LeaderElection {
    fn name(&self) -> &str {
        "leader-election"
    }

    fn summary(&self) -> &str {
        "at most one node leads at a time, and in the end all nodes agree which"
    }

    fn protocol(&self) -> &str {
        include_str!("protocol.md")
    }

    fn functions(&self) -> &[&str] {
        &["leader"]
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![OptionSpec::flag(
            "allow-split-brain",
            "Report the time in which two nodes led, but accept it",
        )]
    }

    fn validate(&self, settings: &Settings) -> Result<(), String> {
        let (threads, nodes) = (settings.concurrency, settings.nodes.len());
        match threads >= nodes {
            true => Ok(()),
            false => Err(format!(
                "leader-election asks every node, so it needs at least one client thread for each: \
                 {threads} is less than {nodes} (try --concurrency 1n)"
            )),
        }
    }

    fn phases(&self, settings: &Settings) -> Phases {
        let main = EveryNode::new(settings.nodes.clone());
        Phases::main(Stagger::new(settings.rate, main)).then(FinalPhase {
            generator: Box::new(OncePerNode::new(settings.nodes.clone())),
            limit: None,
        })
    }

    fn client(&self, settings: &Settings) -> Box<dyn Client> {
        Box::new(LeaderClient {
            nodes: settings.nodes.clone(),
        })
    }

    fn rules(&self, settings: &Settings) -> Rules {
        Rules {
            idempotent: vec!["leader".into()],
            reusable: true,
            timeout: (settings.latency * 10).max(REPLY_TIMEOUT),
            ..Rules::default()
        }
    }

    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis> {
        Box::new(check::check(history, settings))
    }
}

/// The question to a node.
fn ask(node: &str) -> Invocation {
    Invocation::new("leader", node)
}

struct LeaderClient {
    nodes: Vec<String>,
}

impl Client for LeaderClient {
    fn invoke(&mut self, _: &Invocation) -> Step {
        Step::Call(json!({ "type": "leader" }))
    }

    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed> {
        let in_body = |Malformed(problem)| Malformed(format!("{problem}: {body}"));
        let mut fields = Fields::of(body, "leader_ok")?;
        let leader = fields.take("leader")?;
        let term = fields.take_integer("term").map_err(in_body)?;
        fields.end()?;
        match leader.as_str() {
            Some(name) if self.nodes.iter().any(|node| node == name) => Ok(Step::Ok(Value::map([
                ("node", invocation.value.clone()),
                ("leader", name.into()),
                ("term", term),
            ]))),
            _ => Err(Malformed(format!(
                "leader must be one of {}, not {leader}: {body}",
                self.nodes.join(", ")
            ))),
        }
    }
}
