//! Suites: the options of a test, and the figures that it must reach.
//!
//! A suite runs on Eddy, on upstream Maelstrom, or on both, with the same binary and the same options,
//! and fills the same table. The built-in suites are the challenges with their official options; users
//! write their own in the same format:
//!
//! ```toml
//! [[suite]]
//! name = "gossip-25"                  # a group is the beginning of several names: gossip
//! bin = "my-node"                     # a path, relative to the file or to --bin-dir
//! args = ["--fanout", "3"]            # the node's arguments: words, or a list of them
//! options = "-w broadcast --node-count 25 --rate 100 --latency 100"
//! ours = { ok = 1.0, msgs_per_op = 20, max = 600, lost-count = 0 }
//! ```

mod metrics;
mod table;
mod upstream;

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

pub use metrics::{Figure, Metrics};
pub(crate) use table::verdict_name;
pub use table::{Row, aligned, beside_official_targets, table};
pub use upstream::Upstream;

/// The built-in suites.
const SUITES: &str = include_str!("../../suites.toml");

/// A test with its targets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The name, such as `broadcast-3d`.
    pub name: String,
    /// The node program, relative to the directory of the programs.
    pub bin: String,
    /// The node's arguments.
    #[serde(default)]
    args: Words,
    /// The bench's options.
    options: Words,
    /// The targets that Fly.io sets.
    #[serde(default)]
    fly: BTreeMap<Figure, f64>,
    /// The stricter targets of this project.
    #[serde(default)]
    ours: BTreeMap<Figure, f64>,
}

/// Arguments: text that is split at spaces, or a list, whose items may contain spaces.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    List(Vec<String>),
}

impl Default for Words {
    fn default() -> Words {
        Words::List(Vec::new())
    }
}

impl Words {
    fn to_vec(&self) -> Vec<String> {
        match self {
            Words::Text(text) => text.split_whitespace().map(str::to_owned).collect(),
            Words::List(words) => words.clone(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    suite: Vec<Suite>,
}

impl Suite {
    /// Returns the built-in suites called `name`; see [`Suite::select`].
    ///
    /// # Errors
    ///
    /// There is none; the error lists the existing ones.
    pub fn named(name: &str) -> Result<Vec<Suite>> {
        Suite::select(Suite::parse(SUITES).context("suites.toml")?, name)
    }

    /// Reads suites from TOML.
    ///
    /// # Errors
    ///
    /// The text is not TOML of this form; the error names the line and what was expected.
    pub fn parse(text: &str) -> Result<Vec<Suite>> {
        let file: File = toml::from_str(text)?;
        Ok(file.suite)
    }

    /// Returns the suites whose name is `name`, or begins with it and a hyphen; all of them for `all`.
    ///
    /// # Errors
    ///
    /// There is none; the error lists the existing ones.
    pub fn select(suites: Vec<Suite>, name: &str) -> Result<Vec<Suite>> {
        let known: Vec<String> = suites.iter().map(|suite| suite.name.clone()).collect();
        let prefix = format!("{name}-");
        let is_wanted =
            |suite: &Suite| name == "all" || suite.name == name || suite.name.starts_with(&prefix);
        let suites: Vec<Suite> = suites.into_iter().filter(is_wanted).collect();
        if suites.is_empty() {
            let problem = match name {
                "" => "name a suite".to_owned(),
                name => format!("there is no suite {name}"),
            };
            bail!("{problem}; there are all, {}", known.join(", "));
        }
        Ok(suites)
    }

    /// Returns the bench's options and the node's arguments. `extra` holds further options, and after
    /// `--` further arguments.
    pub fn arguments(&self, extra: &[String]) -> (Vec<String>, Vec<String>) {
        let mut extra = extra.splitn(2, |word| word == "--");
        let options = [
            self.options.to_vec(),
            extra.next().unwrap_or_default().to_vec(),
        ]
        .concat();
        let arguments = [
            self.args.to_vec(),
            extra.next().unwrap_or_default().to_vec(),
        ]
        .concat();
        (options, arguments)
    }

    /// Returns the value that a figure must reach: the strictest of all targets.
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

    /// Returns the figures that the suite sets targets for.
    pub fn figures_asked(&self) -> impl Iterator<Item = &Figure> {
        self.fly.keys().chain(self.ours.keys())
    }

    /// Returns whether a run's figure meets its target; `None` without a target. A figure that has
    /// a target and that the run lacks does not.
    pub fn is_met(&self, figure: &Figure, value: Option<f64>) -> Option<bool> {
        let target = self.target(figure)?;
        Some(value.is_some_and(|value| figure.is_within(value, target)))
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
    fn name_selects_all_suites_that_begin_with_it() {
        assert_eq!(Suite::named("broadcast-3d").unwrap().len(), 1);
        assert!(Suite::named("broadcast").unwrap().len() >= 5);
        let error = Suite::named("broad").unwrap_err().to_string();
        assert!(error.contains("broadcast-3a"), "{error}");
    }

    #[test]
    fn suites_of_users_are_parsed_and_mistakes_are_named() {
        let text = r#"
            [[suite]]
            name = "mine"
            bin = "node"
            args = ["--name", "two words"]
            options = "-w echo --rate 3"
            ours = { max = 5, lost-count = 0 }
        "#;
        let suites = Suite::parse(text).unwrap();
        let (options, arguments) = suites[0].arguments(&[]);
        assert_eq!(options, ["-w", "echo", "--rate", "3"]);
        assert_eq!(arguments, ["--name", "two words"]);
        assert_eq!(
            suites[0].target(&Figure::Workload("lost-count".into())),
            Some(0.0)
        );
        for (mistake, expected) in [
            (("max = 5", "maximum = 5"), "there is no figure maximum"),
            (("options =", "option ="), "unknown field `option`"),
            (("bin = \"node\"", ""), "missing field `bin`"),
        ] {
            let error = Suite::parse(&text.replace(mistake.0, mistake.1)).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
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
    fn strictest_target_counts() {
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
    fn workload_figure_is_read_by_name_and_nil_is_unmeasured() {
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
