//! The checker of jobs: was every job run, once, and in the time that it takes?
//!
//! The workers say at the end what they have executed. A kill makes a worker forget that, so what a
//! killed worker ran is not held against the cluster. Times are judged by what is certain: a job that
//! takes 20 ms and was answered after 25 ms ran at least from the 5th to the 20th.

mod central;
mod evidence;
mod ideal;
mod pool;
mod slots;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use self::evidence::{Faults, Job, Record};
use self::pool::Pool;
use super::arrivals::Capacity;
use crate::chart::{Chart, Group, Series};
use crate::check::findings::{Findings, to_edn};
use crate::check::{Analysis, Figure, Finding, Verdict};
use crate::edn::Value;
use crate::history::{History, quantile};
use crate::workload::Settings;

/// The width of the intervals over which a worker's use is averaged in the chart.
const CHART_STEP: Duration = Duration::from_millis(500);

/// What came of the jobs.
#[derive(Clone, Debug)]
pub struct JobsAnalysis {
    verdict: Verdict,
    findings: Vec<Finding>,
    /// The slowdown of each job, sorted. A job without an answer counts as if the end of the run had
    /// been its answer.
    slowdowns: Vec<f64>,
    /// The same of the jobs with an answer only.
    answered_slowdowns: Vec<f64>,
    /// The number of jobs without an answer, and of refused ones.
    unanswered: usize,
    /// The slowdown that each job has under the ideal scheduler, sorted.
    ideal: Vec<f64>,
    /// The 99th percentile of the slowdown under the best central scheduler that interrupts no job.
    central: Option<f64>,
    /// Per worker the share of its slots that was used.
    used: BTreeMap<String, f64>,
    charts: Vec<Chart>,
}

/// Judges a history of jobs.
pub(super) fn check(history: &History, settings: &Settings) -> JobsAnalysis {
    let record = Record::of(history);
    let faults = Faults::of(history);
    let capacities = capacities(settings);
    let mut found = Findings::default();
    found.add_malformed_replies(history);
    evidence::lost(&mut found, &record, &faults);
    evidence::repeated(&mut found, &record, &faults);
    evidence::refused(&mut found, &record);
    evidence::unanswered(&mut found, history);
    slots::too_fast(&mut found, &record, &capacities);
    let findings = found.into_vec();
    let answered: Vec<&Job<'_>> = record
        .jobs
        .values()
        .filter(|job| job.worker().is_some())
        .collect();
    let verdict = match (findings.is_empty(), answered.is_empty()) {
        (false, _) => Verdict::Invalid,
        (true, false) => Verdict::Valid,
        (true, true) => Verdict::Unknown,
    };
    let end = record.jobs.values().map(Job::end).max().unwrap_or_default();
    let sorted = |jobs: &mut dyn Iterator<Item = &Job<'_>>| {
        let slowdowns = jobs.filter_map(|job| slowdown(job, end, &capacities, &faults));
        let mut slowdowns: Vec<f64> = slowdowns.collect();
        slowdowns.sort_by(f64::total_cmp);
        slowdowns
    };
    let slowdowns = sorted(&mut record.jobs.values());
    let answered_slowdowns = sorted(&mut answered.iter().copied());
    let arrivals = pool::arrivals(&record, &capacities);
    let pool = Pool::new(&capacities, &faults);
    JobsAnalysis {
        verdict,
        findings,
        central: central::slowdown_p99(&arrivals, &pool),
        ideal: ideal::slowdowns(&arrivals, pool),
        used: used(&answered, &capacities),
        charts: charts(&answered, &capacities, &slowdowns),
        unanswered: record.jobs.len() - answered.len(),
        slowdowns,
        answered_slowdowns,
    }
}

/// The capacity of each node by name.
fn capacities(settings: &Settings) -> BTreeMap<String, Capacity> {
    let nodes = settings.nodes.iter().enumerate();
    nodes
        .map(|(number, node)| (node.clone(), Capacity::of_node(number, settings)))
        .collect()
}

/// The time from a job's arrival to its answer as a multiple of its own service time, at the speed
/// that its worker had when it began. A job without an answer has waited at least until the end of the
/// run, and takes as long as on any worker at full speed. `None` if the answer names no worker.
fn slowdown(
    job: &Job<'_>,
    end: Duration,
    capacities: &BTreeMap<String, Capacity>,
    faults: &Faults<'_>,
) -> Option<f64> {
    let arrival = job.invocation.time;
    let (service, answer) = match job.worker() {
        Some(worker) => {
            let full_speed = capacities.get(worker)?.service_time(job.units);
            let slower = faults.slowness(worker, full_speed, arrival, job.end());
            (full_speed.mul_f64(slower), job.end())
        }
        None => (capacities.values().next()?.service_time(job.units), end),
    };
    let latency = answer.saturating_sub(arrival);
    Some((latency.as_secs_f64() / service.as_secs_f64()).max(1.0))
}

/// Per worker the work of its answered jobs, as a share of what its slots can do in the time.
fn used(answered: &[&Job<'_>], capacities: &BTreeMap<String, Capacity>) -> BTreeMap<String, f64> {
    let times = answered.iter().filter_map(|job| Some(job.completion?.time));
    let end = times.max().unwrap_or_default().as_secs_f64();
    let mut used: BTreeMap<String, f64> =
        capacities.keys().map(|node| (node.clone(), 0.0)).collect();
    for job in answered {
        if let Some((worker, capacity)) = job.worker().and_then(|w| capacities.get_key_value(w)) {
            let work = capacity.service_time(job.units).as_secs_f64();
            *used.entry(worker.clone()).or_default() += work / (capacity.slots as f64 * end);
        }
    }
    used
}

fn charts(
    answered: &[&Job<'_>],
    capacities: &BTreeMap<String, Capacity>,
    slowdowns: &[f64],
) -> Vec<Chart> {
    let mut busy: BTreeMap<&str, BTreeMap<u128, f64>> = BTreeMap::new();
    let step = CHART_STEP.as_millis();
    for job in answered {
        let Some((worker, capacity)) = job.worker().and_then(|w| capacities.get_key_value(w))
        else {
            continue;
        };
        let end = job.completion.map(|done| done.time).unwrap_or_default();
        let begin = end.saturating_sub(capacity.service_time(job.units));
        let (mut at, end) = (begin.as_millis(), end.as_millis());
        while at < end {
            let next = ((at / step + 1) * step).min(end);
            let share = (next - at) as f64 / step as f64;
            *busy
                .entry(worker)
                .or_default()
                .entry(at / step)
                .or_default() += share;
            at = next;
        }
    }
    let series = busy.into_iter().map(|(worker, steps)| {
        let slots = capacities[worker].slots;
        let points = steps.into_iter().map(|(at, slots)| {
            let at = CHART_STEP.saturating_mul(u32::try_from(at).unwrap_or(u32::MAX));
            (at, slots)
        });
        Series {
            name: format!("{worker} ({slots} slots)"),
            points: points.collect(),
            stepped: true,
        }
    });
    vec![
        Chart::Lines {
            title: "Slots in use".to_owned(),
            unit: "slots".to_owned(),
            series: series.collect(),
            marks: Vec::new(),
        },
        Chart::Distribution {
            title: "Slowdown of jobs".to_owned(),
            unit: "times its own service time".to_owned(),
            groups: vec![Group {
                name: "all jobs".to_owned(),
                samples: slowdowns.to_vec(),
            }],
        },
    ]
}

impl JobsAnalysis {
    /// The slowdown that this share of the jobs had at most.
    pub fn slowdown(&self, share: f64) -> Option<f64> {
        quantile(&self.slowdowns, share)
    }

    /// The slowdown that this share of the answered jobs had at most. While a job's entry is down, no
    /// policy can answer it; this figure leaves such jobs out, and with them those that a policy lost,
    /// so it says something only beside [`unanswered`](JobsAnalysis::unanswered).
    pub fn answered_slowdown(&self, share: f64) -> Option<f64> {
        quantile(&self.answered_slowdowns, share)
    }

    /// The slowdown that this share of the jobs has at most under the ideal scheduler.
    pub fn ideal_slowdown(&self, share: f64) -> Option<f64> {
        quantile(&self.ideal, share)
    }

    /// The 99th percentile of the slowdown under the best central scheduler that interrupts no job.
    pub fn central_slowdown(&self) -> Option<f64> {
        self.central
    }

    /// The 99th percentile of the slowdown as a multiple of the ideal scheduler's.
    pub fn ratio_to_ideal(&self) -> Option<f64> {
        Some(self.slowdown(0.99)? / self.ideal_slowdown(0.99)?)
    }

    /// The 99th percentile of the slowdown as a multiple of that under the best central scheduler that
    /// interrupts no job.
    pub fn ratio_to_central(&self) -> Option<f64> {
        Some(self.slowdown(0.99)? / self.central?)
    }

    /// The number of jobs that no worker answered for: without an answer, or refused.
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }

    /// Per worker the share of its slots that answered jobs used.
    pub fn used(&self) -> &BTreeMap<String, f64> {
        &self.used
    }
}

impl Analysis for JobsAnalysis {
    fn verdict(&self) -> Verdict {
        self.verdict
    }

    fn to_edn(&self) -> Value {
        let figures = self.figures().into_iter().map(|figure| {
            let value = figure.value.map_or(Value::Nil, Value::from);
            (Value::keyword(&figure.name), value)
        });
        let used = self.used.iter();
        let used = used.map(|(node, used)| (Value::from(node.as_str()), Value::from(*used)));
        let entries = [
            (Value::keyword("valid?"), self.verdict.to_edn()),
            (Value::keyword("anomalies"), to_edn(&self.findings)),
            (Value::keyword("used"), Value::Map(used.collect())),
        ];
        Value::Map(entries.into_iter().chain(figures).collect())
    }

    fn findings(&self) -> Vec<Finding> {
        self.findings.clone()
    }

    fn explanation(&self) -> Option<String> {
        if self.verdict == Verdict::Unknown {
            return Some("no job was answered, so nothing was tested".to_owned());
        }
        let texts: Vec<&str> = self.findings.iter().map(|found| &*found.text).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }

    fn figures(&self) -> Vec<Figure> {
        let optional = |name: &str, value| Figure {
            name: name.to_owned(),
            value,
        };
        vec![
            Figure::new("jobs", self.slowdowns.len() as f64),
            Figure::new("unanswered", self.unanswered as f64),
            optional("slowdown-median", self.slowdown(0.5)),
            optional("slowdown-p95", self.slowdown(0.95)),
            optional("slowdown-p99", self.slowdown(0.99)),
            optional("answered-slowdown-p99", self.answered_slowdown(0.99)),
            optional("ideal-slowdown-p99", self.ideal_slowdown(0.99)),
            optional("ratio-to-ideal", self.ratio_to_ideal()),
            optional("central-slowdown-p99", self.central),
            optional("ratio-to-central", self.ratio_to_central()),
        ]
    }

    fn charts(&self, _: &History) -> Vec<Chart> {
        self.charts.clone()
    }
}
