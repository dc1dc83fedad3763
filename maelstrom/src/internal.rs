//! What Eddy's own benchmarks and tests use of its inside. Other crates should not: it changes without
//! notice.

pub use crate::host::{Command, ProcessHost};
pub use crate::net::Recording;
pub use crate::net::message_log::MessageLog;
pub use crate::report::{RunSummary, write};
pub use crate::runner::{NoopObserver, Outcome, Plan, run};
