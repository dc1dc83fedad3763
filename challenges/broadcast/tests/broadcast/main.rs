//! The specification of broadcast, in virtual time.

mod adaptivity;
mod challenges;
mod delivery;
mod faults;
mod rig;
mod swarm;
