//! Deals, all the way, at two partners: a story that is told and verified, with real HTTP between all parts.
//!
//! [`World`] is sandboxes and a host in this process, [`Scene`] what people see of one partner's systems and do to them;
//! the end-to-end tests set the same scene around a host in a process of its own. A [`Seller`] works in a CRM, in words
//! that are the same for Dynamics 365 and Salesforce. [`story`] plays the people (Microsoft, sellers, a partner
//! developer) and looks at both systems until they show what they must, within a bound.

mod http;
mod people;
mod scene;
mod seller;
mod story;
mod traffic;
mod world;

pub use people::{is_amount, same_day, text};
pub use scene::{CONTOSO, FABRIKAM, Scene, System};
pub use seller::{CUSTOMER, Card, CrmKind, Edit, NewDeal, Record, Seller, Stage};
pub(crate) use story::tell;
pub use story::{Pair, until};
pub use traffic::{accept, edits, make_pairs, until_agreed};
pub(crate) use world::World;
