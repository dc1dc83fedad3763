//! A test of a node program in the code of another crate: on real processes in any language, or of a
//! Rust node in simulation.

use std::env;
use std::fmt::Display;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use glomers::{Context, IntoNode};

use crate::host::{Command, ProcessHost};
use crate::nemesis::Schedule;
use crate::net::Latency;
use crate::seed::Seed;
use crate::service::ServiceOptions;
use crate::simulation::{Load, Run, Simulation};
use crate::workload::Workload;

/// The default number of nodes.
const NODE_COUNT: usize = 5;

/// A test: a workload with its options, the nodes, and the faults. By default there are five nodes
/// called `n0` to `n4`, one client per node, 10 operations a second for 10 s, no latency, no faults,
/// and the seed is 0.
///
/// Real processes, in real time:
///
/// ```no_run
/// use eddy::nemesis::{Fault, Partition};
/// use eddy::simulation::secs;
/// use eddy::workload::Broadcast;
///
/// # fn main() -> anyhow::Result<()> {
/// eddy::Test::new(Broadcast)
///     .command("./my-node", ["--verbose"])
///     .node_count(3)
///     .rate(100.0)
///     .nemesis(Partition::any().every(secs(3)))
///     .run()?
///     .assert_valid();
/// # Ok(())
/// # }
/// ```
///
/// A node in Rust, in virtual time:
///
/// ```
/// # use glomers::prelude::*;
/// # #[derive(Deserialize)]
/// # #[serde(tag = "type", rename_all = "snake_case")]
/// # enum Request { Echo { echo: Value } }
/// # #[derive(Serialize)]
/// # #[serde(tag = "type", rename_all = "snake_case")]
/// # enum Reply { EchoOk { echo: Value } }
/// # #[derive(Clone)]
/// # struct MyNode;
/// # impl Node for MyNode {
/// #     type Request = Request;
/// #     type Reply = Reply;
/// #     async fn handle(&self, Request::Echo { echo }: Request, _: &Context) -> Result<Reply> {
/// #         Ok(Reply::EchoOk { echo })
/// #     }
/// # }
/// use eddy::simulation::for_seeds;
///
/// for_seeds(10, |seed| {
///     let test = eddy::Test::new(eddy::workload::Echo).seed(seed);
///     let run = test.simulated(|_: &Context| MyNode).run();
///     run.expect("the options fit together").assert_valid();
/// });
/// ```
#[must_use = "a test does nothing until it runs"]
pub struct Test {
    load: Load,
    simulation: Simulation,
    nodes: Option<Nodes>,
}

/// The nodes of a test.
enum Nodes {
    Processes {
        program: PathBuf,
        arguments: Vec<String>,
    },
    Simulated,
}

impl Test {
    /// Creates a test of a workload, which lacks only its nodes.
    pub fn new(workload: impl Workload + 'static) -> Test {
        Test {
            load: Load::of(workload),
            simulation: Simulation::new(Seed(0)).node_count(NODE_COUNT),
            nodes: None,
        }
    }

    /// Runs this program as the nodes, one process each.
    pub fn command<A: Into<String>>(
        mut self,
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Test {
        self.nodes = Some(Nodes::Processes {
            program: program.into(),
            arguments: arguments.into_iter().map(Into::into).collect(),
        });
        self
    }

    /// Runs these Rust nodes in virtual time.
    pub fn simulated<M: IntoNode + 'static>(
        mut self,
        make: impl Fn(&Context) -> M + Clone + 'static,
    ) -> Test {
        self.simulation = self.simulation.factory(make);
        self.nodes = Some(Nodes::Simulated);
        self
    }

    /// Sets the number of nodes.
    pub fn node_count(self, count: usize) -> Test {
        self.simulating(|simulation| simulation.node_count(count))
    }

    /// Sets an option of the workload, such as `key-count`.
    ///
    /// # Panics
    ///
    /// If the workload has no such option, or the option does not take this value.
    pub fn option(self, name: &str, value: impl Display) -> Test {
        self.loading(|load| load.option(name, value))
    }

    /// Sets the operations per second, over all clients.
    pub fn rate(self, rate: f64) -> Test {
        self.loading(|load| load.rate(rate))
    }

    /// Sets the length of the main phase.
    pub fn time_limit(self, time_limit: Duration) -> Test {
        self.loading(|load| load.time_limit(time_limit))
    }

    /// Sets the number of clients.
    pub fn concurrency(self, concurrency: usize) -> Test {
        self.loading(|load| load.concurrency(concurrency))
    }

    /// Sets the latency of messages between servers.
    pub fn latency(self, latency: Latency) -> Test {
        self.simulating(|simulation| simulation.latency(latency))
    }

    /// Adds a fault with its schedule. Several calls add several faults.
    pub fn nemesis(self, schedule: Schedule) -> Test {
        self.simulating(|simulation| simulation.nemesis(schedule))
    }

    /// Sets the options of the services.
    pub fn services(self, services: ServiceOptions) -> Test {
        self.simulating(|simulation| simulation.services(services))
    }

    /// Sets the seed of everything that Eddy draws.
    pub fn seed(self, seed: impl Into<Seed>) -> Test {
        let seed = seed.into();
        self.simulating(|simulation| simulation.seed(seed))
    }

    /// Performs the run and checks it. The standard error of processes is kept until the run ends,
    /// and its last lines are part of the failure of a run that broke off.
    ///
    /// # Errors
    ///
    /// The test has no nodes, the workload cannot run with these settings, or the program cannot be
    /// started. A run that breaks off later is no error: see [`Run::failure`].
    pub fn run(self) -> Result<Run> {
        self.simulation.validate(&self.load)?;
        match self.nodes {
            None => bail!("a test needs nodes: call command or simulated"),
            Some(Nodes::Simulated) => Ok(self.simulation.run(self.load)),
            Some(Nodes::Processes { program, arguments }) => {
                let command = Command::new(&program, arguments)?;
                let logs = NodeLogs::create()?;
                let mut host = ProcessHost::new(command, &self.simulation.names(), &logs.0)?;
                Ok(self.simulation.run_on(&mut host, self.load, |_, _| ()))
            }
        }
    }

    fn loading(self, change: impl FnOnce(Load) -> Load) -> Test {
        Test {
            load: change(self.load),
            ..self
        }
    }

    fn simulating(self, change: impl FnOnce(Simulation) -> Simulation) -> Test {
        Test {
            simulation: change(self.simulation),
            ..self
        }
    }
}

/// A temporary directory for the standard error of nodes, which is removed at the end.
struct NodeLogs(PathBuf);

impl NodeLogs {
    fn create() -> Result<NodeLogs> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("eddy-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("{}", path.display()))?;
        Ok(NodeLogs(path))
    }
}

impl Drop for NodeLogs {
    fn drop(&mut self) {
        // A failure is harmless, since it is in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::{Echo, LinKv};

    fn problem(test: Test) -> String {
        format!("{:#}", test.run().err().expect("the test cannot run"))
    }

    #[test]
    fn test_that_cannot_run_returns_the_reason() {
        assert!(problem(Test::new(Echo)).contains("call command or simulated"));
        let missing = Test::new(Echo).command("./no-such-program", [""; 0]);
        assert!(problem(missing).contains("no-such-program"));
        let lonely = Test::new(LinKv).command("./node", [""; 0]).concurrency(1);
        assert!(problem(lonely).contains("concurrency"));
    }
}
