//! The workloads that a program knows.

use std::sync::Arc;

use super::{
    AnyWorkload, Broadcast, Echo, GCounter, GSet, Jobs, Kafka, LeaderElection, LinKv, Orders,
    PnCounter, TxnListAppend, TxnRwRegister, UniqueIds, Workload,
};

/// The built-in workloads, by name.
pub fn built_in() -> Vec<AnyWorkload> {
    vec![
        Arc::new(Broadcast),
        Arc::new(Echo),
        Arc::new(GCounter),
        Arc::new(GSet),
        Arc::new(Jobs),
        Arc::new(Kafka),
        Arc::new(LeaderElection),
        Arc::new(LinKv),
        Arc::new(Orders),
        Arc::new(PnCounter),
        Arc::new(TxnListAppend),
        Arc::new(TxnRwRegister),
        Arc::new(UniqueIds),
    ]
}

/// A list of workloads in which each is found by its name.
#[derive(Clone, Debug)]
pub struct Workloads(Vec<AnyWorkload>);

impl Default for Workloads {
    /// The built-in workloads.
    fn default() -> Workloads {
        Workloads(built_in())
    }
}

impl Workloads {
    /// Adds a workload.
    ///
    /// # Panics
    ///
    /// If there is one of the same name.
    pub fn add(&mut self, workload: impl Workload + 'static) {
        let name = workload.name();
        assert!(
            self.iter().all(|known| known.name() != name),
            "two workloads are called {name}"
        );
        self.0.push(Arc::new(workload));
    }

    /// All workloads, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &AnyWorkload> {
        self.0.iter()
    }

    /// The workload of this name.
    ///
    /// # Errors
    ///
    /// There is none; the text lists those that there are.
    pub fn find(&self, name: &str) -> Result<AnyWorkload, String> {
        let found = self.iter().find(|workload| workload.name() == name);
        found.cloned().ok_or_else(|| {
            let names: Vec<&str> = self.iter().map(|workload| workload.name()).collect();
            format!(
                "there is no workload {name}; there are {}",
                names.join(", ")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workload_is_found_by_its_name() {
        let workloads = Workloads::default();
        for workload in workloads.iter() {
            let found = workloads.find(workload.name()).unwrap();
            assert_eq!(found.name(), workload.name());
        }
        let error = workloads.find("lin-mutex").unwrap_err();
        assert!(error.contains("broadcast, echo"), "{error}");
    }

    #[test]
    #[should_panic(expected = "two workloads are called echo")]
    fn second_workload_of_the_same_name_is_refused() {
        Workloads::default().add(Echo);
    }
}
