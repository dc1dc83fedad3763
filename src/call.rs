//! Requests that a node sends, and the replies that come back.
//!
//! A call is registered before its request is sent, and its registration is removed by a
//! synchronous `Drop`: by a reply, a timeout and a cancellation alike. So no reply can come too
//! early, and nothing stays behind when it comes too late.

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

/// The calls of a node that wait for a reply.
#[derive(Default)]
pub(crate) struct Calls {
    last_id: Cell<u64>,
    waiting: RefCell<BTreeMap<u64, Waiting>>,
    late: Cell<u64>,
}

/// A call on its way: its reply once it has come, and whom to wake then.
#[derive(Default)]
struct Waiting {
    reply: Option<Result<Box<RawValue>>>,
    waker: Option<Waker>,
}

/// Numbers of calls have so many bits at first: JSON readers elsewhere are exact up to 53.
const FIRST_ID_BITS: u32 = 48;

impl Calls {
    /// No calls yet. They are numbered from the lowest bits of `seed` on, so that a node that is
    /// restarted does not take a late reply to its former life for one to its present life.
    pub(crate) fn numbered_from(seed: u64) -> Self {
        Self {
            last_id: Cell::new(seed.wrapping_sub(1) & ((1 << FIRST_ID_BITS) - 1)),
            ..Self::default()
        }
    }

    /// Opens a call under a `msg_id` that this node has not used before.
    pub(crate) fn open(self: &Rc<Self>) -> OpenCall {
        let id = self.last_id.get() + 1;
        self.last_id.set(id);
        self.waiting.borrow_mut().insert(id, Waiting::default());
        OpenCall {
            id,
            calls: Rc::clone(self),
        }
    }

    /// Hands a reply to the call that waits for it. A reply that nobody waits for is counted, and
    /// dropped.
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
        // Errors are told apart here, so that no reply type can mistake one for a success.
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

    /// Calls that are open.
    pub(crate) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }

    /// Replies that came when nobody waited for them any more.
    pub(crate) fn late(&self) -> u64 {
        self.late.get()
    }
}

/// The registration of one call, which ends when this is dropped.
pub(crate) struct OpenCall {
    pub(crate) id: u64,
    calls: Rc<Calls>,
}

impl OpenCall {
    /// Gives the call an outcome of this side's own.
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

/// A request that has been sent, as the future of its reply.
///
/// The request is on its way as soon as this exists, so several calls run side by side before the
/// first is awaited. Dropping it gives the reply up.
#[must_use = "the request is sent, but its reply is lost"]
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
            return Poll::Ready(reply.and_then(|body| self.understand(&body)));
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
    /// A reply that is not what was expected still means that something was done: the error is
    /// not definite.
    fn understand(&self, body: &RawValue) -> Result<R> {
        serde_json::from_str(body.get())
            .map_err(|e| Error::crash(format!("the reply of {} is not understood: {e}", self.dest)))
    }
}
