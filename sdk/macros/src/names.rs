//! What the macros share: names in other cases, and the author's doc comments.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// `new_tier` → `NewTier`.
pub(crate) fn camel(name: &str) -> String {
    let words = name.trim_start_matches("r#").split('_').filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_uppercase() + &word[1..]).collect()
}

/// `PartnerCenter` → `partner-center`.
pub(crate) fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// `InProgress` → `In progress`.
pub(crate) fn sentence(name: &str) -> String {
    let words = kebab(name).replace('-', " ");
    let (first, rest) = words.split_at_checked(1).unwrap_or_default();
    first.to_uppercase() + rest
}

/// The doc comment above an item, as one line.
pub(crate) fn documentation(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// The fields of a struct with named fields, or an error that says so.
pub(crate) fn named_fields<'a>(
    input: &'a syn::DeriveInput,
    what: &str,
) -> syn::Result<&'a syn::punctuated::Punctuated<syn::Field, syn::Token![,]>> {
    if let Some(generic) = input.generics.params.first() {
        return Err(syn::Error::new_spanned(
            generic,
            format!("{what} has no type parameters: remove this one"),
        ));
    }
    match &input.data {
        syn::Data::Struct(syn::DataStruct { fields: syn::Fields::Named(fields), .. }) => Ok(&fields.named),
        _ => Err(syn::Error::new_spanned(
            &input.ident,
            format!("{what} is a struct with named fields: `struct {} {{ .. }}`", input.ident),
        )),
    }
}
