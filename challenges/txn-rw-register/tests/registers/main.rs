//! The registers, as they must behave: the challenges' own options and targets, every kind of
//! fault, and what the workload's checker cannot see.

mod checks;
mod faults;
mod load;
mod mutants;
mod official;
mod swarm;
mod transaction;
mod unseen;
