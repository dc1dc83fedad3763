//! The specification of leader election, in virtual time.

mod classics;
mod clocks;
mod cluster;
mod cost;
mod lease;
mod swarm;
