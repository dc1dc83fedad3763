//! The shop in virtual time.

mod cluster;
mod copies;
mod cost;
mod elastic;
mod restart;
mod sharded;
mod swarm;
