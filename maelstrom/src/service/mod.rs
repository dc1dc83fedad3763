//! Maelstrom's services.

use crate::seed::ChaCha8Rng;

/// A service.
pub trait Service {
    /// Answers a request; none for a request of an unknown type.
    fn handle(
        &mut self,
        requester: &str,
        body: &serde_json::Value,
        rng: &mut ChaCha8Rng,
    ) -> Option<serde_json::Value>;
}

/// All services.
pub fn all() -> Vec<(&'static str, Box<dyn Service>)> {
    Vec::new()
}
