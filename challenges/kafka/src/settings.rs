//! What a cluster of brokers may be told. It must be the same on all nodes.

use std::time::Duration;

/// How many copies there are of a message, and how long messages between nodes wait for company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// So many nodes keep each shard's journal and acknowledge what is added; all others follow at
    /// leisure, for their readers. With one replica a message is acknowledged when its leader has
    /// it, and dies with it.
    pub replicas: usize,
    /// How long a client's send may wait for company, there and back.
    pub budget: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            replicas: 3,
            budget: Duration::from_millis(5),
        }
    }
}

const USAGE: &str = "usage: kafka [--replicas COUNT] [--budget-ms MILLISECONDS]";

impl Settings {
    /// Reads the arguments of the binary.
    ///
    /// # Errors
    ///
    /// A text for people, if they are not such arguments.
    pub fn from_args(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut settings = Self::default();
        let mut args = args.into_iter();
        while let Some(name) = args.next() {
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (name, args.next()),
            };
            let value = value.ok_or_else(|| format!("{name} needs a value\n{USAGE}"))?;
            let number: u64 = value
                .parse()
                .map_err(|_| format!("{name} needs a number, not {value}\n{USAGE}"))?;
            match name.as_str() {
                "--replicas" if number > 0 => settings.replicas = number as usize,
                "--replicas" => return Err(format!("--replicas must be at least 1\n{USAGE}")),
                "--budget-ms" => settings.budget = Duration::from_millis(number),
                _ => return Err(format!("unknown argument {name}\n{USAGE}")),
            }
        }
        Ok(settings)
    }

    /// The same, with no more replicas than there are nodes.
    pub(crate) fn for_nodes(self, nodes: usize) -> Self {
        Self {
            replicas: self.replicas.min(nodes),
            ..self
        }
    }

    /// So many must be in sync, or nothing is acknowledged: two, so that one may fail.
    pub(crate) fn quorum(&self) -> usize {
        self.replicas.min(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Settings, String> {
        Settings::from_args(args.iter().map(|arg| (*arg).to_owned()))
    }

    #[test]
    fn arguments_are_read_in_both_forms() {
        let settings = Settings {
            replicas: 1,
            budget: Duration::from_millis(4),
        };
        assert_eq!(parsed(&["--replicas", "1", "--budget-ms=4"]), Ok(settings));
        assert_eq!(parsed(&[]), Ok(Settings::default()));
    }

    #[test]
    fn what_is_no_argument_is_refused_by_name() {
        for args in [
            &["--replica", "1"][..],
            &["--replicas", "0"],
            &["--replicas"],
            &["--budget-ms", "x"],
        ] {
            let error = parsed(args).expect_err("this must be refused");
            assert!(error.contains(args[0]), "{error}");
        }
    }
}
