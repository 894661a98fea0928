//! `#[derive(Record)]`: a struct's fields, as the manifest declares them, as they are read and as they are written.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Data, DeriveInput, Ident, LitStr, Type, ext::IdentExt, spanned::Spanned};

use crate::{
    column::{Column, named, optional, tokens},
    field::{self, FieldOptions},
    names::{camel, documentation, named_fields},
    one_of,
};

/// `#[record(..)]`.
#[derive(Default)]
struct RecordOptions {
    entity: Option<LitStr>,
    key: Option<Column>,
    stamp: Option<Column>,
}

/// One field of the struct.
enum Member<'a> {
    Column { ident: &'a Ident, ty: &'a Type, column: Column, options: Box<FieldOptions> },
    Flattened { ident: &'a Ident, ty: &'a Type },
}

pub(crate) fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    if let Data::Enum(data) = &input.data {
        return one_of::derive(input, data);
    }
    let options = record_options(input)?;
    let fields = named_fields(input, "a record")?;
    let members = fields.iter().map(member).collect::<syn::Result<Vec<_>>>()?;
    let flattened = members.iter().find_map(|member| match member {
        Member::Flattened { ty, .. } => Some(*ty),
        Member::Column { .. } => None,
    });
    let names = names_enum(input, &members);
    let implementation = implementation(input, &options, &members, flattened)?;
    Ok(quote! { #names #implementation })
}

fn record_options(input: &DeriveInput) -> syn::Result<RecordOptions> {
    let mut options = RecordOptions::default();
    for attribute in input.attrs.iter().filter(|attribute| attribute.path().is_ident("record")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("entity") {
                options.entity = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("key") {
                let doc = "The column that holds the referral's id, under a unique key.";
                options.key = Some(named(meta.input, true, doc)?);
            } else if meta.path.is_ident("stamp") {
                let doc = "The column that the host stamps with its own writes.";
                options.stamp = Some(named(meta.input, false, doc)?);
            } else {
                return Err(meta.error("expected `entity = \"..\"`, `key = \"..\"` or `stamp = \"..\"`"));
            }
            Ok(())
        })?;
    }
    Ok(options)
}

fn member(field: &syn::Field) -> syn::Result<Member<'_>> {
    let Some(ident) = &field.ident else {
        return Err(syn::Error::new(field.span(), "a record's fields have names"));
    };
    let options = field::options(field)?;
    if options.flatten {
        return Ok(Member::Flattened { ident, ty: &field.ty });
    }
    if !is_field(&field.ty) {
        let ty = &field.ty;
        let shown = quote!(#ty).to_string().replace(' ', "");
        let shown = shown.strip_prefix("Option<").and_then(|inner| inner.strip_suffix('>')).unwrap_or(&shown);
        return Err(syn::Error::new_spanned(
            ty,
            format!(
                "a record's field may be unset, empty or set: write `Field<{shown}>` (or mark a record within this one with `#[field(flatten)]`)"
            ),
        ));
    }
    let name = options.name.clone().unwrap_or_else(|| LitStr::new(&ident.unraw().to_string(), ident.span()));
    let (setting, when) = (options.setting.clone(), options.when.clone());
    let column = Column { name, setting, doc: documentation(&field.attrs), needed: false, when };
    Ok(Member::Column { ident, ty: &field.ty, column, options: Box::new(options) })
}

fn is_field(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Field"))
}

/// One variant for each field, so that a conflict can be matched on a field and not on a text.
fn names_enum(input: &DeriveInput, members: &[Member<'_>]) -> TokenStream {
    let names = format_ident!("{}Field", input.ident);
    let visibility = &input.vis;
    let variants = members.iter().map(|member| match member {
        Member::Column { ident, column, .. } => {
            let variant = format_ident!("{}", camel(&ident.to_string()));
            let doc = format!("`{}`", column.name.value());
            quote! { #[doc = #doc] #variant }
        }
        Member::Flattened { ident, ty } => {
            let variant = format_ident!("{}", camel(&ident.to_string()));
            quote! { #[doc = "A field of the record within."] #variant(<#ty as ::crosswalk_sdk::Record>::Name) }
        }
    });
    let doc = format!("The fields of [`{}`], by name.", input.ident);
    quote! {
        #[doc = #doc]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(dead_code, reason = "a plugin speaks of some of its fields only")]
        #visibility enum #names { #(#variants),* }
    }
}

fn implementation(
    input: &DeriveInput,
    options: &RecordOptions,
    members: &[Member<'_>],
    flattened: Option<&Type>,
) -> syn::Result<TokenStream> {
    let record = &input.ident;
    let names = format_ident!("{}Field", record);
    let entity = match (&options.entity, flattened) {
        (Some(entity), _) => quote! { #entity },
        (None, Some(ty)) => quote! { <#ty as ::crosswalk_sdk::Record>::ENTITY },
        (None, None) => {
            return Err(syn::Error::new_spanned(
                record,
                "which entity of the CRM is this? add `#[record(entity = \"opportunity\")]`",
            ));
        }
    };
    let special = |column: &Option<Column>, method: &str| match (column, flattened) {
        (Some(column), _) => optional(Some(tokens(column))),
        (None, Some(ty)) => {
            let method = format_ident!("{method}");
            quote! { <#ty as ::crosswalk_sdk::Record>::#method() }
        }
        (None, None) => quote! { ::core::option::Option::None },
    };
    let keyed = match (&options.key, flattened) {
        (Some(_), _) => quote! { true },
        (None, Some(ty)) => quote! { <#ty as ::crosswalk_sdk::Record>::KEYED },
        (None, None) => quote! { false },
    };
    let (key, stamp) = (special(&options.key, "key"), special(&options.stamp, "stamp"));
    let declared = members.iter().map(|member| declared(member, &names));
    let reads = members.iter().map(read);
    let writes = members.iter().map(write);
    Ok(quote! {
        #[automatically_derived]
        impl ::crosswalk_sdk::Record for #record {
            type Name = #names;
            const ENTITY: &'static str = #entity;
            const KEYED: bool = #keyed;
            fn key() -> ::core::option::Option<::crosswalk_sdk::record::ColumnName> { #key }
            fn stamp() -> ::core::option::Option<::crosswalk_sdk::record::ColumnName> { #stamp }
            fn columns() -> ::std::vec::Vec<(Self::Name, ::crosswalk_sdk::record::Column)> {
                let mut columns = ::std::vec::Vec::new();
                #(#declared)*
                columns
            }
            fn read(reader: &::crosswalk_sdk::record::Reader<'_>) -> ::crosswalk_sdk::Result<Self> {
                ::core::result::Result::Ok(Self { #(#reads),* })
            }
            fn write(self, writer: &mut ::crosswalk_sdk::record::Writer) {
                #(#writes)*
            }
        }
    })
}

fn declared(member: &Member<'_>, names: &Ident) -> TokenStream {
    match member {
        Member::Column { ident, ty, column, options } => {
            let variant = format_ident!("{}", camel(&ident.to_string()));
            let column = tokens(column);
            let (reads, writes, owned) = (!options.write, !options.read, options.owned);
            let shape = options.shape();
            quote! {
                columns.push((
                    #names::#variant,
                    ::crosswalk_sdk::record::Column::of::<#ty>(#column, #reads, #writes, #owned, #shape),
                ));
            }
        }
        Member::Flattened { ident, ty } => {
            let variant = format_ident!("{}", camel(&ident.to_string()));
            quote! {
                let within = <#ty as ::crosswalk_sdk::Record>::columns();
                columns.extend(within.into_iter().map(|(name, column)| (#names::#variant(name), column)));
            }
        }
    }
}

fn read(member: &Member<'_>) -> TokenStream {
    match member {
        Member::Column { ident, column, .. } => {
            let column = tokens(column);
            quote! { #ident: reader.field(&#column)? }
        }
        Member::Flattened { ident, .. } => quote! { #ident: ::crosswalk_sdk::Record::read(reader)? },
    }
}

fn write(member: &Member<'_>) -> TokenStream {
    match member {
        Member::Column { ident, column, options, .. } => {
            let column = tokens(column);
            let method = if options.read { quote!(read_only) } else { quote!(field) };
            quote! { writer.#method(&#column, self.#ident); }
        }
        Member::Flattened { ident, .. } => quote! { ::crosswalk_sdk::Record::write(self.#ident, writer); },
    }
}
