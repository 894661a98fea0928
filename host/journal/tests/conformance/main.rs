//! What every engine under the journal must do. Each test runs on each engine; their names are the specification.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests may panic, and say which seed they are at"
)]

/// Runs each test on every engine, in a journal of its own.
macro_rules! on_every_engine {
    ($($(#[doc = $doc:literal])* async fn $name:ident($world:ident) $body:block)*) => {
        $($(#[doc = $doc])* async fn $name($world: $crate::world::World) $body)*

        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::world::World::sqlite().await).await;
                }
            )*
        }
    };
}

mod asks;
mod audit;
mod background;
mod entries;
mod events;
mod jobs;
mod lanes;
mod links;
mod model;
mod passes;
mod releases;
mod routes;
mod tenants;
mod upkeep;
mod world;
