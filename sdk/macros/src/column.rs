//! Names in the CRM as the attributes have them: fixed, or from a setting with a default.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Ident, LitStr, Path, Token, parse::ParseStream};

/// A name in the CRM.
pub(crate) struct Column {
    pub(crate) name: LitStr,
    pub(crate) setting: Option<LitStr>,
    pub(crate) doc: String,
    /// The plugin cannot do without it.
    pub(crate) needed: bool,
    /// A function that says whether there is such a column at all.
    pub(crate) when: Option<Path>,
}

/// `= "name"`, or `("name", setting = "..")`.
pub(crate) fn named(input: ParseStream<'_>, needed: bool, doc: &str) -> syn::Result<Column> {
    let doc = doc.to_owned();
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        return Ok(Column { name: input.parse()?, setting: None, doc, needed, when: None });
    }
    let inner;
    syn::parenthesized!(inner in input);
    let name = inner.parse()?;
    inner.parse::<Token![,]>()?;
    let word: Ident = inner.parse()?;
    if word != "setting" {
        return Err(syn::Error::new_spanned(word, "expected `setting = \"..\"`"));
    }
    inner.parse::<Token![=]>()?;
    Ok(Column { name, setting: Some(inner.parse()?), doc, needed, when: None })
}

/// The same, as the SDK's own type.
pub(crate) fn tokens(column: &Column) -> TokenStream {
    let Column { name, setting, doc, needed, when } = column;
    let (setting, when) = (optional(setting.as_ref()), optional(when.as_ref()));
    quote! {
        ::crosswalk_sdk::record::ColumnName { default: #name, setting: #setting, doc: #doc, needed: #needed, when: #when }
    }
}

/// `Some(..)` or `None`.
pub(crate) fn optional(part: Option<impl quote::ToTokens>) -> TokenStream {
    match part {
        Some(part) => quote! { ::core::option::Option::Some(#part) },
        None => quote! { ::core::option::Option::None },
    }
}
