//! The checkers on long histories: time, memory, and how both grow.
//!
//! Each history is generated and judged in a process of its own, so that its peak memory is known. Time is
//! processor time, because a checker runs on one thread. The *slope* between two sizes is the
//! exponent of growth, log(time ratio) / log(size ratio): 1 for linear time, about 1.1 for *n* log *n*,
//! and 2 for quadratic time.

use std::fs;
use std::str::FromStr;

use anyhow::{Context, Result, ensure};
use eddy::check;
use eddy::edn::Value;
use eddy::workload::Settings;

use crate::figures::{median, processor_time};
use crate::histories::{SHAPES, Shape};
use crate::memory::status;
use crate::this_program;

/// The steepest slope that counts as *n* log *n*. Besides the logarithm, it leaves room for cache misses and for
/// other load on the machine.
const SLOPE_MAX: f64 = 1.5;

/// The size from which on the slope counts. Below, a history fits into the caches and the next one does not.
const SLOPE_FROM: usize = 100_000;

/// The memory that judging a history may take, the history included, in MiB.
const MEMORY_MAX: f64 = 1024.0;

const MIB: f64 = (1 << 20) as f64;

/// A history to judge in this process.
#[derive(Clone)]
pub struct Job {
    shape: String,
    operations: usize,
}

impl FromStr for Job {
    type Err = String;

    /// Parses the name of a kind of history and a number of operations, such as `kafka:1000`.
    fn from_str(text: &str) -> Result<Job, String> {
        let (shape, operations) = text.split_once(':').ok_or("expected NAME:OPERATIONS")?;
        let operations = operations.parse().map_err(|error| format!("{error}"))?;
        let shape = shape.to_owned();
        Ok(Job { shape, operations })
    }
}

/// What it took to judge a history.
#[derive(Clone, Copy)]
struct Cost {
    /// Numbers, texts and names in the history's arguments and results.
    values: f64,
    /// Processor time of the checkers, in seconds.
    seconds: f64,
    /// Memory of the history, in MiB.
    history: f64,
    /// Peak memory while the checkers run, in MiB.
    peak: f64,
}

impl Job {
    /// Judges the history in this process, and returns the cost as a line of numbers.
    ///
    /// # Errors
    ///
    /// The verdict is wrong, or the memory of the process cannot be read.
    pub fn perform(&self) -> Result<String> {
        let shape = Shape::named(&self.shape).context("there is no such history")?;
        let (history, workload) = (shape.history(self.operations), shape.workload());
        let values: u64 = history
            .iter()
            .map(|operation| scalars(&operation.value))
            .sum();
        let settings = Settings::of_history(&*workload);
        let before = status("VmRSS")?;
        // From here on, the peak is that of the checkers.
        fs::write("/proc/self/clear_refs", "5").context("resetting the peak of memory")?;
        let begin = processor_time();
        let results = check::check(&history, &*workload, &settings, None);
        let (report, explanation) = (results.to_edn(), results.explanation());
        let time = processor_time() - begin;
        let peak = status("VmHWM")?;
        ensure!(
            results.verdict() == shape.verdict && report.get("workload").is_some(),
            "{} is judged {:?}: {explanation:?}",
            shape.name,
            results.verdict()
        );
        let (history, peak) = (before as f64 / MIB, peak as f64 / MIB);
        Ok(format!("{values} {} {history} {peak}", time.as_secs_f64()))
    }

    /// Judges the history in a new process.
    fn perform_apart(&self) -> Result<Cost> {
        let Job { shape, operations } = self;
        let mut command = this_program()?;
        command.args(["--judge", &format!("{shape}:{operations}")]);
        let output = command.output().context("restarting this program")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{shape}, {operations} operations: {errors}"
        );
        let figures = String::from_utf8(output.stdout)?;
        let figures: Vec<f64> = figures
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [values, seconds, history, peak] = figures[..] else {
            anyhow::bail!("expected four figures, not {figures:?}");
        };
        Ok(Cost {
            values,
            seconds,
            history,
            peak,
        })
    }
}

/// The number of values in a value that contain no other.
fn scalars(value: &Value) -> u64 {
    match value {
        Value::List(items) | Value::Vector(items) => items.iter().map(scalars).sum(),
        Value::Set(items) => items.iter().map(scalars).sum(),
        Value::Map(entries) => entries.iter().map(|(k, v)| scalars(k) + scalars(v)).sum(),
        Value::Tagged(tagged) => scalars(&tagged.1),
        _ => 1,
    }
}

/// Measures histories of these sizes, given in ascending order: all kinds, or those of these names.
/// Returns whether all targets are met.
///
/// # Errors
///
/// There is no history of a name, or a process fails.
pub fn measure(names: &[String], sizes: &[usize], rounds: u32) -> Result<bool> {
    for name in names {
        ensure!(
            Shape::named(name).is_some(),
            "there is no history {name}; there are {}",
            SHAPES.map(|shape| shape.name).join(", ")
        );
    }
    println!(
        "{:<18} {:>10} {:>12} {:>10} {:>6} {:>12} {:>9}",
        "history", "operations", "values", "seconds", "slope", "history MiB", "peak MiB"
    );
    let mut are_met = true;
    for shape in &SHAPES {
        if names.is_empty() || names.iter().any(|name| name == shape.name) {
            are_met &= measure_shape(shape, sizes, rounds)?;
        }
    }
    println!(
        "targets: slope ≤ {SLOPE_MAX} from {SLOPE_FROM} operations on, peak ≤ {MEMORY_MAX} MiB"
    );
    Ok(are_met)
}

fn measure_shape(shape: &Shape, sizes: &[usize], rounds: u32) -> Result<bool> {
    let mut are_met = true;
    let mut smaller: Option<(usize, f64)> = None;
    for &operations in sizes {
        let job = Job {
            shape: shape.name.to_owned(),
            operations,
        };
        let costs: Vec<Cost> = (0..rounds)
            .map(|_| job.perform_apart())
            .collect::<Result<_>>()?;
        let figure = |of: fn(&Cost) -> f64| median(&costs.iter().map(of).collect::<Vec<_>>());
        let (seconds, peak) = (figure(|cost| cost.seconds), figure(|cost| cost.peak));
        let slope = smaller
            .map(|(size, time)| (seconds / time).ln() / (operations as f64 / size as f64).ln());
        let is_steep = smaller.is_some_and(|(size, _)| size >= SLOPE_FROM)
            && slope.is_some_and(|slope| slope > SLOPE_MAX);
        let missed = is_steep || peak > MEMORY_MAX;
        are_met &= !missed;
        println!(
            "{:<18} {operations:>10} {:>12} {seconds:>10.3} {:>6} {:>12.0} {peak:>9.0}{}",
            shape.name,
            figure(|cost| cost.values),
            slope.map_or(String::new(), |slope| format!("{slope:.2}")),
            figure(|cost| cost.history),
            if missed { "  MISSED" } else { "" },
        );
        smaller = Some((operations, seconds));
    }
    println!("  {}", shape.description);
    Ok(are_met)
}
