//! Availability: the share of operations that ended `ok`.

use std::str::FromStr;

use anyhow::{Context, Result, ensure};

use super::{Analysis, Verdict};
use crate::edn::{self, Float, Value};
use crate::history::{History, Kind};

/// How available a run must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Availability {
    /// Every operation ends `ok`.
    Total,
    /// At least this share of operations does, from 0 to 1.
    Fraction(f64),
}

impl FromStr for Availability {
    type Err = anyhow::Error;

    /// `total`, or a number from 0 to 1 such as `1`, `0.99` or `1/2`.
    fn from_str(text: &str) -> Result<Availability> {
        if text == "total" {
            return Ok(Availability::Total);
        }
        let number = edn::parse(text).ok().and_then(|value| match value {
            Value::Int(n) => Some(n.get() as f64),
            Value::Float(Float(x)) => Some(x),
            _ => None,
        });
        let fraction = number.with_context(|| format!("expected total or a number, not {text}"))?;
        ensure!(
            (0.0..=1.0).contains(&fraction),
            "{text} is not between 0 and 1"
        );
        Ok(Availability::Fraction(fraction))
    }
}

/// How available a run was.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct AvailabilityAnalysis {
    /// Operations invoked, whether or not they completed.
    pub invoke_count: usize,
    /// Those that ended `ok`.
    pub ok_count: usize,
    /// What was asked for.
    pub required: Option<Availability>,
}

/// Counts what was invoked and what ended `ok`.
pub fn check(history: &History, required: Option<Availability>) -> AvailabilityAnalysis {
    let count = |kind| history.clients().filter(|op| op.kind == kind).count();
    AvailabilityAnalysis {
        invoke_count: count(Kind::Invoke),
        ok_count: count(Kind::Ok),
        required,
    }
}

impl AvailabilityAnalysis {
    /// The share of operations that ended `ok`, 1 if there were none. It is compared in this
    /// precision, as upstream does.
    pub fn ok_fraction(&self) -> f32 {
        match self.invoke_count {
            0 => 1.0,
            invoked => (self.ok_count as f64 / invoked as f64) as f32,
        }
    }
}

impl Analysis for AvailabilityAnalysis {
    fn verdict(&self) -> Verdict {
        Verdict::from_valid(match self.required {
            None => true,
            Some(Availability::Total) => self.ok_fraction() == 1.0,
            Some(Availability::Fraction(least)) => f64::from(self.ok_fraction()) >= least,
        })
    }

    fn to_edn(&self) -> Value {
        Value::map([
            ("valid?", self.verdict().to_edn()),
            ("ok-fraction", Value::single(self.ok_fraction())),
        ])
    }

    fn explanation(&self) -> Option<String> {
        if self.verdict() == Verdict::Valid {
            return None;
        }
        let (ok, invoked) = (self.ok_count, self.invoke_count);
        let required = match self.required? {
            Availability::Total => "all of them".to_owned(),
            Availability::Fraction(least) => format!("a share of {least}"),
        };
        Some(format!(
            "{ok} of {invoked} operations were answered ok, and {required} should be"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::tests::{history, value};

    /// A run with three operations that end ok and one that does not.
    fn three_of_four(required: Option<&str>) -> AvailabilityAnalysis {
        let history = history(
            "0 invoke read nil
             0 ok read 1
             0 invoke read nil
             0 ok read 1
             nemesis info start-partition nil
             1 invoke read nil
             0 invoke read nil
             0 ok read 1",
        );
        check(&history, required.map(|text| text.parse().unwrap()))
    }

    #[test]
    fn three_of_four_are_enough_for_three_quarters_and_not_for_more() {
        for enough in [None, Some("0"), Some("3/4"), Some("0.75")] {
            let analysis = three_of_four(enough);
            assert_eq!(analysis.verdict(), Verdict::Valid, "{enough:?}");
            assert_eq!(
                analysis.to_edn(),
                value("{:valid? true, :ok-fraction 0.75}")
            );
        }
        for more in ["0.7500001", "1", "1.0", "total"] {
            let analysis = three_of_four(Some(more));
            assert_eq!(analysis.verdict(), Verdict::Invalid, "{more}");
            assert!(
                analysis
                    .explanation()
                    .unwrap()
                    .starts_with("3 of 4 operations")
            );
        }
    }

    #[test]
    fn without_operations_everything_was_available() {
        let analysis = check(&history(""), Some(Availability::Total));
        assert_eq!(analysis.verdict(), Verdict::Valid);
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["", "some", "-0.1", "1.5", "3/2", "NaN", "1 2"] {
            text.parse::<Availability>().expect_err(text);
        }
        assert_eq!(
            "total".parse::<Availability>().unwrap(),
            Availability::Total
        );
    }
}
