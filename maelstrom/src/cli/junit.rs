//! JUnit XML: verdicts in the form that continuous integration shows.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::perform::Finished;
use crate::check::Verdict;

/// One run, as a test case.
pub(super) struct Case {
    /// The name, such as `seed 7`.
    name: String,
    /// The length of the run.
    time: Duration,
    outcome: CaseOutcome,
}

enum CaseOutcome {
    Passed,
    /// The run was judged, and is not what was asked for.
    Failed(String),
    /// The run broke off.
    Error(String),
    /// There was no run.
    Skipped(String),
}

impl Case {
    /// Returns the case of a run that was judged: it passes if the verdict is `valid`.
    pub fn of_run(name: &str, finished: &Finished) -> Case {
        let last = finished.history.iter().next_back();
        let time = last.map_or(Duration::ZERO, |operation| operation.time);
        let verdict = finished.results.verdict();
        let outcome = if finished.is_interrupted {
            CaseOutcome::Error("interrupted".to_owned())
        } else if verdict == Verdict::Valid {
            CaseOutcome::Passed
        } else {
            let why = finished.results.explanation().unwrap_or_default();
            let command = finished.record.command.as_deref().unwrap_or_default();
            CaseOutcome::Failed(format!("{verdict:?}\n{why}\n\nrepeat: {command}"))
        };
        Case {
            name: name.to_owned(),
            time,
            outcome,
        }
    }

    /// Returns the case of a run that broke off.
    pub fn error(name: &str, problem: &str) -> Case {
        Case::without_run(name, CaseOutcome::Error(problem.to_owned()))
    }

    /// Returns the case of a run that did not take place.
    pub fn skipped(name: &str, reason: &str) -> Case {
        Case::without_run(name, CaseOutcome::Skipped(reason.to_owned()))
    }

    /// Returns the case of a run of which only the result is known; `problem` is why it fails.
    pub fn judged(name: &str, problem: Option<String>) -> Case {
        let outcome = problem.map_or(CaseOutcome::Passed, CaseOutcome::Failed);
        Case::without_run(name, outcome)
    }

    fn without_run(name: &str, outcome: CaseOutcome) -> Case {
        Case {
            name: name.to_owned(),
            time: Duration::ZERO,
            outcome,
        }
    }
}

/// Writes the cases as one test suite.
///
/// # Errors
///
/// The file cannot be written; the error names it.
pub(super) fn write(path: &Path, suite: &str, cases: &[Case]) -> Result<()> {
    std::fs::write(path, xml(suite, cases)).with_context(|| format!("{}", path.display()))
}

fn xml(suite: &str, cases: &[Case]) -> String {
    let count = |matches: fn(&CaseOutcome) -> bool| {
        cases.iter().filter(|case| matches(&case.outcome)).count()
    };
    let failures = count(|outcome| matches!(outcome, CaseOutcome::Failed(_)));
    let errors = count(|outcome| matches!(outcome, CaseOutcome::Error(_)));
    let skipped = count(|outcome| matches!(outcome, CaseOutcome::Skipped(_)));
    let suite = escaped(suite);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"{suite}\" tests=\"{}\" \
         failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\">\n",
        cases.len()
    );
    for case in cases {
        let (name, time) = (escaped(&case.name), case.time.as_secs_f64());
        let _ = write!(
            text,
            "  <testcase classname=\"eddy.{suite}\" name=\"{name}\" time=\"{time:.3}\""
        );
        let child = match &case.outcome {
            CaseOutcome::Passed => None,
            CaseOutcome::Failed(why) => Some(("failure", why)),
            CaseOutcome::Error(why) => Some(("error", why)),
            CaseOutcome::Skipped(why) => Some(("skipped", why)),
        };
        let _ = match child {
            None => writeln!(text, "/>"),
            Some((element, why)) => {
                let message = escaped(why.lines().next().unwrap_or_default());
                let why = escaped(why);
                writeln!(
                    text,
                    ">\n    <{element} message=\"{message}\">{why}</{element}>\n  </testcase>"
                )
            }
        };
    }
    text + "</testsuite>\n"
}

/// Returns text as XML, without the characters that XML cannot hold.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\n' | '\t' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ if character.is_control() => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_counted_by_outcome_and_any_text_is_well_formed() {
        let cases = [
            Case::judged("a", None),
            Case::judged("b", Some("lost <1> & \"2\"\u{1b}[0m\nmore".to_owned())),
            Case::error("c", "Node n0 exited"),
            Case::skipped("d", "upstream has no kill"),
        ];
        let text = xml("echo & co", &cases);
        let document = roxmltree::Document::parse(&text).unwrap();
        let suite = document.root_element();
        let counts = ["tests", "failures", "errors", "skipped"].map(|name| suite.attribute(name));
        assert_eq!(counts, ["4", "1", "1", "1"].map(Some));
        assert_eq!(suite.attribute("name"), Some("echo & co"));
        let failure = suite
            .descendants()
            .find(|node| node.has_tag_name("failure"));
        let failure = failure.unwrap();
        assert_eq!(failure.text(), Some("lost <1> & \"2\"\u{fffd}[0m\nmore"));
        assert!(
            failure
                .attribute("message")
                .unwrap()
                .starts_with("lost <1>")
        );
    }
}
