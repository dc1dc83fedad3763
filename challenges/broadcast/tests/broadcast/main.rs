//! The specification of broadcast, in virtual time.

mod adaptivity;
mod challenges;
mod delivery;
mod explore;
mod faults;
mod rig;
mod swarm;
