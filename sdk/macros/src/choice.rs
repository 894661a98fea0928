//! `#[derive(Choice)]`: an enum as a CRM's option set, by number or by text.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Fields, Ident, LitInt, LitStr, Token, parse::ParseStream};

use crate::names::{kebab, sentence};

/// One variant.
struct Variant<'a> {
    ident: &'a Ident,
    code: Code,
    /// What people see.
    label: String,
}

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
    for option in &data.variants {
        variants.push(variant(option)?);
    }
    let numbers = variants.iter().any(|variant| matches!(variant.code, Code::Number(_)));
    if numbers && let Some(text) = variants.iter().find(|variant| matches!(variant.code, Code::Text(_))) {
        let ident = text.ident;
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

fn variant(variant: &syn::Variant) -> syn::Result<Variant<'_>> {
    let ident = &variant.ident;
    let mut code = Code::Text(LitStr::new(&kebab(&ident.to_string()), ident.span()));
    let mut label = sentence(&ident.to_string());
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("choice")) {
        attribute.parse_args_with(|input: ParseStream<'_>| {
            while !input.is_empty() {
                if input.peek(LitInt) {
                    code = Code::Number(input.parse()?);
                } else if input.peek(LitStr) {
                    code = Code::Text(input.parse()?);
                } else {
                    word(input, &mut code, &mut label)?;
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        })?;
    }
    holds_what_it_may(variant, &code)?;
    Ok(Variant { ident, code, label })
}

fn word(input: ParseStream<'_>, code: &mut Code, label: &mut String) -> syn::Result<()> {
    let word: Ident = input.parse()?;
    if word == "other" {
        *code = Code::Other;
    } else if word == "label" {
        input.parse::<Token![=]>()?;
        *label = input.parse::<LitStr>()?.value();
    } else {
        let expected = "expected the option's number, its text, `label = \"..\"` or `other`";
        return Err(syn::Error::new_spanned(word, expected));
    }
    Ok(())
}

fn holds_what_it_may(variant: &syn::Variant, code: &Code) -> syn::Result<()> {
    match (code, &variant.fields) {
        (Code::Other, Fields::Unnamed(fields)) if fields.unnamed.len() == 1 => Ok(()),
        (Code::Other, _) => Err(syn::Error::new_spanned(
            &variant.ident,
            format!(
                "the option for everything else holds what it is: `{}(i32)` for numbers, `{0}(String)` for text",
                variant.ident
            ),
        )),
        (_, Fields::Unit) => Ok(()),
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
    offered: TokenStream,
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
            offered: quote!(number),
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
            offered: quote!(text),
        }
    }
}

fn implementation(choice: &Ident, variants: &[Variant<'_>], shape: &Shape) -> TokenStream {
    let Shape { case, raw, argument, passed, kept, kind, schema, offered } = shape;
    let (mut known, mut literals, mut labels, mut other) = (Vec::new(), Vec::new(), Vec::new(), None);
    for Variant { ident, code, label } in variants {
        match code {
            Code::Number(number) => literals.push(quote!(#number)),
            Code::Text(text) => literals.push(quote!(#text)),
            Code::Other => {
                other = Some(*ident);
                continue;
            }
        }
        known.push(*ident);
        labels.push(label);
    }
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
            fn offered() -> ::std::vec::Vec<::crosswalk_sdk::record::Offered> {
                ::std::vec![#(::crosswalk_sdk::record::Offered::#offered(#literals, #labels)),*]
            }
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
