//! The one list of all named faults, which the command line, simulations and reports read.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{
    ClockSkew, Delays, Duplication, Fault, Kill, LatencySpike, Loss, Partition, Pause, Schedule,
    Target,
};

/// A kind of fault that has a name.
#[derive(Clone)]
pub struct FaultSpec {
    /// The name on the command line, such as `one-way`.
    pub name: Cow<'static, str>,
    /// The name in legends and tables, such as `one-way partition`.
    pub label: Cow<'static, str>,
    /// What happens, in one line.
    pub description: Cow<'static, str>,
    /// The function that its start has in the history, such as `start-partition`. Kinds that share
    /// it are drawn as one.
    pub start: Cow<'static, str>,
    /// The function that its end has in the history.
    pub stop: Cow<'static, str>,
    /// Whether only simulated nodes can be affected.
    pub is_simulated_only: bool,
    build: Arc<dyn Fn(Duration) -> Schedule + Send + Sync>,
}

impl FaultSpec {
    /// Describes the fault that `make` creates. It starts and stops in turn; see [`Fault::every`].
    ///
    /// ```
    /// use eddy::nemesis::{FaultSpec, Faults, LatencySpike};
    /// let mut faults = Faults::default();
    /// faults.add(
    ///     FaultSpec::new("slow", || LatencySpike::times(50))
    ///         .describe("slow network", "latencies are 50 times longer")
    ///         .recorded_as("start-latency-spike", "stop-latency-spike"),
    /// );
    /// assert_eq!(faults.find("slow").unwrap().label, "slow network");
    /// ```
    pub fn new<F: Fault + 'static>(
        name: impl Into<Cow<'static, str>>,
        make: impl Fn() -> F + Send + Sync + 'static,
    ) -> FaultSpec {
        let name = name.into();
        FaultSpec {
            label: name.clone(),
            description: Cow::Borrowed(""),
            start: format!("start-{name}").into(),
            stop: format!("stop-{name}").into(),
            name,
            is_simulated_only: false,
            build: Arc::new(move |interval| make().every(interval)),
        }
    }

    /// Sets the label and the description.
    pub fn describe(
        self,
        label: impl Into<Cow<'static, str>>,
        description: impl Into<Cow<'static, str>>,
    ) -> FaultSpec {
        FaultSpec {
            label: label.into(),
            description: description.into(),
            ..self
        }
    }

    /// Sets the functions of its [records](super::FaultRecord); by default `start-NAME` and
    /// `stop-NAME`.
    pub fn recorded_as(
        self,
        start: impl Into<Cow<'static, str>>,
        stop: impl Into<Cow<'static, str>>,
    ) -> FaultSpec {
        FaultSpec {
            start: start.into(),
            stop: stop.into(),
            ..self
        }
    }

    /// Marks the kind as one that cannot affect real processes.
    pub fn simulated_only(self) -> FaultSpec {
        FaultSpec {
            is_simulated_only: true,
            ..self
        }
    }

    /// Returns the fault with its schedule: both the faults and the pauses between them last
    /// `interval` on average.
    pub fn schedule(&self, interval: Duration) -> Schedule {
        (self.build)(interval)
    }
}

impl fmt::Debug for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// A list of kinds of faults in which each is found by its name.
#[derive(Clone, Debug)]
pub struct Faults(Vec<FaultSpec>);

impl Default for Faults {
    /// The built-in kinds. Upstream's command line has the first one only.
    fn default() -> Faults {
        Faults(built_in())
    }
}

impl Faults {
    /// Adds a kind.
    ///
    /// # Panics
    ///
    /// If there is one of the same name.
    pub fn add(&mut self, spec: FaultSpec) {
        let name = &spec.name;
        assert!(
            self.iter().all(|known| known.name != *name),
            "two faults are called {name}"
        );
        self.0.push(spec);
    }

    /// Returns all kinds, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &FaultSpec> {
        self.0.iter()
    }

    /// Returns the kind called `name`.
    ///
    /// # Errors
    ///
    /// There is none; the error lists the existing ones.
    pub fn find(&self, name: &str) -> Result<&FaultSpec, String> {
        let found = self.iter().find(|spec| spec.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = self.iter().map(|spec| &*spec.name).collect();
            format!("there is no fault {name}; there are {}", names.join(", "))
        })
    }
}

fn built_in() -> Vec<FaultSpec> {
    let delay = || Delays::of(0.1, Duration::from_secs(1));
    vec![
        FaultSpec::new("partition", Partition::any)
            .describe("partition", "some nodes receive no messages from others"),
        FaultSpec::new("kill", || Kill::of(Target::Minority))
            .describe(
                "kill",
                "nodes are killed and started again, without their memory",
            )
            .recorded_as("kill", "start"),
        FaultSpec::new("pause", || Pause::of(Target::Minority))
            .describe("pause", "nodes stop and continue later, with their memory")
            .recorded_as("pause", "resume"),
        FaultSpec::new("one-way", Partition::one_way)
            .describe(
                "one-way partition",
                "messages from one node to another are lost, but not in the other direction",
            )
            .recorded_as("start-partition", "stop-partition"),
        FaultSpec::new("loss", || Loss::of(0.1))
            .describe("loss", "a tenth of the messages between nodes is lost"),
        FaultSpec::new("duplication", || Duplication::of(0.1)).describe(
            "duplication",
            "a tenth of the messages between nodes arrives twice",
        ),
        FaultSpec::new("delay", delay)
            .describe(
                "delays",
                "a tenth of the messages between nodes arrives up to 1 s late",
            )
            .recorded_as("start-delays", "stop-delays"),
        FaultSpec::new("latency-spike", || LatencySpike::times(10)).describe(
            "latency spike",
            "latencies between nodes are ten times longer",
        ),
        FaultSpec::new("clock-skew", || ClockSkew::up_to_ms(1000))
            .describe("clock skew", "wall clocks are wrong by up to 1 s")
            .recorded_as("bump-clock", "reset-clock")
            .simulated_only(),
    ]
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;
    use crate::nemesis::{FaultContext, Nemesis};
    use crate::seed::Seed;

    #[test]
    fn records_of_every_kind_have_the_functions_in_the_list() {
        let nodes: Vec<String> = (0..5).map(|node| format!("n{node}")).collect();
        let mut rng = Seed(1).stream("nemesis");
        for spec in Faults::default().iter() {
            let mut nemesis = Nemesis::new(vec![spec.schedule(Duration::from_secs(1))]);
            let mut context = FaultContext {
                nodes: &nodes,
                faults: Rc::new(RefCell::default()),
                rng: &mut rng,
                actions: Vec::new(),
                warnings: Vec::new(),
            };
            let started = nemesis.act(Duration::ZERO, &mut context).unwrap();
            let ended = nemesis.heal(&mut context);
            assert_eq!(started.f, spec.start);
            assert_eq!(ended[0].f, spec.stop);
        }
    }

    #[test]
    fn unknown_name_is_refused_with_the_choices() {
        let error = Faults::default().find("storm").unwrap_err();
        assert!(error.contains("there are partition, kill"), "{error}");
    }
}
