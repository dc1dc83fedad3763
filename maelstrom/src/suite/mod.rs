//! Suites: each challenge's official options, and the figures that are to be reached.
//!
//! A suite runs on Eddy, on upstream Maelstrom, or on both, with the same binary and the same
//! options, and fills the same table.

mod metrics;
mod table;
mod upstream;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

pub use metrics::{Figure, Metrics};
pub use table::{Row, table};
pub use upstream::Upstream;

/// The suites that this version of Eddy knows.
const SUITES: &str = include_str!("../../suites.toml");

/// One suite.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// Its name, such as `broadcast-3d`.
    pub name: String,
    /// The name of the node program.
    pub bin: String,
    /// The node's arguments.
    #[serde(default)]
    args: String,
    /// The bench's options.
    options: String,
    /// What Fly.io asks.
    #[serde(default)]
    fly: BTreeMap<Figure, f64>,
    /// What we ask of ourselves.
    #[serde(default)]
    ours: BTreeMap<Figure, f64>,
}

#[derive(Deserialize)]
struct File {
    suite: Vec<Suite>,
}

impl Suite {
    /// Every suite whose name is `name`, or begins with it and a hyphen; all of them for `all`.
    ///
    /// # Errors
    ///
    /// There is none; the error lists those that there are.
    pub fn named(name: &str) -> Result<Vec<Suite>> {
        let file: File = toml::from_str(SUITES).context("suites.toml")?;
        let known: Vec<String> = file.suite.iter().map(|suite| suite.name.clone()).collect();
        let prefix = format!("{name}-");
        let wanted =
            |suite: &Suite| name == "all" || suite.name == name || suite.name.starts_with(&prefix);
        let suites: Vec<Suite> = file.suite.into_iter().filter(wanted).collect();
        if suites.is_empty() {
            bail!("there is no suite {name}; there are {}", known.join(", "));
        }
        Ok(suites)
    }

    /// The bench's options and the node's arguments, with further ones from the command line.
    pub fn arguments(&self, extra: &[String]) -> (Vec<String>, Vec<String>) {
        let words = |text: &str| {
            text.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let mut extra = extra.splitn(2, |word| word == "--");
        let options = [
            words(&self.options),
            extra.next().unwrap_or_default().to_vec(),
        ]
        .concat();
        let arguments = [words(&self.args), extra.next().unwrap_or_default().to_vec()].concat();
        (options, arguments)
    }

    /// What a figure must reach: the strictest of all that is asked.
    pub fn target(&self, figure: &Figure) -> Option<f64> {
        let asked = [self.fly.get(figure), self.ours.get(figure)]
            .into_iter()
            .flatten()
            .copied();
        if figure.is_least() {
            asked.reduce(f64::max)
        } else {
            asked.reduce(f64::min)
        }
    }

    /// The figures that the suite has targets for.
    pub fn figures_asked(&self) -> impl Iterator<Item = &Figure> {
        self.fly.keys().chain(self.ours.keys())
    }

    /// Whether a run's figure is good enough; a figure that is asked for and missing is not.
    pub fn is_met(&self, figure: &Figure, value: Option<f64>) -> Option<bool> {
        let target = self.target(figure)?;
        let reached = |value| {
            if figure.is_least() {
                value >= target
            } else {
                value <= target
            }
        };
        Some(value.is_some_and(reached))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suite_names_are_unique() {
        let suites = Suite::named("all").unwrap();
        let mut names: Vec<&String> = suites.iter().map(|suite| &suite.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), suites.len());
    }

    #[test]
    fn a_name_stands_for_all_suites_that_begin_with_it() {
        assert_eq!(Suite::named("broadcast-3d").unwrap().len(), 1);
        assert!(Suite::named("broadcast").unwrap().len() >= 5);
        let error = Suite::named("broad").unwrap_err().to_string();
        assert!(error.contains("broadcast-3a"), "{error}");
    }

    #[test]
    fn extra_words_go_to_the_bench_and_after_two_dashes_to_the_node() {
        let suite = &Suite::named("broadcast-3d").unwrap()[0];
        let extra = ["--seed", "7", "--", "--profile", "swift"].map(str::to_owned);
        let (options, arguments) = suite.arguments(&extra);
        assert!(options.ends_with(&["--seed".to_owned(), "7".to_owned()]));
        assert_eq!(arguments, ["--profile", "swift"]);
    }

    #[test]
    fn the_strictest_target_counts() {
        let text = r#"
            name = "x"
            bin = "x"
            options = ""
            fly = { msgs_per_op = 30, ok = 0.9 }
            ours = { msgs_per_op = 1.1, ok = 1.0 }
        "#;
        let suite: Suite = toml::from_str(text).unwrap();
        assert_eq!(suite.is_met(&Figure::MsgsPerOp, Some(1.2)), Some(false));
        assert_eq!(suite.is_met(&Figure::MsgsPerOp, Some(1.1)), Some(true));
        assert_eq!(suite.is_met(&Figure::Ok, Some(0.95)), Some(false));
        assert_eq!(suite.is_met(&Figure::Max, Some(9e9)), None);
        assert_eq!(suite.is_met(&Figure::Ok, None), Some(false));
    }

    #[test]
    fn figures_of_the_workload_are_read_by_name_and_nil_is_nothing_to_measure() {
        let results = crate::edn::parse(
            "{:valid? true, :workload {:valid? true, :split-brain-ms 0.0, :failover-median-ms nil}}",
        );
        let history = crate::check::tests::history("");
        let metrics = Metrics::read(&results.unwrap(), &history);
        let figure = |name: &str| Figure::try_from(name.to_owned()).unwrap();
        assert_eq!(metrics.figures[&figure("split-brain-ms")], 0.0);
        assert!(metrics.unmeasured.contains(&figure("failover-median-ms")));
        assert!(Figure::try_from("medain".to_owned()).is_err());
    }
}
