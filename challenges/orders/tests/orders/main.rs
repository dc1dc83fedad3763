//! The shop in virtual time.

mod cluster;
mod copies;
mod cost;
mod sharded;
mod swarm;
