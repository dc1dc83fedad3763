//! A workload with another end than its own.

use crate::generator::{Generator, Invocation, OncePerThread};
use crate::workload::{Client, FinalPhase, Rules, Settings, Workload};

/// The workload, with this operation of every thread at the end, if there is one.
pub(super) fn with(
    workload: Box<dyn Workload>,
    invocation: Option<Invocation>,
) -> Box<dyn Workload> {
    match invocation {
        Some(invocation) => Box::new(Finale {
            workload,
            invocation,
        }),
        None => workload,
    }
}

struct Finale {
    workload: Box<dyn Workload>,
    invocation: Invocation,
}

impl Workload for Finale {
    fn generator(&self, settings: &Settings) -> Result<Box<dyn Generator>, String> {
        self.workload.generator(settings)
    }

    fn final_generator(&self) -> Option<FinalPhase> {
        Some(FinalPhase {
            generator: Box::new(OncePerThread::new(self.invocation.clone())),
            limit: None,
        })
    }

    fn client(&self, settings: &Settings) -> Box<dyn Client> {
        self.workload.client(settings)
    }

    fn set_up(&self, settings: &Settings, node: &str) -> Option<(serde_json::Value, &'static str)> {
        self.workload.set_up(settings, node)
    }

    fn rules(&self, settings: &Settings) -> Rules {
        self.workload.rules(settings)
    }
}
