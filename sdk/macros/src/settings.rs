//! `#[derive(Settings)]`: a struct as a JSON Schema, and as what a tenant has set.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Expr, ext::IdentExt};

use crate::names::{documentation, named_fields};

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = named_fields(input, "a settings struct")?;
    let (mut properties, mut reads) = (Vec::new(), Vec::new());
    for field in fields {
        let Some(ident) = &field.ident else { continue };
        let (name, ty, doc) = (ident.unraw().to_string(), &field.ty, documentation(&field.attrs));
        if doc.is_empty() {
            return Err(syn::Error::new_spanned(
                ident,
                format!("say what `{name}` does in a `///` comment: the operator reads it in the schema"),
            ));
        }
        let default = match default(field)? {
            Some(value) => {
                quote! { ::core::option::Option::Some(::core::convert::Into::<#ty>::into(#value)) }
            }
            None => quote! { ::core::option::Option::None },
        };
        properties.push(quote! { ::crosswalk_sdk::settings::Property::of::<#ty>(#name, #doc, #default) });
        reads.push(quote! { #ident: ::crosswalk_sdk::settings::read::<#ty>(#name, || #default)? });
    }
    let settings = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::crosswalk_sdk::Settings for #settings {
            fn properties() -> ::std::vec::Vec<::crosswalk_sdk::settings::Property> {
                ::std::vec![#(#properties),*]
            }
            fn read() -> ::crosswalk_sdk::Result<Self> {
                ::core::result::Result::Ok(Self { #(#reads),* })
            }
        }
    })
}

/// `#[setting(default = ..)]`.
fn default(field: &syn::Field) -> syn::Result<Option<Expr>> {
    let mut default = None;
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("setting")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("default") {
                return Err(meta.error("expected `default = ..`"));
            }
            default = Some(meta.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(default)
}
