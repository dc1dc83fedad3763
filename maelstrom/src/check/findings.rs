//! Findings as checkers put them together: an anomaly with its examples.

use super::Finding;
use crate::edn::Value;
use crate::history::{History, Operation};

/// At most this many examples of an anomaly are spelled out.
const EXAMPLES_MAX: usize = 4;

/// An example of an anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// What was expected and what was seen.
    pub text: String,
    /// The indices of the operations that prove it.
    pub operations: Vec<usize>,
}

impl Example {
    /// An example.
    pub fn new(text: impl Into<String>, operations: impl Into<Vec<usize>>) -> Example {
        Example {
            text: text.into(),
            operations: operations.into(),
        }
    }
}

/// The findings of a checker, in the order of their importance.
#[derive(Clone, Debug, Default)]
pub struct Findings(Vec<Finding>);

impl Findings {
    /// Adds an anomaly with what its name means, in whole sentences, and its examples; nothing if
    /// there are no examples.
    pub fn add(&mut self, anomaly: &str, meaning: &str, examples: Vec<Example>) {
        if examples.is_empty() {
            return;
        }
        let mut text = format!("{anomaly}: {meaning}");
        for example in examples.iter().take(EXAMPLES_MAX) {
            text += "\n  ";
            text += &example.text;
        }
        if examples.len() > EXAMPLES_MAX {
            text += &format!("\n  … and {} more", examples.len() - EXAMPLES_MAX);
        }
        let operations = examples.into_iter().flat_map(|example| example.operations);
        self.0.push(Finding {
            anomaly: anomaly.to_owned(),
            text,
            operations: operations.collect(),
        });
    }

    /// Adds the replies that do not have the form of the protocol, which is a violation of its own.
    pub fn add_malformed_replies(&mut self, history: &History) {
        let malformed = history.clients().filter(|op| op.exception.is_some());
        let examples = malformed.map(|op| {
            let problem = op
                .error
                .as_deref()
                .and_then(Value::as_str)
                .unwrap_or_default();
            let problem = problem.strip_prefix("indeterminate: ").unwrap_or(problem);
            Example::new(format!("{problem} ({}, {})", op.f, place(op)), [op.index])
        });
        self.add(
            "malformed-reply",
            "a reply does not have the form that the protocol demands.",
            examples.collect(),
        );
    }

    /// All findings.
    pub fn into_vec(self) -> Vec<Finding> {
        self.0
    }
}

/// Where an operation is found: `operation 17 at 3.214 s`.
pub fn place(operation: &Operation) -> String {
    format!(
        "operation {} at {:.3} s",
        operation.index,
        operation.time.as_secs_f64()
    )
}

/// Findings as entries of a results map.
pub fn to_edn(findings: &[Finding]) -> Value {
    Value::vector(findings.iter().map(|finding| {
        Value::map([
            ("anomaly", Value::keyword(&finding.anomaly)),
            ("text", finding.text.as_str().into()),
            (
                "operations",
                Value::vector(finding.operations.iter().copied()),
            ),
        ])
    }))
}
