//! Load balancing in virtual time.

mod cluster;
mod cost;
mod policies;
mod swarm;
