//! The options of `eddy test`: upstream's, and a few of ours.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::console::Verbosity;
use super::node_names::node_names;
use super::values::{
    Concurrency, FaultNames, parse_concurrency, parse_faults, parse_interval, parse_milliseconds,
    parse_rate, parse_seed, positive, refuse_dashes,
};
use crate::Workbench;
use crate::check::Availability;
use crate::nemesis::{Faults, Nemesis, Schedule};
use crate::net::{Distribution, Latency};
use crate::service::{Merges, ServiceOptions};
use crate::workload::{AnyWorkload, Settings};

/// The options of `eddy test`.
#[derive(Args, Clone, Debug)]
pub struct TestOptions {
    /// The node program
    #[arg(long, value_name = "FILE")]
    pub bin: PathBuf,

    /// The workload
    #[arg(short, long, value_name = "NAME", default_value = "lin-kv")]
    pub workload: String,

    /// The least fraction of operations that must succeed: total, or a number from 0 to 1
    #[arg(long, value_name = "X")]
    pub availability: Option<Availability>,

    /// Mean latency between servers, in milliseconds
    #[arg(long, value_name = "MS", default_value = "0", allow_negative_numbers = true, value_parser = parse_milliseconds)]
    pub latency: u64,

    /// Shape of the latency: constant, uniform or exponential
    #[arg(long, value_name = "SHAPE", default_value = "constant")]
    pub latency_dist: Distribution,

    /// Log every message that is sent
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub log_net_send: bool,

    /// Log every message that is received
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub log_net_recv: bool,

    /// Show what nodes write to stderr
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", hide_default_value = true, hide_possible_values = true)]
    pub log_stderr: bool,

    /// Number of nodes, named n0, n1, …; replaces their names
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = positive)]
    pub node_count: Option<u64>,

    /// Faults, separated by commas: partition, kill, pause, one-way, loss, duplication, delay
    #[arg(long, value_name = "LIST", value_parser = parse_faults)]
    pub nemesis: Option<FaultNames>,

    /// Mean time between faults, and between their ends and the next, in seconds
    #[arg(long, value_name = "S", default_value = "10", allow_negative_numbers = true, value_parser = parse_interval)]
    pub nemesis_interval: Duration,

    /// Whether the replicas of the service lww-kv forget merges, as upstream, or keep them: upstream or
    /// merging
    #[arg(long, value_name = "MODE", default_value = "upstream", value_parser = ["upstream", "merging"])]
    pub lww_kv: String,

    /// Operations a second over all clients; 0 for none
    #[arg(long, value_name = "HZ", default_value = "5", allow_negative_numbers = true, value_parser = parse_rate)]
    pub rate: f64,

    /// Name of a node; may be repeated [default: n1 n2 n3 n4 n5]
    #[arg(short = 'n', long = "node", value_name = "NAME")]
    pub node: Vec<String>,

    /// Names of nodes, separated by commas
    #[arg(long, value_name = "LIST")]
    pub nodes: Option<String>,

    /// A file with a node's name on each line
    #[arg(long, value_name = "FILE")]
    pub nodes_file: Option<PathBuf>,

    /// Client threads: a number, or a number per node if it ends in n [default: 1n; jobs: 40n]
    #[arg(long, value_name = "C", allow_negative_numbers = true, value_parser = parse_concurrency)]
    pub concurrency: Option<Concurrency>,

    /// Length of the main phase, in seconds
    #[arg(long, value_name = "S", default_value = "60", allow_negative_numbers = true, value_parser = positive)]
    pub time_limit: u64,

    /// How many times to run the test; stops at the first that is not valid
    #[arg(long, value_name = "N", default_value = "1", allow_negative_numbers = true, value_parser = positive)]
    pub test_count: u64,

    /// If a run is invalid, look for the smallest test that still fails in the same way
    #[arg(long, conflicts_with = "json")]
    pub shrink: bool,

    /// For how long --shrink tries new tests, in seconds
    #[arg(long, value_name = "S", default_value = "300", allow_negative_numbers = true, value_parser = positive)]
    pub shrink_for: u64,

    /// The seed of everything that Eddy draws [default: a fresh number]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = parse_seed)]
    pub seed: Option<u64>,

    /// Print all results as EDN, before the summary
    #[arg(long, short = 'v', conflicts_with = "json")]
    pub verbose: bool,

    /// Print all results as JSON, and nothing else, to stdout
    #[arg(long)]
    pub json: bool,

    /// Print no log and no progress, only the results
    #[arg(long, short)]
    pub quiet: bool,

    /// Write the verdict of each run as JUnit XML, for continuous integration
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// Arguments for the node program, best after --
    #[arg(value_name = "ARGS")]
    pub node_args: Vec<String>,

    /// Accepted for compatibility, without effect
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub leave_db_running: bool,
    /// Accepted for compatibility, without effect
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub logging_json: bool,
    /// Accepted for compatibility, without effect
    #[arg(long, hide = true)]
    pub username: Option<String>,
    /// Accepted for compatibility, without effect
    #[arg(long, hide = true)]
    pub password: Option<String>,
    /// Accepted for compatibility, without effect
    #[arg(long, hide = true)]
    pub ssh_private_key: Option<String>,
    /// Accepted for compatibility, without effect
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub strict_host_key_checking: bool,
    /// Accepted for compatibility, without effect
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    pub no_ssh: bool,

    /// The options of workloads that were given, by name.
    #[arg(skip)]
    pub workload_options: BTreeMap<String, String>,
}

/// The form in which results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// A summary that fits on a screen.
    Summary,
    /// All results as EDN, and the summary.
    Verbose,
    /// The content of `results.json`, and nothing else.
    Json,
}

impl TestPlan {
    /// Returns a fresh nemesis, for one run.
    pub fn nemesis(&self) -> Nemesis {
        let schedules = self.options.schedules(&self.faults);
        Nemesis::new(schedules.expect("the faults were found when the plan was made"))
    }
}

/// A test that is ready to run: its options, resolved and checked.
#[derive(Clone, Debug)]
pub struct TestPlan {
    /// The options.
    pub options: TestOptions,
    /// The workload.
    pub workload: AnyWorkload,
    /// The faults that exist for this workload.
    pub faults: Faults,
    /// The settings of the workload.
    pub settings: Settings,
    /// The latency between servers.
    pub latency: Latency,
}

impl TestOptions {
    /// Resolves and checks the options.
    ///
    /// # Errors
    ///
    /// Options do not fit together, the workload is unknown, or a file of nodes cannot be read.
    pub fn plan(self, bench: &Workbench) -> Result<TestPlan, String> {
        let workload = bench.workloads.find(&self.workload)?;
        let nodes = node_names(&self)?;
        refuse_dashes(&self.node_args)?;
        let latency = Latency::new(self.latency, self.latency_dist)?;
        let mut settings = Settings {
            rate: self.rate,
            concurrency: match self.concurrency {
                Some(concurrency) => concurrency.of(nodes.len()),
                None => workload.default_concurrency(nodes.len()),
            },
            latency: latency.mean(),
            time_limit: Duration::from_secs(self.time_limit),
            availability: self.availability,
            ..Settings::new(&*workload, nodes)
        };
        for spec in workload.options() {
            if let Some(value) = self.workload_options.get(&*spec.name) {
                settings.options.set(spec.name, value);
            }
        }
        let mut faults = bench.faults.clone();
        workload
            .faults(&settings)
            .into_iter()
            .for_each(|spec| faults.add(spec));
        self.schedules(&faults)?;
        workload.validate(&settings)?;
        Ok(TestPlan {
            workload,
            faults,
            settings,
            latency,
            options: self,
        })
    }

    /// Returns the options of the services.
    pub fn services(&self) -> ServiceOptions {
        let lww_kv = match self.lww_kv.as_str() {
            "merging" => Merges::Kept,
            _ => Merges::default(),
        };
        ServiceOptions { lww_kv }
    }

    /// Returns what is shown while the run goes on.
    pub fn verbosity(&self) -> Verbosity {
        match self.quiet {
            true => Verbosity::Quiet,
            false => Verbosity::Log,
        }
    }

    /// Returns the form in which results are printed.
    pub fn output(&self) -> Output {
        match (self.json, self.verbose) {
            (true, _) => Output::Json,
            (false, true) => Output::Verbose,
            (false, false) => Output::Summary,
        }
    }

    /// Returns the names of the faults that the options name.
    pub fn faults(&self) -> Vec<String> {
        self.nemesis.clone().unwrap_or_default().0
    }

    /// Returns the schedules of the faults that the options name.
    fn schedules(&self, faults: &Faults) -> Result<Vec<Schedule>, String> {
        let names = self.faults();
        let schedules = names.iter().map(|name| {
            let spec = faults.find(name)?;
            match spec.is_simulated_only {
                true => Err(format!("the fault {name} exists in simulations only")),
                false => Ok(spec.schedule(self.nemesis_interval)),
            }
        });
        schedules.collect()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::workload_args::parse_test;

    fn plan(arguments: &str) -> Result<TestPlan, String> {
        let words = ["--bin", "node", "-w", "echo"]
            .into_iter()
            .chain(arguments.split_whitespace());
        let bench = Workbench::new();
        let options = parse_test(words.map(OsString::from), &bench.workloads);
        let options = options.map_err(|error| error.to_string())?;
        options.plan(&bench)
    }

    #[test]
    fn nodes_are_n1_to_n5_unless_named_or_counted() {
        assert_eq!(
            plan("").unwrap().settings.nodes,
            ["n1", "n2", "n3", "n4", "n5"]
        );
        assert_eq!(plan("--node-count 2").unwrap().settings.nodes, ["n0", "n1"]);
        assert_eq!(plan("-n a --node b").unwrap().settings.nodes, ["a", "b"]);
        assert_eq!(
            plan("--nodes a,b -n d").unwrap().settings.nodes,
            ["a", "b", "d"]
        );
        assert_eq!(
            plan("--nodes a,b --node-count 1").unwrap().settings.nodes,
            ["n0"]
        );
        assert!(plan("-n a -n a").unwrap_err().contains("twice"));
        let error = plan("--nodes-file /dev/null").unwrap_err();
        assert!(error.contains("names no nodes"), "{error}");
    }

    #[test]
    fn flags_take_true_and_false() {
        for (arguments, expected) in [
            ("", false),
            ("--log-stderr", true),
            ("--log-stderr=true", true),
            ("--log-stderr=false", false),
        ] {
            let plan = plan(arguments).unwrap();
            assert_eq!(plan.options.log_stderr, expected, "{arguments}");
        }
    }

    #[test]
    fn default_workload_asks_for_its_concurrency_before_anything_starts() {
        let error = plan("-w lin-kv").unwrap_err();
        assert!(error.contains("try --concurrency 2n"), "{error}");
    }

    #[test]
    fn concurrency_counts_per_node_if_it_ends_in_n() {
        assert_eq!(plan("--node-count 3").unwrap().settings.concurrency, 3);
        assert_eq!(plan("--concurrency 4n").unwrap().settings.concurrency, 20);
        assert_eq!(plan("--concurrency 7").unwrap().settings.concurrency, 7);
        assert!(plan("--concurrency n").is_err());
    }

    #[test]
    fn wrong_values_are_refused_with_what_was_expected() {
        for (arguments, expected) in [
            ("--latency 1.5", "whole number of milliseconds"),
            ("--latency 10ms", "whole number of milliseconds"),
            ("--seed abc", "whole number"),
            ("--time-limit -1", "positive"),
            ("--node-count -3", "positive"),
            ("--nodes ../x", "cannot be called"),
            (
                "--consistency-models strict-serialisable",
                "did you mean strict-serializable?",
            ),
            (
                "--consistency-models read-committed,serializable",
                "space on both sides",
            ),
            ("-- –profile swift", "en dash"),
            ("--rate -1", "rate"),
            ("--time-limit 0", "positive"),
            ("--nemesis storm", "there are partition"),
            ("--workload lin-mutex", "broadcast, echo"),
            ("--availability 2", "availability"),
            ("--latency-dist uniform", "needs a --latency"),
            ("--frobnicate", "--frobnicate"),
        ] {
            let error = plan(arguments).map(|_| ()).expect_err(arguments);
            assert!(error.contains(expected), "{arguments}: {error}");
        }
    }

    #[test]
    fn arguments_after_two_dashes_go_to_the_node() {
        let plan = plan("--rate 1/2 -- --profile swift").map(|plan| plan.options.node_args);
        assert!(plan.is_err(), "a rate is a decimal number");
        let plan = self::plan("--nemesis-interval 1/2 -- --profile swift").unwrap();
        assert_eq!(plan.options.node_args, ["--profile", "swift"]);
        assert_eq!(plan.options.nemesis_interval, Duration::from_millis(500));
    }
}
