//! A custom workbench: Eddy with additional workloads and faults.

use std::process::ExitCode;

use crate::cli;
use crate::nemesis::{FaultSpec, Faults};
use crate::workload::{Workload, Workloads};

/// Eddy as a program, with all its commands and with additional workloads and faults.
///
/// ```no_run
/// # use eddy::workload::Echo as Bank;
/// fn main() -> std::process::ExitCode {
///     eddy::Workbench::new().workload(Bank).main()
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Workbench {
    pub(crate) workloads: Workloads,
    pub(crate) faults: Faults,
}

impl Workbench {
    /// Creates the workbench with the built-in workloads.
    pub fn new() -> Workbench {
        Workbench::default()
    }

    /// Adds a workload.
    ///
    /// # Panics
    ///
    /// If there is a workload of the same name.
    pub fn workload(mut self, workload: impl Workload + 'static) -> Workbench {
        self.workloads.add(workload);
        self
    }

    /// Adds a fault, for `--nemesis`.
    ///
    /// # Panics
    ///
    /// If there is a fault of the same name.
    pub fn fault(mut self, fault: FaultSpec) -> Workbench {
        self.faults.add(fault);
        self
    }

    /// Parses the arguments of this process and performs the command.
    pub fn main(self) -> ExitCode {
        cli::run(std::env::args_os(), &self)
    }
}
