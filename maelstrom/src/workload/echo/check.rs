//! Echo: what comes back is what was sent.
//!
//! A definite error is a wrong answer too, since an echo has no reason to be refused. An
//! indefinite end, such as a timeout, says nothing.

use crate::check::{Analysis, Verdict, cite};
use crate::edn::Value;
use crate::history::{History, Kind, Operation};

/// How many mismatches an explanation spells out.
const EXPLAINED: usize = 8;

/// An echo that did not come back as it was sent.
#[derive(Clone, Debug)]
pub struct Mismatch {
    /// The text that was sent.
    pub sent: Value,
    /// The whole answer; the sent text itself if the request was refused.
    pub received: Value,
    /// The completion that shows it.
    pub completion: Operation,
}

/// What came of the echoes of a run.
#[derive(Clone, Debug, Default)]
pub struct EchoAnalysis {
    /// Every wrong answer, in the order of the requests.
    pub mismatches: Vec<Mismatch>,
}

/// Compares every answer with its request.
pub fn check(history: &History) -> EchoAnalysis {
    let answered = history
        .pairs()
        .filter_map(|(invocation, completion)| Some((invocation, completion?)))
        .filter(|(_, completion)| matches!(completion.kind, Kind::Ok | Kind::Fail));
    let wrong = answered.filter(|(invocation, completion)| {
        completion.kind == Kind::Fail || completion.value.get("echo") != Some(&invocation.value)
    });
    let mismatches = wrong
        .map(|(invocation, completion)| Mismatch {
            sent: invocation.value.clone(),
            received: completion.value.clone(),
            completion: completion.clone(),
        })
        .collect();
    EchoAnalysis { mismatches }
}

impl Analysis for EchoAnalysis {
    fn verdict(&self) -> Verdict {
        Verdict::from_valid(self.mismatches.is_empty())
    }

    fn to_edn(&self) -> Value {
        let errors = self.mismatches.iter().map(|mismatch| {
            Value::vector([
                "Expected a message with :echo".into(),
                mismatch.sent.clone(),
                "But received".into(),
                mismatch.received.clone(),
            ])
        });
        Value::map([
            ("valid?", self.verdict().to_edn()),
            ("errors", Value::list(errors)),
        ])
    }

    fn explanation(&self) -> Option<String> {
        let count = self.mismatches.len();
        if count == 0 {
            return None;
        }
        let mut lines = vec![format!(
            "echoes that did not come back as they were sent: {count}"
        )];
        lines.extend(self.mismatches.iter().take(EXPLAINED).map(|mismatch| {
            let Mismatch {
                sent,
                received,
                completion,
            } = mismatch;
            let what = match (&completion.kind, &completion.error) {
                (Kind::Fail, Some(error)) => format!("was refused with {error}"),
                (Kind::Fail, None) => "was refused".to_owned(),
                _ => format!("came back as {received}"),
            };
            format!("  {sent} {what}: {}", cite(completion))
        }));
        if count > EXPLAINED {
            lines.push(format!("  … and {} more", count - EXPLAINED));
        }
        Some(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{history, value};

    #[test]
    fn the_same_text_is_valid_and_another_is_not() {
        let run = |answer: &str| {
            check(&history(&format!(
                "0 invoke echo \"a\"\n0 ok echo {{:type \"echo_ok\", :echo {answer}}}"
            )))
        };
        let valid = run("\"a\"");
        assert_eq!(valid.verdict(), Verdict::Valid);
        assert_eq!(valid.to_edn(), value("{:valid? true, :errors ()}"));
        assert_eq!(valid.explanation(), None);

        for wrong in ["\"A\"", "nil", "[\"a\"]"] {
            let invalid = run(wrong);
            assert_eq!(invalid.verdict(), Verdict::Invalid, "{wrong}");
            let text = invalid.explanation().unwrap();
            assert!(
                text.contains("process 0 at 0.010 s (operation 1)"),
                "{text}"
            );
        }
    }

    #[test]
    fn an_answer_without_an_echo_is_wrong() {
        let analysis = check(&history(
            "0 invoke echo \"a\"\n0 ok echo {:type \"echo_ok\"}",
        ));
        assert_eq!(analysis.verdict(), Verdict::Invalid);
    }

    #[test]
    fn a_refusal_is_a_mismatch_and_a_timeout_is_not() {
        let refused = check(&history(
            "0 invoke echo \"a\"\n0 fail echo \"a\" :error [:abort \"no\"]",
        ));
        assert_eq!(
            refused.to_edn(),
            value(
                r#"{:valid? false,
                    :errors (["Expected a message with :echo" "a" "But received" "a"])}"#
            )
        );
        assert!(
            refused
                .explanation()
                .unwrap()
                .contains("refused with [:abort")
        );

        let silent = history("0 invoke echo \"a\"\n0 info echo \"a\" :error :net-timeout");
        assert_eq!(check(&silent).verdict(), Verdict::Valid);
    }

    #[test]
    fn nothing_asked_is_valid_and_neither_is_an_open_request_wrong() {
        for text in ["", "0 invoke echo \"a\""] {
            assert_eq!(check(&history(text)).verdict(), Verdict::Valid, "{text}");
        }
    }
}
