//! Lin-kv, as it must behave: what an operation costs, what faults of every kind do to it, and what
//! it would be without its disk.

mod cluster;
mod cost;
mod disk;
mod faults;
mod official;
