//! The specification of broadcast, in virtual time.

mod challenges;
mod faults;
mod rig;
