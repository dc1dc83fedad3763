//! Specification of lin-kv: the cost of operations, behaviour under faults, and durability.

mod cluster;
mod cost;
mod disk;
mod faults;
mod official;
mod process;
mod swarm;
mod wire;
