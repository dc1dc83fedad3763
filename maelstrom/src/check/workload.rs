//! The workloads by name.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};

/// The workloads, by upstream's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Workload {
    /// `broadcast`: values told to one node reach all.
    Broadcast,
    /// `echo`: a node answers with what it was sent.
    Echo,
    /// `g-counter`: a counter that only grows.
    GCounter,
    /// `g-set`: a set that only grows.
    GSet,
    /// `kafka`: logs with offsets.
    Kafka,
    /// `lin-kv`: linearizable registers with compare-and-set.
    LinKv,
    /// `pn-counter`: a counter that grows and shrinks.
    PnCounter,
    /// `txn-list-append`: transactions over lists.
    TxnListAppend,
    /// `txn-rw-register`: transactions over registers.
    TxnRwRegister,
    /// `unique-ids`: ids that are never given twice.
    UniqueIds,
}

impl Workload {
    /// All of them, by name.
    pub const ALL: [Workload; 10] = [
        Workload::Broadcast,
        Workload::Echo,
        Workload::GCounter,
        Workload::GSet,
        Workload::Kafka,
        Workload::LinKv,
        Workload::PnCounter,
        Workload::TxnListAppend,
        Workload::TxnRwRegister,
        Workload::UniqueIds,
    ];

    /// The name on command lines and in paths.
    pub fn name(self) -> &'static str {
        match self {
            Workload::Broadcast => "broadcast",
            Workload::Echo => "echo",
            Workload::GCounter => "g-counter",
            Workload::GSet => "g-set",
            Workload::Kafka => "kafka",
            Workload::LinKv => "lin-kv",
            Workload::PnCounter => "pn-counter",
            Workload::TxnListAppend => "txn-list-append",
            Workload::TxnRwRegister => "txn-rw-register",
            Workload::UniqueIds => "unique-ids",
        }
    }
}

impl Workload {
    /// The workload of this name, or a text that lists the names.
    pub fn from_name(name: &str) -> std::result::Result<Workload, String> {
        name.parse()
            .map_err(|error: anyhow::Error| error.to_string())
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Workload {
    type Err = anyhow::Error;

    fn from_str(name: &str) -> Result<Workload> {
        match Workload::ALL
            .into_iter()
            .find(|workload| workload.name() == name)
        {
            Some(workload) => Ok(workload),
            None => bail!(
                "there is no workload {name}; there are {}",
                Workload::ALL.map(Workload::name).join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workload_is_known_by_its_name() {
        for workload in Workload::ALL {
            assert_eq!(workload.to_string().parse::<Workload>().unwrap(), workload);
        }
        let error = "lin-mutex".parse::<Workload>().unwrap_err();
        assert!(error.to_string().contains("broadcast, echo"));
    }
}
