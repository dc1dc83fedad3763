//! Checks of the repository itself: its documents and its scripts.

mod links;
mod new_challenge;
