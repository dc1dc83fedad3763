//! What the node runtime promises, one sentence per test, on a paused clock.

mod calls;
mod hostile;
mod init;
mod lifecycle;
mod replies;
mod rig;
mod services;
mod wire;
