//! Jobs: load balancing, measured against a scheduler that knows everything.
//!
//! Every node is a worker with some slots, and takes jobs from clients, most of which ask the same
//! node. Arrivals are drawn in advance and do not wait for answers (an open loop): the latency of a
//! job counts from its drawn arrival, so a slow cluster cannot hide behind clients that ask less.

mod arrivals;
mod check;
mod slow;

use std::time::Duration;

use serde_json::{Value as Json, json};

use super::{
    Client, Fields, FinalPhase, Malformed, OptionSpec, Phases, Rules, SetUp, Settings, Step,
    Workload,
};
use crate::check::Analysis;
use crate::edn::Value;
use crate::generator::{EachNode, Invocation};
use crate::history::History;
use crate::nemesis::FaultSpec;
use arrivals::Arrivals;

pub use arrivals::Capacity;
pub use check::JobsAnalysis;
pub use slow::Slow;

/// A client waits this long for a job before its outcome counts as unknown.
const JOB_TIMEOUT: Duration = Duration::from_secs(10);

/// A node is asked so many times what it has executed.
const ATTEMPTS_MAX: u32 = 5;

/// Client threads per node by default. A job that finds none free waits for one in the order of arrival,
/// which is then not the cluster's choice. At 70 % load, with a node of four slots five times slower, a few
/// hundred jobs wait at the first node.
const THREADS_PER_NODE: usize = 400;

/// The jobs workload.
#[derive(Clone, Copy, Debug)]
pub struct Jobs;

impl Workload for Jobs {
    fn name(&self) -> &str {
        "jobs"
    }

    fn summary(&self) -> &str {
        "load balancing: jobs that arrive unevenly must run once each, and soon"
    }

    fn protocol(&self) -> &str {
        include_str!("protocol.md")
    }

    fn functions(&self) -> &[&str] {
        &["job", "executed"]
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![
            OptionSpec::fraction("skew", 0.8, "Share of jobs that arrive at the first node"),
            OptionSpec::new(
                "load",
                "X",
                0.7,
                "Work that arrives, as a share of the cluster's capacity; --rate has no effect",
                |text| match text.parse::<f64>() {
                    Ok(load) if load > 0.0 && load.is_finite() => Ok(()),
                    _ => Err("must be a number above 0".to_owned()),
                },
            ),
            OptionSpec::new(
                "capacities",
                "LIST",
                "1,4",
                "Slots of the nodes in turn, separated by commas",
                |text| Capacity::parse_slots(text).map(drop),
            ),
            OptionSpec::count("ms-per-unit", 5, "Milliseconds that a unit of work takes"),
        ]
    }

    fn validate(&self, settings: &Settings) -> Result<(), String> {
        let (threads, nodes) = (settings.concurrency, settings.nodes.len());
        match threads >= nodes {
            true => Ok(()),
            false => Err(format!(
                "jobs asks every node, so it needs at least one client thread for each: {threads} is \
                 less than {nodes} (try --concurrency {THREADS_PER_NODE}n)"
            )),
        }
    }

    fn default_concurrency(&self, nodes: usize) -> usize {
        THREADS_PER_NODE * nodes
    }

    fn phases(&self, settings: &Settings) -> Phases {
        let executed = EachNode::new(&settings.nodes, ATTEMPTS_MAX, |node| {
            let value = Value::map([("node", node.into())]);
            Invocation::new("executed", value).with("final?", true)
        });
        Phases::main(Arrivals::new(settings)).then(FinalPhase {
            generator: Box::new(executed),
            limit: None,
        })
    }

    fn client(&self, settings: &Settings) -> Box<dyn Client> {
        Box::new(JobsClient {
            nodes: settings.nodes.clone(),
        })
    }

    fn set_up(&self, settings: &Settings, node: &str) -> Option<SetUp> {
        let number = settings.nodes.iter().position(|name| name == node)?;
        let capacity = Capacity::of_node(number, settings);
        Some(SetUp {
            request: capacity.request(),
            reply_type: "capacity_ok".into(),
            after_restart: true,
        })
    }

    fn faults(&self, settings: &Settings) -> Vec<FaultSpec> {
        let slow = Slow::new(settings);
        let spec = FaultSpec::new("slow", move || slow.clone())
            .describe("slow node", "a node is five times slower")
            .recorded_as("slow", "recover-speed");
        vec![spec]
    }

    fn rules(&self, _: &Settings) -> Rules {
        Rules {
            idempotent: vec!["executed".into()],
            reusable: true,
            timeout: JOB_TIMEOUT,
            ..Rules::default()
        }
    }

    fn check(&self, history: &History, settings: &Settings) -> Box<dyn Analysis> {
        Box::new(check::check(history, settings))
    }
}

struct JobsClient {
    nodes: Vec<String>,
}

impl Client for JobsClient {
    fn invoke(&mut self, invocation: &Invocation) -> Step {
        Step::Call(match &*invocation.f {
            "job" => {
                let field = |name| invocation.value.get(name).map(Value::to_json);
                json!({ "type": "job", "job": field("job"), "units": field("units") })
            }
            _ => json!({ "type": "executed" }),
        })
    }

    fn reply(&mut self, invocation: &Invocation, body: &Json) -> Result<Step, Malformed> {
        let in_body = |Malformed(problem)| Malformed(format!("{problem}: {body}"));
        let answer = if invocation.f == "job" {
            let mut fields = Fields::of(body, "job_ok")?;
            let worker = fields.take("worker")?;
            let name = worker
                .as_str()
                .filter(|name| self.nodes.iter().any(|node| node == name));
            let name = name.ok_or_else(|| {
                Malformed(format!(
                    "worker must be one of {}, not {worker}: {body}",
                    self.nodes.join(", ")
                ))
            })?;
            fields.end()?;
            ("worker", Value::from(name))
        } else {
            let mut fields = Fields::of(body, "executed_ok")?;
            let jobs = executed(fields.take("jobs")?).map_err(in_body)?;
            fields.end()?;
            ("jobs", jobs)
        };
        let mut value = invocation.value.clone();
        if let Value::Map(entries) = &mut value {
            entries.insert(Value::keyword(answer.0), answer.1);
        }
        Ok(Step::Ok(value))
    }
}

/// The jobs that a node has executed: `[["j5", 1], …]`.
fn executed(jobs: &Json) -> Result<Value, Malformed> {
    let malformed = || Malformed(format!("jobs must be a list of [job, count], not {jobs}"));
    let jobs = jobs.as_array().ok_or_else(malformed)?;
    let entries = jobs
        .iter()
        .map(|entry| match entry.as_array().map(Vec::as_slice) {
            Some([Json::String(job), count]) => match count.as_u64() {
                Some(count) => Ok(Value::Vector([job.as_str().into(), count.into()].into())),
                None => Err(Malformed(format!(
                    "the count of job {job} must be an integer, not {count}"
                ))),
            },
            _ => Err(Malformed(format!(
                "an executed job must be [job, count], not {entry}"
            ))),
        });
    Ok(Value::Vector(entries.collect::<Result<_, _>>()?))
}
