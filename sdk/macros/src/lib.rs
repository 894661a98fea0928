//! The derive and attribute macros of `crosswalk-sdk`. The SDK documents them where it re-exports them.
//!
//! Each one only writes down what a person would otherwise have to keep equal in two places: the fields of a struct
//! and their declaration, the fields of a settings struct and their schema, the functions of a module and the
//! contract. An error points at the author's own token and says the fix.
//!
//! What they write says `#[allow]` where code of ours would say `#[expect]`: whether a lint fires there depends on what
//! the author uses, and an expectation that is not met would be a warning in the author's own crate.
#![forbid(unsafe_code)]

mod choice;
mod column;
mod field;
mod mapping;
mod names;
mod one_of;
mod record;
mod settings;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// See `crosswalk_sdk::Record`.
#[proc_macro_derive(Record, attributes(record, field))]
pub fn record(input: TokenStream) -> TokenStream {
    answer(record::derive(&parse_macro_input!(input as DeriveInput)))
}

/// See `crosswalk_sdk::Choice`.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn choice(input: TokenStream) -> TokenStream {
    answer(choice::derive(&parse_macro_input!(input as DeriveInput)))
}

/// See `crosswalk_sdk::Settings`.
#[proc_macro_derive(Settings, attributes(setting))]
pub fn settings(input: TokenStream) -> TokenStream {
    answer(settings::derive(&parse_macro_input!(input as DeriveInput)))
}

/// See `crosswalk_sdk::mapping`.
#[proc_macro_attribute]
pub fn mapping(arguments: TokenStream, module: TokenStream) -> TokenStream {
    let module = parse_macro_input!(module as syn::Item);
    answer(mapping::expand(arguments.into(), module))
}

fn answer(expanded: syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    expanded.unwrap_or_else(|error| error.to_compile_error()).into()
}
