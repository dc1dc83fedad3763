//! The workbench as its users see it: commands, runs, simulations, reports.

mod console;
mod processes;
mod reports;
mod shards;
mod simulation;
mod starters;
mod suites;
mod txn_isolation;
mod workloads;
