//! A node's share of the counter: one key of seq-kv, which only that node writes.
//!
//! A write would do, since a total that is stored twice is the same total. But a node may be
//! killed while its last write is on its way, and start again before it arrives; then the write
//! of a dead process would undo what its successor has stored. So a share carries a version, and
//! is replaced by compare-and-set: the same two messages, and the one operation that seq-kv cannot
//! do on an old state. What comes from a dead process finds another version, and fails.

use glomers::prelude::*;

/// What a node has stored. Of two shares of one node the later is the greater.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Share {
    /// How often this share was replaced.
    pub version: u64,
    /// The sum of all that clients added on this node, in all its lives.
    pub total: u64,
}

impl Share {
    /// The next version.
    pub fn followed_by(self, total: u64) -> Share {
        let version = self.version + 1;
        Share { version, total }
    }
}

/// Learns what earlier lives of this node stored, and keeps them from storing anything more.
///
/// That the read in here may be old does no harm: the change succeeds only if it was not.
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
    .unwrap_or_else(|error| panic!("a share can be taken over: {error}"))
}

/// Replaces this node's share, and brings the node up to date: what it reads from now on is no
/// older than this change.
///
/// # Panics
/// If a successor of this process has taken over, which then is the one to serve this node's
/// clients.
pub async fn replace(old: Share, new: Share, cx: &Context) {
    let attempt = async || cx.seq_kv().compare_and_set(cx.id(), old, new).await;
    match retried(cx, attempt).await {
        Ok(()) => {}
        // An attempt before, of which no reply came, may have been the one that succeeded.
        Err(error) if error.code == ErrorCode::PreconditionFailed => {
            let found = of(cx.id(), cx).await;
            assert_eq!(found, new, "one process at a time writes a node's share");
        }
        Err(error) => panic!("a share that exists can be replaced: {error}"),
    }
}

/// A node's share, no older than this node's last change; of a node that stored nothing, zero.
pub async fn of(node: &str, cx: &Context) -> Share {
    retried(cx, async || cx.seq_kv().read(node).await)
        .await
        .unwrap_or_else(|error| panic!("the share of {node} can be read: {error}"))
        .unwrap_or_default()
}

/// All of these may be done twice, so they are tried until they succeed or cannot.
async fn retried<T>(cx: &Context, attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    cx.retry(Backoff::default(), attempt).await
}
