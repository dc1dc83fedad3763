//! The shop in virtual time.

mod cluster;
mod copies;
mod cost;
mod elastic;
mod idle;
mod on_disk;
mod restart;
mod sharded;
mod swarm;
