//! Turns a plugin crate into a component: cargo for wasm32-unknown-unknown, then wit-component.
