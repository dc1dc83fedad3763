//! Maelstrom's services.
