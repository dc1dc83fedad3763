//! The client of the key-value stores: one interface for three levels of consistency.
//!
//! Keys and values are arbitrary JSON. Maelstrom compares them including their types: `1`, `1.0` and
//! `"1"` are three different values.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use crate::retry::Backoff;
use crate::{Context, ErrorCode, Result};

/// A client of one of the stores; see [`Context::lin_kv`], [`Context::seq_kv`] and
/// [`Context::lww_kv`] for their guarantees.
#[derive(Clone, Debug)]
pub struct Kv {
    cx: Context,
    service: &'static str,
    timeout: Option<Duration>,
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Request<K, V> {
    Read {
        key: K,
    },
    Write {
        key: K,
        value: V,
    },
    Cas {
        key: K,
        from: V,
        to: V,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        create_if_not_exists: bool,
    },
}

#[derive(Deserialize)]
struct ReadOk<V> {
    value: V,
}

/// A reply without content.
#[derive(Deserialize)]
struct Done {}

impl Kv {
    pub(crate) fn new(cx: Context, service: &'static str) -> Self {
        Self {
            cx,
            service,
            timeout: None,
        }
    }

    /// Sets the time limit of each request, instead of that of [`Context::call`].
    pub fn within(self, timeout: Duration) -> Self {
        Self {
            timeout: Some(timeout),
            ..self
        }
    }

    /// Returns the value of a key, or `None` if the key does not exist.
    pub async fn read<T: DeserializeOwned>(&self, key: impl Serialize) -> Result<Option<T>> {
        match self
            .call::<ReadOk<T>>(&Request::<_, ()>::Read { key })
            .await
        {
            Ok(ReadOk { value }) => Ok(Some(value)),
            Err(error) if error.code == ErrorCode::KeyDoesNotExist => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets the value of a key unconditionally.
    pub async fn write(&self, key: impl Serialize, value: impl Serialize) -> Result<()> {
        self.call(&Request::Write { key, value })
            .await
            .map(|Done {}| ())
    }

    /// Changes the value of a key from `from` to `to` atomically.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::PreconditionFailed`] if the value is not `from`, and
    /// [`ErrorCode::KeyDoesNotExist`] if the key does not exist; nothing has changed then. On seq-kv both
    /// may refer to a stale state. After an error that is not definite, the change may have been made.
    pub async fn compare_and_set<V: Serialize>(
        &self,
        key: impl Serialize,
        from: V,
        to: V,
    ) -> Result<()> {
        self.cas(key, from, to, false).await
    }

    /// Works like [`compare_and_set`](Self::compare_and_set), but creates a missing key with the value
    /// `to`. (lww-kv cannot create keys and returns `KeyDoesNotExist`.)
    pub async fn compare_and_set_or_create<V: Serialize>(
        &self,
        key: impl Serialize,
        from: V,
        to: V,
    ) -> Result<()> {
        self.cas(key, from, to, true).await
    }

    /// Creates a key with this value. Succeeds also if the key already has this value, so it is safe to
    /// retry.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::PreconditionFailed`] if the key has another value.
    pub async fn create_if_absent(&self, key: impl Serialize, value: impl Serialize) -> Result<()> {
        self.cas(key, &value, &value, true).await
    }

    /// Replaces the value of a key with a function of it, and returns the new value.
    ///
    /// Reads the value, computes the new one, and compares and sets it; repeats this after a conflict
    /// with another writer. (lww-kv cannot create keys: updating a missing key is an error there.)
    ///
    /// # Errors
    ///
    /// Any error but a conflict. If it is not definite, the update may have been made.
    pub async fn update<T: Serialize + DeserializeOwned>(
        &self,
        key: impl Serialize,
        mut change: impl FnMut(Option<T>) -> T,
    ) -> Result<T> {
        let backoff = Backoff::new(Duration::from_millis(1), Duration::from_millis(100));
        let mut conflicts = 0;
        loop {
            // Compare with the raw JSON that was read: a `T` may serialize `1` as `1.0`.
            let before = self.read::<Box<RawValue>>(&key).await?;
            let old = before
                .as_ref()
                .map(|json| serde_json::from_str(json.get()))
                .transpose()?;
            let new = change(old);
            let after = to_raw_value(&new)?;
            let is_new = before.is_none();
            let from = before.unwrap_or_else(|| RawValue::NULL.to_owned());
            match self.cas(&key, from, after, is_new).await {
                Ok(()) => return Ok(new),
                Err(error) if error.code == ErrorCode::PreconditionFailed => {}
                // seq-kv may use a stale state from before the key was created.
                Err(error) if error.code == ErrorCode::KeyDoesNotExist && !is_new => {}
                Err(error) => return Err(error),
            }
            conflicts += 1;
            tokio::time::sleep(backoff.pause(conflicts, &self.cx)).await;
        }
    }

    async fn cas<V: Serialize>(
        &self,
        key: impl Serialize,
        from: V,
        to: V,
        create_if_not_exists: bool,
    ) -> Result<()> {
        let request = Request::Cas {
            key,
            from,
            to,
            create_if_not_exists,
        };
        self.call(&request).await.map(|Done {}| ())
    }

    async fn call<R: DeserializeOwned>(&self, request: &impl Serialize) -> Result<R> {
        match self.timeout {
            Some(timeout) => self.cx.call_within(timeout, self.service, request).await,
            None => self.cx.call(self.service, request).await,
        }
    }
}
