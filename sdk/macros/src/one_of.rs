//! `#[derive(Record)]` on an enum: one of several records, each of which may be linked with a referral.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DataEnum, DeriveInput, Fields, Ident, Type};

pub(crate) fn derive(input: &DeriveInput, data: &DataEnum) -> syn::Result<TokenStream> {
    if let Some(generic) = input.generics.params.first() {
        let fix = "an enum of records has no type parameters: remove this one";
        return Err(syn::Error::new_spanned(generic, fix));
    }
    if let Some(attribute) = input.attrs.iter().find(|attribute| attribute.path().is_ident("record")) {
        let fix = "each record of an enum says its own entity: move this above its struct";
        return Err(syn::Error::new_spanned(attribute, fix));
    }
    let variants = data.variants.iter().map(variant).collect::<syn::Result<Vec<_>>>()?;
    if variants.is_empty() {
        let fix = format!("which records? `enum {} {{ Opportunity(Opportunity), Lead(Lead) }}`", input.ident);
        return Err(syn::Error::new_spanned(&input.ident, fix));
    }
    for (at, (ident, ty)) in variants.iter().enumerate() {
        if variants.iter().take(at).any(|(_, other)| other == ty) {
            let fix = "a variant before this one holds the same record: which is meant could not be told";
            return Err(syn::Error::new_spanned(ident, fix));
        }
    }
    Ok(implementation(&input.ident, &variants))
}

fn variant(variant: &syn::Variant) -> syn::Result<(&Ident, &Type)> {
    match &variant.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => {
            fields.unnamed.first().map(|field| (&variant.ident, &field.ty))
        }
        _ => None,
    }
    .ok_or_else(|| {
        let name = &variant.ident;
        syn::Error::new_spanned(name, format!("each variant holds one record: `{name}({name})`"))
    })
}

fn implementation(one_of: &Ident, variants: &[(&Ident, &Type)]) -> TokenStream {
    let (idents, types): (Vec<&Ident>, Vec<&Type>) = variants.iter().copied().unzip();
    quote! {
        #[automatically_derived]
        impl ::crosswalk_sdk::record::Primary for #one_of {
            fn entities() -> ::std::vec::Vec<::crosswalk_sdk::contract::EntityUse> {
                ::crosswalk_sdk::record::joined(::std::vec![
                    #(<#types as ::crosswalk_sdk::record::Primary>::entities()),*
                ])
            }
            fn name_settings() -> ::std::vec::Vec<::crosswalk_sdk::record::ColumnName> {
                let mut names = ::std::vec::Vec::new();
                #(names.extend(<#types as ::crosswalk_sdk::record::Primary>::name_settings());)*
                names
            }
            fn from_linked(linked: &::crosswalk_sdk::contract::CrmRecord) -> ::crosswalk_sdk::Result<Self> {
                match linked.key.entity.as_str() {
                    #(<#types as ::crosswalk_sdk::Record>::ENTITY => {
                        <#types as ::crosswalk_sdk::record::Primary>::from_linked(linked).map(Self::#idents)
                    })*
                    other => ::core::result::Result::Err(::crosswalk_sdk::record::unknown_entity(
                        other,
                        &[#(<#types as ::crosswalk_sdk::Record>::ENTITY),*],
                    )),
                }
            }
            fn entity(&self) -> &'static str {
                match self {
                    #(Self::#idents(_) => <#types as ::crosswalk_sdk::Record>::ENTITY,)*
                }
            }
            fn into_writer(self, writer: &mut ::crosswalk_sdk::record::Writer) {
                match self {
                    #(Self::#idents(record) => ::crosswalk_sdk::record::Primary::into_writer(record, writer),)*
                }
            }
        }
        #(
            #[automatically_derived]
            impl ::core::convert::From<#types> for #one_of {
                fn from(record: #types) -> Self {
                    Self::#idents(record)
                }
            }
        )*
    }
}
