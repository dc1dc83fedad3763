//! The names of what can be wrong with transactions, after Adya's thesis and Elle's refinements.

/// The shape of a cycle of dependencies, by its anti-dependencies (`rw`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// Only write dependencies: dirty writes.
    G0,
    /// Write and read dependencies: circular information flow.
    G1c,
    /// Exactly one anti-dependency: read skew, lost updates.
    GSingle,
    /// Several anti-dependencies, no two in a row: long forks.
    GNonadjacent,
    /// Anti-dependencies in a row: write skew.
    G2,
}

/// The order besides the data that a cycle contradicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Order {
    /// None: the data alone contradict themselves.
    Data,
    /// The order in which each process did its transactions.
    Process,
    /// Real time: one transaction had ended before the other began.
    Realtime,
}

/// The class of a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Class {
    /// Its anti-dependencies.
    pub shape: Shape,
    /// The strongest order that it needs.
    pub order: Order,
}

impl Class {
    /// Every class, worst first: a class comes after all that imply it.
    pub fn all() -> impl Iterator<Item = Class> {
        [Order::Data, Order::Process, Order::Realtime]
            .into_iter()
            .flat_map(|order| {
                [
                    Shape::G0,
                    Shape::G1c,
                    Shape::GSingle,
                    Shape::GNonadjacent,
                    Shape::G2,
                ]
                .map(|shape| Class { shape, order })
            })
    }

    /// Whether a cycle of this class leaves nothing to learn from one of the other: whatever model
    /// forbids `other` forbids this one as well.
    ///
    /// A `G0` is a `G1c`, and a `G-single` is a `G-nonadjacent` is a `G2`; but circular information
    /// flow says nothing about anti-dependencies. What the data alone contradict is also
    /// contradicted by the data and an order together.
    pub fn implies(self, other: Class) -> bool {
        let flow = |shape| matches!(shape, Shape::G0 | Shape::G1c);
        self.order <= other.order
            && self.shape <= other.shape
            && flow(self.shape) == flow(other.shape)
    }
}

/// What can be wrong with a history of transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Anomaly {
    /// A list was read that holds one element several times.
    DuplicateElements,
    /// The versions of a register follow each other in a circle.
    CyclicVersions,
    /// Of two lists read for one key neither is a prefix of the other.
    IncompatibleOrder,
    /// A transaction read what a failed one wrote: an aborted read.
    G1a,
    /// A transaction read what another one wrote and then wrote over: an intermediate read.
    G1b,
    /// A successful write built upon a failed one.
    DirtyUpdate,
    /// A transaction read what it was still to write.
    FutureRead,
    /// A transaction's read contradicts its own earlier reads and writes.
    Internal,
    /// Several transactions read one version of a key and wrote it anew.
    LostUpdate,
    /// A cycle of dependencies.
    Cycle(Class),
    /// No two transactions depend on each other: there is nothing to search.
    EmptyTransactionGraph,
}

impl Anomaly {
    /// The name in results.
    pub fn name(self) -> &'static str {
        use {Order::*, Shape::*};
        match self {
            Anomaly::DuplicateElements => "duplicate-elements",
            Anomaly::CyclicVersions => "cyclic-versions",
            Anomaly::IncompatibleOrder => "incompatible-order",
            Anomaly::G1a => "G1a",
            Anomaly::G1b => "G1b",
            Anomaly::DirtyUpdate => "dirty-update",
            Anomaly::FutureRead => "future-read",
            Anomaly::Internal => "internal",
            Anomaly::LostUpdate => "lost-update",
            Anomaly::EmptyTransactionGraph => "empty-transaction-graph",
            Anomaly::Cycle(Class { shape, order }) => match (shape, order) {
                (G0, Data) => "G0",
                (G0, Process) => "G0-process",
                (G0, Realtime) => "G0-realtime",
                (G1c, Data) => "G1c",
                (G1c, Process) => "G1c-process",
                (G1c, Realtime) => "G1c-realtime",
                (GSingle, Data) => "G-single-item",
                (GSingle, Process) => "G-single-item-process",
                (GSingle, Realtime) => "G-single-item-realtime",
                (GNonadjacent, Data) => "G-nonadjacent-item",
                (GNonadjacent, Process) => "G-nonadjacent-item-process",
                (GNonadjacent, Realtime) => "G-nonadjacent-item-realtime",
                (G2, Data) => "G2-item",
                (G2, Process) => "G2-item-process",
                (G2, Realtime) => "G2-item-realtime",
            },
        }
    }

    /// What it is called in plain words.
    pub fn meaning(self) -> &'static str {
        match self {
            Anomaly::DuplicateElements => "an element appears twice in one list",
            Anomaly::CyclicVersions => "versions follow each other in a circle",
            Anomaly::IncompatibleOrder => "two reads disagree about the order of appends",
            Anomaly::G1a => "an aborted read",
            Anomaly::G1b => "an intermediate read",
            Anomaly::DirtyUpdate => "a successful write builds upon a failed one",
            Anomaly::FutureRead => "a transaction reads what it is still to write",
            Anomaly::Internal => "a transaction disagrees with itself",
            Anomaly::LostUpdate => "several transactions replaced one and the same version",
            Anomaly::EmptyTransactionGraph => "no dependencies at all",
            Anomaly::Cycle(class) => match class.shape {
                Shape::G0 => "a cycle of writes",
                Shape::G1c => "a cycle of writes and reads",
                Shape::GSingle => "a cycle with one anti-dependency",
                Shape::GNonadjacent => "a cycle with anti-dependencies, no two in a row",
                Shape::G2 => "a cycle with anti-dependencies",
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_comes_after_all_that_imply_it() {
        let all: Vec<Class> = Class::all().collect();
        for (i, earlier) in all.iter().enumerate() {
            assert!(earlier.implies(*earlier));
            assert!(all[i + 1..].iter().all(|later| !later.implies(*earlier)));
        }
    }

    #[test]
    fn information_flow_and_anti_dependencies_do_not_imply_each_other() {
        let data = |shape| Class {
            shape,
            order: Order::Data,
        };
        assert!(data(Shape::G0).implies(data(Shape::G1c)));
        assert!(data(Shape::GSingle).implies(data(Shape::G2)));
        assert!(!data(Shape::G1c).implies(data(Shape::GSingle)));
        let realtime = Class {
            shape: Shape::GSingle,
            order: Order::Realtime,
        };
        assert!(data(Shape::GSingle).implies(realtime));
        assert!(!realtime.implies(data(Shape::G2)));
    }
}
