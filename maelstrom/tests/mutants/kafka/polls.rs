//! Logs that are stored correctly, and polled with a flaw.

use glomers::prelude::*;

use super::{Logs, Right};

/// Changes what a poll returns, with a probability.
pub trait Distortion: Default + 'static {
    const ONE_IN: u32;

    fn distort(found: &mut Vec<(usize, Value)>);
}

/// Correct logs whose polls are distorted.
#[derive(Default)]
pub struct Distorted<D>(D);

impl<D: Distortion> Logs for Distorted<D> {
    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let mut found = Right.poll(key, from, cx).await?;
        if !found.is_empty() && cx.rng().random_ratio(1, D::ONE_IN) {
            D::distort(&mut found);
        }
        Ok(found)
    }
}

/// Leaves out the first message.
#[derive(Default)]
pub struct Skips;

impl Distortion for Skips {
    const ONE_IN: u32 = 50;

    fn distort(found: &mut Vec<(usize, Value)>) {
        found.remove(0);
    }
}

/// Leaves out a message in the middle.
#[derive(Default)]
pub struct LeavesGaps;

impl Distortion for LeavesGaps {
    const ONE_IN: u32 = 50;

    fn distort(found: &mut Vec<(usize, Value)>) {
        if found.len() > 2 {
            found.remove(1);
        }
    }
}

/// Returns messages in the wrong order.
#[derive(Default)]
pub struct Reverses;

impl Distortion for Reverses {
    const ONE_IN: u32 = 50;

    fn distort(found: &mut Vec<(usize, Value)>) {
        found.reverse();
    }
}

/// Never shows the newest message.
#[derive(Default)]
pub struct HidesTheNewest;

impl Distortion for HidesTheNewest {
    const ONE_IN: u32 = 1;

    fn distort(found: &mut Vec<(usize, Value)>) {
        found.pop();
    }
}

/// Shows messages again that a client has seen.
#[derive(Default)]
pub struct GoesBack;

impl Logs for GoesBack {
    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let back = usize::from(cx.rng().random_ratio(1, 50));
        Right.poll(key, from.saturating_sub(back), cx).await
    }
}

/// Shows the next message before it is sent, by a guess that is right.
#[derive(Default)]
pub struct ForeseesMessages;

impl Logs for ForeseesMessages {
    async fn poll(&self, key: &str, from: usize, cx: &Context) -> Result<Vec<(usize, Value)>> {
        let mut found = Right.poll(key, from, cx).await?;
        let guess = found
            .last()
            .and_then(|(offset, msg)| Some((offset + 1, msg.as_u64()? + 1)));
        if let Some((offset, msg)) = guess
            && msg <= 16
            && cx.rng().random_ratio(1, 20)
        {
            found.push((offset, msg.into()));
        }
        Ok(found)
    }
}
