//! The part of OData 4 that the Web API speaks: resource paths, query options, filters, `Prefer`.

pub(crate) mod filter;
pub(crate) mod lexer;
pub(crate) mod options;
pub(crate) mod prefer;
pub(crate) mod url;
