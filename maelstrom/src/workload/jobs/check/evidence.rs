//! What was run, by the workers' own account, and which faults excuse it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::check::findings::{Example, Findings, place};
use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// A job that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    pub id: &'a str,
    pub units: u64,
    pub invocation: &'a Operation,
    pub completion: Option<&'a Operation>,
}

impl<'a> Job<'a> {
    /// The worker that the answer names, if the job was answered.
    pub fn worker(&self) -> Option<&'a str> {
        let done = self.completion.filter(|done| done.kind == Kind::Ok)?;
        done.value.get("worker")?.as_str()
    }

    /// The time of the last that is known of the job: its end, or else its arrival.
    pub fn end(&self) -> Duration {
        self.completion.unwrap_or(self.invocation).time
    }
}

/// What clients sent, and what workers executed.
#[derive(Clone, Debug, Default)]
pub(super) struct Record<'a> {
    pub jobs: BTreeMap<&'a str, Job<'a>>,
    /// Per job, per worker, how often it was run to its end.
    pub executed: BTreeMap<&'a str, BTreeMap<&'a str, u64>>,
    /// The workers that said what they have executed, with the answer.
    pub accounts: BTreeMap<&'a str, &'a Operation>,
}

impl<'a> Record<'a> {
    pub fn of(history: &'a History) -> Record<'a> {
        let mut record = Record::default();
        for (invocation, completion) in history.pairs() {
            let text = |value: &'a Value, name| value.get(name).and_then(Value::as_str);
            match &*invocation.f {
                "job" => {
                    let id = text(&invocation.value, "job").unwrap_or_default();
                    let units = invocation.value.get("units").and_then(Value::as_int);
                    let job = Job {
                        id,
                        units: units
                            .and_then(|units| u64::try_from(units).ok())
                            .unwrap_or(0),
                        invocation,
                        completion,
                    };
                    record.jobs.insert(id, job);
                }
                "executed" => {
                    let node = text(&invocation.value, "node").unwrap_or_default();
                    if let Some(answer) = completion.filter(|done| done.kind == Kind::Ok) {
                        record.account(node, answer);
                    }
                }
                _ => {}
            }
        }
        record
    }

    fn account(&mut self, node: &'a str, answer: &'a Operation) {
        self.accounts.insert(node, answer);
        let jobs = answer.value.get("jobs").and_then(Value::as_seq);
        for entry in jobs.unwrap_or_default() {
            if let Some([job, count]) = entry.as_seq()
                && let (Some(job), Some(count)) = (job.as_str(), count.as_int())
                && count > 0
            {
                *self
                    .executed
                    .entry(job)
                    .or_default()
                    .entry(node)
                    .or_default() += count as u64;
            }
        }
    }
}

/// For this long after the end of a fault that delays messages, some of them may still be on the way.
const DELAYED_MESSAGES: Duration = Duration::from_secs(2);

/// A fault from its beginning to its end.
#[derive(Clone, Debug)]
struct Fault<'a> {
    /// The nodes that it hits; empty for a fault that hits all.
    nodes: BTreeSet<&'a str>,
    kind: &'a str,
    from: Duration,
    to: Duration,
    /// How many times slower each node is, for the fault `slow`.
    slowness: BTreeMap<&'a str, f64>,
}

/// The faults of a run.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults<'a>(Vec<Fault<'a>>);

impl<'a> Faults<'a> {
    pub fn of(history: &'a History) -> Faults<'a> {
        let mut faults: Vec<Fault<'a>> = Vec::new();
        let mut in_force: BTreeMap<&str, usize> = BTreeMap::new();
        // Of each fault the history holds what was asked for, and then what was done.
        let mut records = history.iter().filter(|op| !op.is_client());
        while let (Some(_), Some(op)) = (records.next(), records.next()) {
            let ends = match &*op.f {
                "start" => Some("kill"),
                "resume" => Some("pause"),
                "recover-speed" => Some("slow"),
                "reset-clock" => Some("bump-clock"),
                f => f.strip_prefix("stop-"),
            };
            if let Some(kind) = ends {
                // A history does not say which of two faults of one kind ends: both count until
                // the last one does.
                let left = in_force.entry(kind).or_default();
                *left = left.saturating_sub(1);
                if *left == 0 {
                    let open = faults.iter_mut().filter(|fault| fault.to == Duration::MAX);
                    let ended = open.filter(|fault| fault.kind == kind);
                    ended.for_each(|fault| fault.to = op.time);
                }
                continue;
            }
            let kind = op.f.strip_prefix("start-").unwrap_or(&op.f);
            *in_force.entry(kind).or_default() += 1;
            faults.push(Fault {
                nodes: names(&op.value),
                kind,
                from: op.time,
                to: Duration::MAX,
                slowness: slowness(op),
            });
        }
        Faults(faults)
    }

    /// Whether a fault, or a message that it delayed, hit the node at a time between the two.
    pub fn hit(&self, node: &str, from: Duration, to: Duration) -> bool {
        self.0.iter().any(|fault| {
            let hits = fault.nodes.is_empty() || fault.nodes.contains(node);
            let end = match fault.kind {
                "delays" | "latency-spike" => fault.to.saturating_add(DELAYED_MESSAGES),
                _ => fault.to,
            };
            hits && fault.from <= to && from <= end
        })
    }

    /// Whether the node was killed at any time after `from`, so that it forgot what it had executed.
    pub fn killed_since(&self, node: &str, from: Duration) -> bool {
        let mut kills = self.0.iter().filter(|fault| fault.kind == "kill");
        kills.any(|kill| kill.nodes.contains(node) && kill.from >= from)
    }

    /// When a node changed its speed, and how many times slower than usual it was from then on.
    pub fn speeds(&self) -> impl Iterator<Item = (Duration, &'a str, f64)> {
        self.0.iter().flat_map(|fault| {
            let slow = fault
                .slowness
                .iter()
                .map(|(node, factor)| (fault.from, *node, *factor));
            let recovered = fault.slowness.keys().map(|node| (fault.to, *node, 1.0));
            slow.chain(recovered)
        })
    }

    /// How many times slower than usual the node was when it began a job that takes `service` at full
    /// speed, arrived at `arrival` and was answered at `answer`. Only the end is known: the job may have
    /// begun while the node was slow if, at that speed, it began after its arrival and in the fault.
    pub fn slowness(
        &self,
        node: &str,
        service: Duration,
        arrival: Duration,
        answer: Duration,
    ) -> f64 {
        let slow = self.0.iter().filter_map(|fault| {
            let factor = *fault.slowness.get(node)?;
            let begin = answer.checked_sub(service.mul_f64(factor))?;
            (begin >= arrival && fault.from <= begin && begin < fault.to).then_some(factor)
        });
        slow.fold(1.0, f64::max)
    }
}

/// Every text in a value that a fault recorded: the nodes that it hit. A cut link hits both of its ends.
fn names(value: &Value) -> BTreeSet<&str> {
    match value {
        Value::Str(name) => BTreeSet::from([&**name]),
        Value::Map(entries) => {
            let both = entries.iter().flat_map(|(key, value)| [key, value]);
            both.flat_map(names).collect()
        }
        Value::Set(items) => items.iter().flat_map(names).collect(),
        Value::Vector(items) | Value::List(items) => items.iter().flat_map(names).collect(),
        _ => BTreeSet::new(),
    }
}

fn slowness(op: &Operation) -> BTreeMap<&str, f64> {
    let entries = op.value.as_map().filter(|_| op.f == "slow");
    let entries = entries.into_iter().flatten();
    entries
        .filter_map(|(node, factor)| Some((node.as_str()?, factor.as_int()? as f64)))
        .collect()
}

/// Jobs that were acknowledged, and that the worker named, or any other, did not run.
pub(super) fn lost(found: &mut Findings, record: &Record<'_>, faults: &Faults<'_>) {
    let (mut lost, mut elsewhere) = (Vec::new(), Vec::new());
    for job in record.jobs.values() {
        let (Some(worker), Some(done)) = (job.worker(), job.completion) else {
            continue;
        };
        let knows = record.accounts.contains_key(worker)
            && !faults.killed_since(worker, job.invocation.time);
        let by = record.executed.get(job.id);
        if !knows || by.is_some_and(|by| by.contains_key(worker)) {
            continue;
        }
        match by {
            None => lost.push(Example::new(
                format!(
                    "job {} of {} units was acknowledged as run by {worker} ({}), which did not run it",
                    job.id,
                    job.units,
                    place(done)
                ),
                [done.index, record.accounts[worker].index],
            )),
            Some(by) => elsewhere.push(Example::new(
                format!(
                    "job {} was acknowledged as run by {worker} ({}), but was run by {}",
                    job.id,
                    place(done),
                    by.keys().copied().collect::<Vec<_>>().join(", ")
                ),
                [done.index, record.accounts[worker].index],
            )),
        }
    }
    found.add(
        "lost",
        "a job was acknowledged, and no worker has executed it.",
        lost,
    );
    found.add(
        "wrong-worker",
        "an answer names a worker that did not run the job.",
        elsewhere,
    );
}

/// Jobs that were run more than once although no fault hit a worker that ran them.
pub(super) fn repeated(found: &mut Findings, record: &Record<'_>, faults: &Faults<'_>) {
    let mut examples = Vec::new();
    for (id, by) in &record.executed {
        let count: u64 = by.values().sum();
        let Some(job) = record.jobs.get(id).filter(|_| count > 1) else {
            continue;
        };
        let end = job.completion.map_or(Duration::MAX, |done| done.time);
        let excused = by
            .keys()
            .any(|worker| faults.hit(worker, job.invocation.time, end));
        if !excused {
            let runs: Vec<String> = by
                .iter()
                .map(|(worker, count)| format!("{count} times by {worker}"))
                .collect();
            examples.push(Example::new(
                format!(
                    "job {id} was run {} ({})",
                    runs.join(" and "),
                    place(job.invocation)
                ),
                [job.invocation.index],
            ));
        }
    }
    found.add(
        "repeated",
        "a job was run more than once, and no fault hit a worker while it ran. Usually a balancer \
         gave up too early on a worker that was merely busy.",
        examples,
    );
}

/// Jobs that were refused with a definite error, and run all the same.
pub(super) fn refused(found: &mut Findings, record: &Record<'_>) {
    let refused = record.jobs.values().filter(|job| {
        let refusal = job.completion.filter(|done| done.kind == Kind::Fail);
        refusal.is_some() && record.executed.contains_key(job.id)
    });
    let examples = refused.map(|job| {
        Example::new(
            format!(
                "job {} was refused, and run all the same ({})",
                job.id,
                place(job.invocation)
            ),
            [job.invocation.index],
        )
    });
    found.add(
        "refused-but-run",
        "an error that is definite means that the job does not run.",
        examples.collect(),
    );
}

/// Nodes that never said what they have executed.
pub(super) fn unanswered(found: &mut Findings, history: &History) {
    let mut open: BTreeMap<&Value, &Operation> = BTreeMap::new();
    let asked = history.pairs().filter(|(op, _)| op.f == "executed");
    for (question, completion) in asked {
        match completion.is_some_and(|done| done.kind == Kind::Ok) {
            true => {
                open.remove(&question.value);
            }
            false => {
                open.insert(&question.value, question);
            }
        }
    }
    let examples = open.values().map(|question| {
        let node = question.value.get("node").and_then(Value::as_str);
        Example::new(
            format!(
                "{} did not say what it has executed ({})",
                node.unwrap_or_default(),
                place(question)
            ),
            [question.index],
        )
    });
    found.add(
        "no-final-answer",
        "a node did not answer the final question, although all faults had ended.",
        examples.collect(),
    );
}
