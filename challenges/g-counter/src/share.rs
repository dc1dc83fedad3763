//! A node's share of the counter: one key of seq-kv, which only that node writes.
//!
//! A plain write is not enough. A node may be killed while its last write is in flight and restart
//! before it arrives; the write of the dead process would then undo what its successor has stored.
//! So a share carries a version and is replaced by compare-and-set, which costs the same two
//! messages and is never executed on an old state. A request of a dead process finds another version
//! and fails.

use glomers::prelude::*;

/// The stored share of a node. Of two shares of one node the later one is greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share {
    /// Number of times that this share was replaced.
    pub version: u64,
    /// Sum of the adds of this node's clients in all its incarnations. Each add fits in 64 bits; the
    /// sum may not.
    pub total: u128,
}

impl Share {
    /// Returns the next version, with another total.
    pub fn followed_by(self, total: u128) -> Share {
        let version = self.version + 1;
        Share { version, total }
    }
}

/// Returns the share of this node's earlier incarnations, and keeps them from changing it any more.
///
/// The read may return an old state. Then the change fails and is repeated.
///
/// # Panics
///
/// If seq-kv holds something else under this node's key.
pub async fn take_over(cx: &Context) -> Share {
    retried(cx, async || {
        cx.seq_kv()
            .update(cx.id(), |share: Option<Share>| {
                let share = share.unwrap_or_default();
                share.followed_by(share.total)
            })
            .await
    })
    .await
    .unwrap_or_else(|error| panic!("the share cannot be taken over: {error}"))
}

/// Replaces this node's share. This node's later reads return no state older than this change.
///
/// # Panics
///
/// If a later incarnation of this node has taken the share over.
pub async fn replace(old: Share, new: Share, cx: &Context) {
    let attempt = async || cx.seq_kv().compare_and_set(cx.id(), old, new).await;
    match retried(cx, attempt).await {
        Ok(()) => {}
        // An earlier attempt whose reply was lost may have succeeded.
        Err(error) if error.code == ErrorCode::PreconditionFailed => {
            let found = of(cx.id(), cx).await;
            assert_eq!(found, new, "only one process writes a node's share");
        }
        Err(error) => panic!("the share cannot be replaced: {error}"),
    }
}

/// Returns a node's share, no older than this node's last change, or zero if it stored nothing.
///
/// # Panics
///
/// If seq-kv holds something else under the node's key.
pub async fn of(node: &str, cx: &Context) -> Share {
    retried(cx, async || cx.seq_kv().read(node).await)
        .await
        .unwrap_or_else(|error| panic!("the share of {node} cannot be read: {error}"))
        .unwrap_or_default()
}

/// Repeats an attempt after transient errors. All operations on shares may take effect twice.
async fn retried<T>(cx: &Context, attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    cx.retry(Backoff::default(), attempt).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn total_above_64_bits_is_stored_exactly() {
        let share = Share::default().followed_by(2 * u128::from(u64::MAX) + 1);
        let json = serde_json::to_string(&share).expect("a share can be written");
        assert_eq!(json, r#"{"version":1,"total":36893488147419103231}"#);
        assert_eq!(serde_json::from_str::<Share>(&json).ok(), Some(share));
    }
}
