//! `#[field(..)]`: one field of a record, as the author describes it.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{
    GenericArgument, Ident, LitInt, LitStr, Path, PathArguments, Token, Type, parse::ParseStream,
    spanned::Spanned,
};

use crate::column::{Column, named, optional, tokens};

/// `#[field(..)]`.
#[derive(Default)]
pub(crate) struct FieldOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) setting: Option<LitStr>,
    pub(crate) when: Option<Path>,
    pub(crate) owned: bool,
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) flatten: bool,
    label: Option<LitStr>,
    length: Option<LitInt>,
    length_setting: Option<LitStr>,
    choices: Option<Path>,
    rows: Option<Rows>,
}

/// `rows(entity = "..", parent = "..", column = "..")`.
struct Rows {
    entity: Column,
    parent: Column,
    column: Column,
}

const WORDS: &str = "expected the column's name as text, `setting = \"..\"`, `when = function`, `label = \"..\"`, \
                     `length = 100`, `length_setting = \"..\"`, `choices = function`, `rows(..)`, `owned`, `read`, \
                     `write` or `flatten`";

pub(crate) fn options(field: &syn::Field) -> syn::Result<FieldOptions> {
    let mut options = FieldOptions::default();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("field")) {
        attribute.parse_args_with(|input: ParseStream<'_>| {
            while !input.is_empty() {
                if input.peek(LitStr) {
                    options.name = Some(input.parse()?);
                } else {
                    word(input, &mut options)?;
                }
                if !input.is_empty() {
                    input.parse::<Token![,]>()?;
                }
            }
            Ok(())
        })?;
    }
    fits_together(field, &options)?;
    Ok(options)
}

fn word(input: ParseStream<'_>, options: &mut FieldOptions) -> syn::Result<()> {
    let word: Ident = input.parse()?;
    match word.to_string().as_str() {
        "setting" => options.setting = Some(after_equals(input)?),
        "when" => options.when = Some(after_equals(input)?),
        "label" => options.label = Some(after_equals(input)?),
        "length" => options.length = Some(length(after_equals(input)?)?),
        "length_setting" => options.length_setting = Some(after_equals(input)?),
        "choices" => options.choices = Some(after_equals(input)?),
        "rows" => options.rows = Some(rows(&word, input)?),
        "owned" => options.owned = true,
        "read" => options.read = true,
        "write" => options.write = true,
        "flatten" => options.flatten = true,
        _ => return Err(syn::Error::new_spanned(word, WORDS)),
    }
    Ok(())
}

fn after_equals<T: syn::parse::Parse>(input: ParseStream<'_>) -> syn::Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn length(number: LitInt) -> syn::Result<LitInt> {
    match number.base10_parse::<i32>() {
        Ok(1..) => Ok(number),
        _ => Err(syn::Error::new_spanned(
            number,
            "a text holds at least one character, and at most 2147483647",
        )),
    }
}

fn rows(word: &Ident, input: ParseStream<'_>) -> syn::Result<Rows> {
    let inner;
    syn::parenthesized!(inner in input);
    let (mut entity, mut parent, mut column) = (None, None, None);
    while !inner.is_empty() {
        let part: Ident = inner.parse()?;
        let (slot, doc) = match part.to_string().as_str() {
            "entity" => (&mut entity, "The entity whose rows hold the list, one text each."),
            "parent" => (&mut parent, "The rows' reference to the record that the list belongs to."),
            "column" => (&mut column, "The rows' column that holds the text."),
            _ => return Err(syn::Error::new_spanned(part, "expected `entity`, `parent` or `column`")),
        };
        *slot = Some(named(&inner, true, doc)?);
        if !inner.is_empty() {
            inner.parse::<Token![,]>()?;
        }
    }
    match (entity, parent, column) {
        (Some(entity), Some(parent), Some(column)) => Ok(Rows { entity, parent, column }),
        _ => Err(syn::Error::new_spanned(
            word,
            "rows are of an entity, refer to their parent and hold the text in a column: \
             `rows(entity = \"..\", parent = \"..\", column = \"..\")`",
        )),
    }
}

/// What contradicts itself, or the field's type.
fn fits_together(field: &syn::Field, options: &FieldOptions) -> syn::Result<()> {
    if options.read && options.write {
        return Err(syn::Error::new(
            field.span(),
            "`read` means read only and `write` write only: a field that is both needs neither word",
        ));
    }
    if let (Some(setting), None) = (&options.length_setting, &options.length) {
        let fix = "and while nothing is set? say that with `length = 100`";
        return Err(syn::Error::new_spanned(setting, fix));
    }
    let held = held(&field.ty);
    if let (Some(length), Some(held)) = (&options.length, held)
        && NO_TEXT.iter().any(|name| held.ident == name)
    {
        let fix = "`length` says how many characters a text holds: remove it, or hold a `String`";
        return Err(syn::Error::new_spanned(length, fix));
    }
    if options.rows.is_some() && !held.is_some_and(is_list_of_texts) {
        let fix = "a list that is kept as rows holds a text for each: write `Field<Vec<String>>`";
        return Err(syn::Error::new_spanned(&field.ty, fix));
    }
    Ok(())
}

/// Types of the SDK that are no text, whatever they are.
const NO_TEXT: [&str; 5] = ["bool", "i32", "Decimal", "Date", "Timestamp"];

/// What a `Field<..>` holds.
fn held(ty: &Type) -> Option<&syn::PathSegment> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(Type::Path(path)) => path.path.segments.last(),
        _ => None,
    })
}

fn is_list_of_texts(held: &syn::PathSegment) -> bool {
    let PathArguments::AngleBracketed(arguments) = &held.arguments else { return false };
    held.ident == "Vec"
        && arguments.args.iter().any(|argument| match argument {
            GenericArgument::Type(Type::Path(path)) => {
                path.path.segments.last().is_some_and(|last| last.ident == "String")
            }
            _ => false,
        })
}

impl FieldOptions {
    /// As the SDK's own type.
    pub(crate) fn shape(&self) -> TokenStream {
        let length_setting = optional(self.length_setting.as_ref());
        let length = self.length.as_ref().map(|length| {
            quote! { ::crosswalk_sdk::record::Length { default: #length, setting: #length_setting } }
        });
        let rows = self.rows.as_ref().map(|Rows { entity, parent, column }| {
            let (entity, parent, column) = (tokens(entity), tokens(parent), tokens(column));
            quote! { ::crosswalk_sdk::record::Rows { entity: #entity, parent: #parent, column: #column } }
        });
        let (label, length, rows) = (optional(self.label.as_ref()), optional(length), optional(rows));
        let choices = optional(self.choices.as_ref());
        quote! {
            ::crosswalk_sdk::record::Shape { label: #label, length: #length, choices: #choices, rows: #rows }
        }
    }
}
