//! Requests that a node sends, matched with their replies.
//!
//! A call is registered before its request is sent, so a reply cannot arrive too early. A synchronous
//! `Drop` removes the registration after a reply, a timeout or a cancellation, so nothing leaks.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll, Waker};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::time::Sleep;

use crate::wire::{self, Header};
use crate::{Error, Result};

/// The pending calls of a node.
#[derive(Default)]
pub(crate) struct Calls {
    last_id: Cell<u64>,
    waiting: RefCell<BTreeMap<u64, Waiting>>,
    late: Cell<u64>,
}

/// A pending call: its reply once there is one, and the waker of the task that awaits it.
#[derive(Default)]
struct Waiting {
    reply: Option<Result<Box<RawValue>>>,
    waker: Option<Waker>,
}

/// The first call id has at most this many bits. Many JSON parsers are exact only up to 53 bits, which
/// leaves room for 2^53 - 2^48 calls.
const FIRST_ID_BITS: u32 = 48;

impl Calls {
    /// Creates an empty table that numbers its calls from the low bits of `seed` on.
    ///
    /// A restarted node has another seed, so it does not mistake a late reply to its previous
    /// incarnation for a reply to one of its own calls.
    pub(crate) fn numbered_from(seed: u64) -> Self {
        Self {
            last_id: Cell::new(seed.wrapping_sub(1) & ((1 << FIRST_ID_BITS) - 1)),
            ..Self::default()
        }
    }

    /// Registers a call under a `msg_id` that this node has not used before.
    pub(crate) fn open(self: &Rc<Self>) -> OpenCall {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        self.waiting.borrow_mut().insert(id, Waiting::default());
        OpenCall {
            id,
            calls: Rc::clone(self),
        }
    }

    /// Completes the pending call with this id. A reply without a pending call is counted and dropped.
    pub(crate) fn reply(&self, in_reply_to: &str, header: &Header<'_>, body: &RawValue) {
        let mut waiting = self.waiting.borrow_mut();
        let call = in_reply_to
            .parse()
            .ok()
            .and_then(|id: u64| waiting.get_mut(&id));
        let Some(call) = call.filter(|call| call.reply.is_none()) else {
            self.late.set(self.late.get() + 1);
            return;
        };
        // Errors are recognised here, so that a permissive reply type cannot mistake one for a success.
        call.reply = Some(match header.kind.as_ref() {
            "error" => Err(wire::error_reply(body)),
            _ => Ok(body.to_owned()),
        });
        let waker = call.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Returns the number of pending calls.
    pub(crate) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Returns the number of replies without a pending call so far.
    pub(crate) fn late(&self) -> u64 {
        self.late.get()
    }
}

/// The registration of one call; dropping it removes the call.
pub(crate) struct OpenCall {
    pub(crate) id: u64,
    calls: Rc<Calls>,
}

impl OpenCall {
    /// Completes the call with an error that was detected locally.
    pub(crate) fn fail(&self, error: Error) {
        if let Some(call) = self.calls.waiting.borrow_mut().get_mut(&self.id) {
            call.reply = Some(Err(error));
        }
    }

    fn poll_reply(&self, cx: &mut task::Context<'_>) -> Poll<Result<Box<RawValue>>> {
        let mut waiting = self.calls.waiting.borrow_mut();
        let call = waiting
            .get_mut(&self.id)
            .expect("an open call is registered until it drops");
        match call.reply.take() {
            Some(reply) => Poll::Ready(reply),
            None => {
                call.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        self.calls.waiting.borrow_mut().remove(&self.id);
    }
}

/// The future of a reply to a request that has already been sent.
///
/// The request is sent when the call is made, so several calls run concurrently even before the first
/// one is awaited. Dropping the future abandons the reply.
#[must_use = "the request is sent, but its reply is ignored"]
pub struct Call<R> {
    open: OpenCall,
    dest: Box<str>,
    timeout: Duration,
    sleep: Pin<Box<Sleep>>,
    reply: PhantomData<fn() -> R>,
}

impl<R> Call<R> {
    pub(crate) fn new(open: OpenCall, dest: &str, timeout: Duration) -> Self {
        let sleep = Box::pin(tokio::time::sleep(timeout));
        Self {
            open,
            dest: dest.into(),
            timeout,
            sleep,
            reply: PhantomData,
        }
    }
}

impl<R: DeserializeOwned> Future for Call<R> {
    type Output = Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Result<R>> {
        if let Poll::Ready(reply) = self.open.poll_reply(cx) {
            return Poll::Ready(reply.and_then(|body| self.deserialize(&body)));
        }
        self.sleep.as_mut().poll(cx).map(|()| {
            let Self { dest, timeout, .. } = &*self;
            Err(Error::timeout(format!(
                "no reply from {dest} within {timeout:?}"
            )))
        })
    }
}

impl<R: DeserializeOwned> Call<R> {
    /// Deserializes a reply. An unexpected reply still proves that the other node acted, so the error is
    /// not definite.
    fn deserialize(&self, body: &RawValue) -> Result<R> {
        serde_json::from_str(body.get())
            .map_err(|e| Error::crash(format!("unexpected reply from {}: {e}", self.dest)))
    }
}
