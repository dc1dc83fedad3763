//! The nodes that the measurements of `make bench` put to work.
//!
//! They are chosen to be cheap and talkative, so that what is measured is whoever carries their
//! messages.

mod chatter;
mod flood;

pub use chatter::Chatter;
pub use flood::Flood;
