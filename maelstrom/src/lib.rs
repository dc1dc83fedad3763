//! Eddy: a Maelstrom-compatible workbench.

pub mod check;
pub mod edn;
pub mod history;
