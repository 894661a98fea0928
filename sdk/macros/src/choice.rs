//! `#[derive(Choice)]`: an enum as a CRM's option set, by number or by text.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Fields, Ident, LitInt, LitStr, parse::ParseStream};

use crate::names::kebab;

/// What one variant stands for.
enum Code {
    Number(LitInt),
    Text(LitStr),
    /// Whatever the others do not know.
    Other,
}

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let syn::Data::Enum(data) = &input.data else {
        return Err(syn::Error::new_spanned(
            &input.ident,
            format!("a choice is an enum: `enum {} {{ .. }}`", input.ident),
        ));
    };
    let mut variants = Vec::new();
    for variant in &data.variants {
        variants.push((&variant.ident, code(variant)?));
    }
    let numbers = variants.iter().any(|(_, code)| matches!(code, Code::Number(_)));
    if numbers && let Some((ident, _)) = variants.iter().find(|(_, code)| matches!(code, Code::Text(_))) {
        return Err(syn::Error::new_spanned(
            ident,
            format!(
                "the other options are numbers, and a choice is all numbers or all text: write `#[choice(1)]` above `{ident}`"
            ),
        ));
    }
    Ok(if numbers {
        implementation(&input.ident, &variants, &Shape::number())
    } else {
        implementation(&input.ident, &variants, &Shape::text())
    })
}

fn code(variant: &syn::Variant) -> syn::Result<Code> {
    let mut code = Code::Text(LitStr::new(&kebab(&variant.ident.to_string()), variant.ident.span()));
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("choice")) {
        code = attribute.parse_args_with(|input: ParseStream<'_>| {
            if input.peek(LitInt) {
                return Ok(Code::Number(input.parse()?));
            }
            if input.peek(LitStr) {
                return Ok(Code::Text(input.parse()?));
            }
            let word: Ident = input.parse()?;
            let known = word == "other";
            if known {
                Ok(Code::Other)
            } else {
                Err(syn::Error::new_spanned(word, "expected the option's number, its text, or `other`"))
            }
        })?;
    }
    match (&code, &variant.fields) {
        (Code::Other, Fields::Unnamed(fields)) if fields.unnamed.len() == 1 => Ok(code),
        (Code::Other, _) => Err(syn::Error::new_spanned(
            &variant.ident,
            format!(
                "the option for everything else holds what it is: `{}(i32)` for numbers, `{0}(String)` for text",
                variant.ident
            ),
        )),
        (_, Fields::Unit) => Ok(code),
        _ => Err(syn::Error::new_spanned(
            &variant.ident,
            "an option holds nothing, except for one marked `#[choice(other)]`",
        )),
    }
}

/// Where numbers and texts differ.
struct Shape {
    case: TokenStream,
    raw: TokenStream,
    /// How `from_code` takes it, how a value's is passed there, and how it is kept.
    argument: TokenStream,
    passed: TokenStream,
    kept: TokenStream,
    kind: TokenStream,
    schema: TokenStream,
}

impl Shape {
    fn number() -> Self {
        Self {
            case: quote!(Integer),
            raw: quote!(i32),
            argument: quote!(i32),
            passed: quote!(*raw),
            kept: quote!(raw),
            kind: quote!(::crosswalk_sdk::contract::Kind::Integer),
            schema: quote!("integer"),
        }
    }

    fn text() -> Self {
        Self {
            case: quote!(Text),
            raw: quote!(::std::string::String),
            argument: quote!(&str),
            passed: quote!(raw),
            kept: quote!(raw.to_owned()),
            kind: quote!(::crosswalk_sdk::contract::Kind::Text),
            schema: quote!("string"),
        }
    }
}

fn implementation(choice: &Ident, variants: &[(&Ident, Code)], shape: &Shape) -> TokenStream {
    let Shape { case, raw, argument, passed, kept, kind, schema } = shape;
    let literals = variants.iter().filter_map(|(ident, code)| match code {
        Code::Number(number) => Some((*ident, quote!(#number))),
        Code::Text(text) => Some((*ident, quote!(#text))),
        Code::Other => None,
    });
    let (known, literals): (Vec<_>, Vec<_>) = literals.unzip();
    let other = variants.iter().find(|(_, code)| matches!(code, Code::Other)).map(|(ident, _)| *ident);
    let from_other = match other {
        Some(other) => quote! { _ => ::core::option::Option::Some(Self::#other(#kept)) },
        None => quote! { _ => ::core::option::Option::None },
    };
    let into_other = other.map(|other| quote! { Self::#other(raw) => raw.clone(), });
    let listed = if other.is_some() { quote!(&[]) } else { quote!(&[#(#literals.into()),*]) };
    quote! {
        #[automatically_derived]
        impl #choice {
            /// The option that is stored as `raw`, if this choice knows it.
            #[allow(dead_code, reason = "a plugin may need one direction only")]
            pub fn from_code(raw: #argument) -> ::core::option::Option<Self> {
                match raw { #(#literals => ::core::option::Option::Some(Self::#known),)* #from_other }
            }

            /// What this option is stored as.
            #[allow(dead_code, reason = "a plugin may need one direction only")]
            pub fn code(&self) -> #raw {
                match self { #(Self::#known => #literals.into(),)* #into_other }
            }
        }

        #[automatically_derived]
        impl ::crosswalk_sdk::FieldType for #choice {
            fn kind() -> ::crosswalk_sdk::contract::Kind { #kind }
            fn from_value(
                value: &::crosswalk_sdk::contract::Value,
                _: ::core::option::Option<&::crosswalk_sdk::contract::RelatedRecord>,
            ) -> ::crosswalk_sdk::Result<Self> {
                let known = match value {
                    ::crosswalk_sdk::contract::Value::#case(raw) => Self::from_code(#passed),
                    _ => ::core::option::Option::None,
                };
                known.ok_or_else(|| ::crosswalk_sdk::value::unknown_choice(value, ::core::stringify!(#choice)))
            }
            fn into_value(self, _: &mut ::crosswalk_sdk::record::Companions) -> ::crosswalk_sdk::contract::Value {
                ::crosswalk_sdk::contract::Value::#case(self.code())
            }
        }

        #[automatically_derived]
        impl ::crosswalk_sdk::settings::SettingType for #choice {
            fn schema() -> ::crosswalk_sdk::settings::Schema {
                ::crosswalk_sdk::settings::Schema::one_of(#schema, #listed)
            }
            fn from_setting(value: &::crosswalk_sdk::contract::Value) -> ::core::option::Option<Self> {
                match value {
                    ::crosswalk_sdk::contract::Value::#case(raw) => Self::from_code(#passed),
                    _ => ::core::option::Option::None,
                }
            }
            fn to_json(&self) -> ::crosswalk_sdk::Json { self.code().into() }
        }
    }
}
