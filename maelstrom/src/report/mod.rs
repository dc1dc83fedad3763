//! What a run leaves on disk.

mod store;

pub use store::Store;
