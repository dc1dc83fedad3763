//! The values of options, and how they are parsed.

use std::time::Duration;

/// The names of faults, as `--nemesis` lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FaultNames(pub Vec<String>);

/// The number of client threads, in total or per node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Concurrency {
    count: usize,
    per_node: bool,
}

impl Concurrency {
    /// A number of threads that does not depend on the number of nodes.
    pub fn total(count: usize) -> Concurrency {
        Concurrency {
            count,
            per_node: false,
        }
    }

    /// Returns the number of threads for this number of nodes.
    pub fn of(self, nodes: usize) -> usize {
        if self.per_node {
            self.count * nodes
        } else {
            self.count
        }
    }
}

pub(super) fn positive(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|&n| n > 0)
        .ok_or_else(|| "must be a positive integer".to_owned())
}

pub(super) fn parse_rate(text: &str) -> Result<f64, String> {
    let rate = text
        .parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| "must be a number of operations a second, 0 or more".to_owned())
}

pub(super) fn parse_interval(text: &str) -> Result<Duration, String> {
    let seconds = match text.split_once('/') {
        Some((numerator, denominator)) => numerator
            .parse::<f64>()
            .ok()
            .zip(denominator.parse::<f64>().ok())
            .map(|(n, d)| n / d),
        None => text.parse().ok(),
    };
    let seconds = seconds.filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    let seconds = seconds.ok_or("must be a positive number of seconds, such as 5, 0.5 or 1/2")?;
    Ok(Duration::from_secs_f64(seconds))
}

pub(super) fn parse_concurrency(text: &str) -> Result<Concurrency, String> {
    let (digits, per_node) = match text.strip_suffix('n') {
        Some(digits) => (digits, true),
        None => (text, false),
    };
    let count = digits.parse().ok().filter(|&count: &usize| count > 0);
    let count = count.ok_or("must be a positive integer, optionally followed by n: 10, or 2n")?;
    Ok(Concurrency { count, per_node })
}

/// Parses a list of names. Whether faults of these names exist depends on the workload.
pub(super) fn parse_faults(text: &str) -> Result<FaultNames, String> {
    let names = text.split(',').map(|name| name.trim().to_owned());
    Ok(FaultNames(names.filter(|name| !name.is_empty()).collect()))
}

pub(super) fn parse_milliseconds(text: &str) -> Result<u64, String> {
    let milliseconds = text.parse().ok();
    milliseconds.ok_or_else(|| "must be a whole number of milliseconds, 0 or more".to_owned())
}

pub(super) fn parse_seed(text: &str) -> Result<u64, String> {
    let seed = text.parse().ok();
    seed.ok_or_else(|| format!("must be a whole number from 0 to {}", u64::MAX))
}

/// Refuses arguments that begin with a dash other than a hyphen: they are options copied from a web
/// page, and would be passed to the node.
pub(super) fn refuse_dashes(arguments: &[String]) -> Result<(), String> {
    const DASHES: [(char, &str); 4] = [
        ('\u{2013}', "an en dash"),
        ('\u{2014}', "an em dash"),
        ('\u{2212}', "a minus sign"),
        ('\u{2010}', "a typographic hyphen"),
    ];
    for argument in arguments {
        for (dash, name) in DASHES {
            if argument.starts_with(dash) {
                return Err(format!(
                    "{argument:?} begins with {name}: options begin with two hyphens (--)"
                ));
            }
        }
    }
    Ok(())
}
