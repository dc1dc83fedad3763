//! The settings of a run: what is common to all workloads, and the options of each.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::Workload;
use crate::check::Availability;

/// What a workload's generators, clients and checker know about a run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The names of the nodes. Client thread *i* talks to node *i* modulo their number. Empty where
    /// a history is judged of which nothing else is known.
    pub nodes: Vec<String>,
    /// Operations per second over all clients; 0 for none.
    pub rate: f64,
    /// The number of client threads.
    pub concurrency: usize,
    /// The mean latency of the network between servers.
    pub latency: Duration,
    /// The length of the main phase.
    pub time_limit: Duration,
    /// The least fraction of operations that must succeed, if any is demanded.
    pub availability: Option<Availability>,
    /// The workload's own options.
    pub options: Options,
}

impl Settings {
    /// The settings of a run of `workload` on `nodes` with upstream's defaults: one client thread
    /// per node, 5 operations per second for 60 s, no latency.
    pub fn new(workload: &dyn Workload, nodes: Vec<String>) -> Settings {
        Settings {
            concurrency: nodes.len(),
            nodes,
            rate: 5.0,
            latency: Duration::ZERO,
            time_limit: Duration::from_secs(60),
            availability: None,
            options: Options::defaults(&workload.options()),
        }
    }

    /// The settings for judging a history without knowing how it came about.
    pub fn of_history(workload: &dyn Workload) -> Settings {
        Settings::new(workload, Vec::new())
    }

    /// The node that the client `process` talks to, if nodes and threads are known.
    pub fn node_of(&self, process: u64) -> Option<&str> {
        let thread = process.checked_rem(self.concurrency as u64)? as usize;
        let node = thread.checked_rem(self.nodes.len())?;
        Some(&self.nodes[node])
    }
}

/// An option that a workload understands, as it stands on the command line: `--key-count 10`.
#[derive(Clone, Debug)]
pub struct OptionSpec {
    /// The name without hyphens in front: `key-count`.
    pub name: Cow<'static, str>,
    /// What stands for the value in help texts, such as `N`; empty for a flag.
    pub value_name: Cow<'static, str>,
    /// The value that holds if none is given.
    pub default: String,
    /// One line of help.
    pub help: Cow<'static, str>,
    accepts: fn(&str) -> Result<(), String>,
}

impl OptionSpec {
    /// An option whose values are those that `accepts` accepts; its error says what was expected.
    pub fn new(
        name: impl Into<Cow<'static, str>>,
        value_name: impl Into<Cow<'static, str>>,
        default: impl fmt::Display,
        help: impl Into<Cow<'static, str>>,
        accepts: fn(&str) -> Result<(), String>,
    ) -> OptionSpec {
        OptionSpec {
            name: name.into(),
            value_name: value_name.into(),
            default: default.to_string(),
            help: help.into(),
            accepts,
        }
    }

    /// A positive whole number.
    pub fn count(
        name: impl Into<Cow<'static, str>>,
        default: u64,
        help: impl Into<Cow<'static, str>>,
    ) -> OptionSpec {
        OptionSpec::new(name, "N", default, help, |text| match text.parse::<u64>() {
            Ok(number) if number > 0 => Ok(()),
            _ => Err("must be a positive whole number".to_owned()),
        })
    }

    /// A number from 0 to 1.
    pub fn fraction(
        name: impl Into<Cow<'static, str>>,
        default: f64,
        help: impl Into<Cow<'static, str>>,
    ) -> OptionSpec {
        OptionSpec::new(name, "X", default, help, |text| match text.parse::<f64>() {
            Ok(number) if (0.0..=1.0).contains(&number) => Ok(()),
            _ => Err("must be a number from 0 to 1".to_owned()),
        })
    }

    /// A flag, which is off by default.
    pub fn flag(
        name: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) -> OptionSpec {
        OptionSpec::new(name, "", false, help, |text| match text {
            "true" | "false" => Ok(()),
            _ => Err("must be true or false".to_owned()),
        })
    }

    /// Whether the option is a flag, which stands without a value.
    pub fn is_flag(&self) -> bool {
        self.value_name.is_empty()
    }

    /// Checks a value.
    ///
    /// # Errors
    ///
    /// The option does not take this value; the text says what it takes.
    pub fn accept(&self, value: &str) -> Result<(), String> {
        (self.accepts)(value)
    }
}

/// The values of a workload's options.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// The default of each option.
    pub fn defaults(specs: &[OptionSpec]) -> Options {
        let defaults = specs
            .iter()
            .map(|spec| (spec.name.to_string(), spec.default.clone()));
        Options(defaults.collect())
    }

    /// The value of an option.
    ///
    /// # Panics
    ///
    /// If the workload does not declare the option, or declares it with values that are not of
    /// this type.
    pub fn get<T: FromStr>(&self, name: &str) -> T {
        let text = self.text(name);
        text.parse()
            .unwrap_or_else(|_| panic!("option {name} is declared with other values than {text}"))
    }

    /// The value of an option as it was given.
    ///
    /// # Panics
    ///
    /// If the workload does not declare the option.
    pub fn text(&self, name: &str) -> &str {
        self.0
            .get(name)
            .unwrap_or_else(|| panic!("the workload does not declare the option {name}"))
    }

    /// Sets an option, whose value was accepted by its [`OptionSpec`].
    pub fn set(&mut self, name: impl Into<String>, value: impl fmt::Display) {
        self.0.insert(name.into(), value.to_string());
    }

    /// All options with their values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Echo, Kafka};

    #[test]
    fn settings_hold_the_default_of_each_declared_option() {
        let settings = Settings::new(&Kafka, vec!["n0".to_owned()]);
        assert_eq!(settings.options.get::<usize>("key-count"), 10);
        assert_eq!(Settings::of_history(&Echo).options, Options::default());
    }

    #[test]
    fn process_talks_to_the_node_of_its_thread() {
        let mut settings = Settings::new(&Echo, vec!["n0".to_owned(), "n1".to_owned()]);
        settings.concurrency = 3;
        let nodes = [0, 1, 2, 3, 4, 5].map(|process| settings.node_of(process).unwrap());
        assert_eq!(nodes, ["n0", "n1", "n0", "n0", "n1", "n0"]);
        assert_eq!(Settings::of_history(&Echo).node_of(7), None);
    }

    #[test]
    fn option_value_of_another_kind_is_refused() {
        let count = OptionSpec::count("products", 10, "Number of products");
        assert_eq!(count.accept("3"), Ok(()));
        assert!(count.accept("0").unwrap_err().contains("positive"));
        assert!(count.accept("x").is_err());
        let skew = OptionSpec::fraction("skew", 0.8, "Share of jobs at the first node");
        assert!(skew.accept("1.5").unwrap_err().contains("0 to 1"));
    }
}
