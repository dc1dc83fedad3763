//! The guarantees of the node runtime, on a paused clock.

mod calls;
mod hostile;
mod init;
mod lifecycle;
mod replies;
mod rig;
mod services;
mod wire;
