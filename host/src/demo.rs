//! One deal, all the way: a story that is told and verified, with real HTTP between all parts.
//!
//! [`World`] is a sandbox and a host in this process, [`Scene`] what people see of them and do to them; the end-to-end
//! tests set the same scene around a host in a process of its own. [`story`] plays the people (Microsoft, a seller, a
//! partner developer) and looks at both systems until they show what they must, within a bound.

mod people;
mod scene;
mod story;
mod traffic;
mod world;

pub use people::{is_amount, text};
pub use scene::{Scene, TENANT};
pub(crate) use story::tell;
pub use story::{Pair, until};
pub use traffic::{accept, edits, make_pairs, until_agreed};
pub(crate) use world::World;
