//! The nodes that `make bench` uses as load: cheap to run, with many messages, so that the measured cost
//! is that of the runtime or the workbench.

mod chatter;
mod flood;

pub use chatter::Chatter;
pub use flood::Flood;
