//! Consistency models: which anomalies each forbids, and which models it contains.
//!
//! A model forbids what its own row forbids and all that the weaker models it contains forbid. So
//! one table answers both questions of a checker: does this anomaly matter to the models asked for,
//! and which models does the run violate. The levels are those of Adya's thesis ("Weak
//! Consistency", 1999), of Cerone, Bernardi and Gotsman ("A Framework for Transactional Consistency
//! Models with Atomic Visibility", 2015), and their session and strong variants.

use std::collections::BTreeSet;

use super::anomaly::Anomaly::{self, *};
use super::anomaly::Order::{Data, Process, Realtime};
use super::anomaly::Shape::{self, *};
use super::anomaly::{Class, Order};

/// A consistency model.
pub struct Model {
    /// Its usual name.
    pub name: &'static str,
    /// Its other names.
    aliases: &'static [&'static str],
    /// The next weaker models: whoever violates one of these violates this one.
    contains: &'static [&'static str],
    /// What it forbids beyond what those forbid.
    forbids: &'static [Anomaly],
}

const fn model(
    name: &'static str,
    aliases: &'static [&'static str],
    contains: &'static [&'static str],
    forbids: &'static [Anomaly],
) -> Model {
    Model {
        name,
        aliases,
        contains,
        forbids,
    }
}

const fn cycle(shape: Shape, order: Order) -> Anomaly {
    Cycle(Class { shape, order })
}

/// Every model, weaker ones first. The last ones speak of single operations, not of transactions:
/// they are known names that forbid nothing here.
#[rustfmt::skip]
static MODELS: &[Model] = &[
    model("read-uncommitted", &["PL-1"], &[],
        &[cycle(G0, Data), DuplicateElements, CyclicVersions]),
    model("strong-session-read-uncommitted", &["strong-session-PL-1"], &["read-uncommitted"],
        &[cycle(G0, Process)]),
    model("strong-read-uncommitted", &["strong-PL-1"], &["strong-session-read-uncommitted"],
        &[cycle(G0, Realtime)]),

    model("read-committed", &["PL-2"], &["read-uncommitted"],
        &[cycle(G1c, Data), G1a, G1b, DirtyUpdate, IncompatibleOrder, FutureRead]),
    model("strong-session-read-committed", &["strong-session-PL-2"],
        &["read-committed", "strong-session-read-uncommitted"], &[cycle(G1c, Process)]),
    model("strong-read-committed", &["strong-PL-2"],
        &["strong-session-read-committed", "strong-read-uncommitted"], &[cycle(G1c, Realtime)]),

    model("monotonic-atomic-view", &[], &["read-committed"], &[]),
    model("monotonic-view", &["PL-2L"], &["read-committed"], &[]),
    model("monotonic-snapshot-read", &["PL-MSR"], &["read-committed"], &[]),
    model("cursor-stability", &["PL-CS"], &["read-committed"], &[LostUpdate]),
    model("consistent-view", &["PL-2+"], &["monotonic-view", "cursor-stability"],
        &[cycle(GSingle, Data)]),
    model("forward-consistent-view", &["PL-FCV"], &["consistent-view"], &[]),
    model("repeatable-read", &["PL-2.99"], &["cursor-stability", "monotonic-atomic-view"],
        &[cycle(GSingle, Data), cycle(GNonadjacent, Data), cycle(G2, Data)]),
    model("update-serializable", &["PL-3U"], &["forward-consistent-view"], &[]),

    model("read-atomic", &[], &["monotonic-atomic-view"], &[Internal]),
    model("causal-cerone", &[], &["read-atomic"], &[]),
    model("update-atomic", &[], &["read-atomic"], &[]),
    model("prefix", &[], &["causal-cerone"], &[]),
    model("parallel-snapshot-isolation", &[], &["causal-cerone", "update-atomic"], &[]),

    model("snapshot-isolation", &["PL-SI"],
        &["forward-consistent-view", "monotonic-snapshot-read", "parallel-snapshot-isolation",
          "prefix"],
        &[cycle(GNonadjacent, Data)]),
    model("strong-session-snapshot-isolation", &["strong-session-PL-SI"],
        &["snapshot-isolation", "strong-session-read-committed"],
        &[cycle(GSingle, Process), cycle(GNonadjacent, Process)]),
    model("strong-snapshot-isolation", &["strong-PL-SI"],
        &["strong-session-snapshot-isolation", "strong-read-committed"],
        &[cycle(GSingle, Realtime), cycle(GNonadjacent, Realtime)]),

    model("serializable", &["PL-3", "1SR", "conflict-serializable"],
        &["repeatable-read", "snapshot-isolation", "update-serializable"], &[]),
    model("strong-session-serializable", &["strong-session-PL-3"],
        &["serializable", "strong-session-snapshot-isolation"], &[cycle(G2, Process)]),
    model("strong-serializable", &["strict-serializable", "PL-SS", "strong-PL-3", "strong-1SR"],
        &["strong-session-serializable", "strong-snapshot-isolation"], &[cycle(G2, Realtime)]),

    model("linearizable", &[], &[], &[]),
    model("sequential", &[], &[], &[]),
    model("causal", &[], &[], &[]),
    model("PRAM", &["pram"], &[], &[]),
    model("monotonic-reads", &[], &[], &[]),
    model("monotonic-writes", &[], &[], &[]),
    model("read-your-writes", &[], &[], &[]),
    model("writes-follow-reads", &[], &[], &[]),
];

/// Whether a consistency model of this name is known.
pub fn is_model(name: &str) -> bool {
    named(name).is_some()
}

/// All names of all consistency models, weaker ones first.
pub fn model_names() -> Vec<&'static str> {
    let names = MODELS.iter().flat_map(|model| {
        let usual = std::iter::once(&model.name);
        usual.chain(model.aliases)
    });
    names.copied().collect()
}

/// The model of a name, by any of its names.
pub fn named(name: &str) -> Option<&'static Model> {
    MODELS
        .iter()
        .find(|model| model.name == name || model.aliases.contains(&name))
}

impl Model {
    /// This model and every weaker one.
    fn closure(&'static self) -> Vec<&'static Model> {
        let mut all = vec![self];
        let mut next = 0;
        while let Some(model) = all.get(next) {
            for name in model.contains {
                let weaker = named(name).expect("the table names only its own models");
                if !all.iter().any(|known| known.name == weaker.name) {
                    all.push(weaker);
                }
            }
            next += 1;
        }
        all
    }

    /// Everything that a run under this model must not show.
    pub fn forbidden(&'static self) -> BTreeSet<Anomaly> {
        self.closure()
            .iter()
            .flat_map(|model| model.forbids)
            .copied()
            .collect()
    }
}

/// The models that a run violates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boundary {
    /// The weakest of them.
    pub not: BTreeSet<&'static str>,
    /// Those that are violated only because they contain a violated one.
    pub also_not: BTreeSet<&'static str>,
}

/// Which models the anomalies found rule out.
pub fn boundary(found: &BTreeSet<Anomaly>) -> Boundary {
    let violated = |model: &'static Model| !model.forbidden().is_disjoint(found);
    let mut boundary = Boundary::default();
    for model in MODELS.iter().filter(|model| violated(model)) {
        // The first of its closure is the model itself.
        if model.closure()[1..].iter().any(|weaker| violated(weaker)) {
            boundary.also_not.insert(model.name);
        } else {
            boundary.not.insert(model.name);
        }
    }
    boundary
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(name: &str) -> BTreeSet<&'static str> {
        let model = named(name).expect(name);
        model.forbidden().iter().map(|a| a.name()).collect()
    }

    fn not(found: &[Anomaly]) -> Vec<&'static str> {
        let found = found.iter().copied().collect();
        boundary(&found).not.into_iter().collect()
    }

    #[test]
    fn every_name_in_the_table_is_known_and_unique() {
        let mut names = BTreeSet::new();
        for model in MODELS {
            assert!(!model.closure().is_empty());
            for name in [model.name].iter().chain(model.aliases) {
                assert!(names.insert(*name), "{name} twice");
            }
        }
        assert!(named("no-such-model").is_none());
    }

    #[test]
    fn each_level_adds_its_own_anomalies() {
        let uncommitted = forbidden("read-uncommitted");
        assert_eq!(
            Vec::from_iter(&uncommitted),
            [&"G0", &"cyclic-versions", &"duplicate-elements"]
        );
        let committed = forbidden("read-committed");
        let added: Vec<_> = committed.difference(&uncommitted).copied().collect();
        let expected = [
            "G1a",
            "G1b",
            "G1c",
            "dirty-update",
            "future-read",
            "incompatible-order",
        ];
        assert_eq!(added, expected);
        assert_eq!(forbidden("monotonic-atomic-view"), committed);

        let added = |name| Vec::from_iter(forbidden(name).difference(&committed).copied());
        assert_eq!(added("read-atomic"), ["internal"]);
        assert_eq!(
            added("repeatable-read"),
            [
                "G-nonadjacent-item",
                "G-single-item",
                "G2-item",
                "lost-update"
            ],
        );
        assert_eq!(
            added("snapshot-isolation"),
            [
                "G-nonadjacent-item",
                "G-single-item",
                "internal",
                "lost-update"
            ],
        );
        assert_eq!(
            added("serializable"),
            [
                "G-nonadjacent-item",
                "G-single-item",
                "G2-item",
                "internal",
                "lost-update"
            ],
        );
    }

    #[test]
    fn sessions_add_process_order_and_strong_models_real_time() {
        let ends = |name, end| forbidden(name).iter().filter(|a| a.ends_with(end)).count();
        assert_eq!(
            (
                ends("serializable", "-process"),
                ends("serializable", "-realtime")
            ),
            (0, 0)
        );
        assert_eq!(ends("strong-session-serializable", "-process"), 5);
        assert_eq!(ends("strong-session-serializable", "-realtime"), 0);
        assert_eq!(ends("strict-serializable", "-process"), 5);
        assert_eq!(ends("strict-serializable", "-realtime"), 5);
        assert_eq!(ends("strong-snapshot-isolation", "-realtime"), 4);
    }

    #[test]
    fn models_of_single_operations_forbid_nothing() {
        for name in ["linearizable", "sequential", "causal", "PRAM"] {
            assert!(forbidden(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn the_weakest_violated_models_are_named() {
        assert_eq!(not(&[]), [""; 0]);
        assert_eq!(not(&[cycle(G0, Data), Internal]), ["read-uncommitted"]);
        assert_eq!(not(&[G1a]), ["read-committed"]);
        assert_eq!(
            not(&[cycle(GSingle, Data)]),
            ["consistent-view", "repeatable-read"]
        );
        assert_eq!(
            not(&[LostUpdate, Internal]),
            ["cursor-stability", "read-atomic"]
        );
        assert_eq!(
            not(&[cycle(GNonadjacent, Data)]),
            ["repeatable-read", "snapshot-isolation"]
        );
        assert_eq!(not(&[cycle(G2, Data)]), ["repeatable-read"]);
        assert_eq!(
            not(&[cycle(GSingle, Realtime)]),
            ["strong-snapshot-isolation"]
        );
        assert_eq!(not(&[cycle(G2, Realtime)]), ["strong-serializable"]);
        assert_eq!(not(&[EmptyTransactionGraph]), [""; 0]);
    }
}
