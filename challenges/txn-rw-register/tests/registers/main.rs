//! The specification of the registers: the challenges' options and targets ([`official`]), every
//! kind of fault ([`faults`], [`swarm`]), and checks for anomalies that the workload's checker
//! cannot see ([`checks`], [`unseen`]).

mod checks;
mod faults;
mod load;
mod mutants;
mod official;
mod swarm;
mod transaction;
mod unseen;
