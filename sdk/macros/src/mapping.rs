//! `#[mapping]`: the functions of a module, as the contract's.

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::{
    FnArg, GenericArgument, Ident, Item, ItemFn, ItemMod, LitStr, Path, PathArguments, ReturnType, Token,
    Type,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

/// `#[mapping(crm = "..", settings(..), lookups(..))]`.
struct Arguments {
    crm: LitStr,
    settings: Vec<Path>,
    lookups: Vec<Path>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (mut crm, mut settings, mut lookups) = (None, Vec::new(), Vec::new());
        while !input.is_empty() {
            let word: Ident = input.parse()?;
            match word.to_string().as_str() {
                "crm" => {
                    input.parse::<Token![=]>()?;
                    crm = Some(input.parse()?);
                }
                "settings" => settings = paths(input)?,
                "lookups" => lookups = paths(input)?,
                _ => {
                    let expected =
                        "expected `crm = \"dynamics\"`, `settings(YourSettings)` or `lookups(YourRecord)`";
                    return Err(syn::Error::new_spanned(word, expected));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        let crm = crm.ok_or_else(|| {
            syn::Error::new(
                Span::call_site(),
                "which CRM is this for? write `#[mapping(crm = \"dynamics\")]` or `\"salesforce\"`",
            )
        })?;
        Ok(Self { crm, settings, lookups })
    }
}

/// `(A, B)`.
fn paths(input: ParseStream<'_>) -> syn::Result<Vec<Path>> {
    let inner;
    syn::parenthesized!(inner in input);
    Ok(Punctuated::<Path, Token![,]>::parse_terminated(&inner)?.into_iter().collect())
}

/// The four functions that a mapping may have.
const FUNCTIONS: [&str; 4] = ["to_crm", "to_referral", "resolve", "report"];

pub(crate) fn expand(arguments: TokenStream, module: Item) -> syn::Result<TokenStream> {
    let Item::Mod(mut module) = module else {
        return Err(syn::Error::new_spanned(
            module,
            "`#[mapping]` belongs on a module that holds `fn to_crm` and the others: `#[mapping(crm = \"dynamics\")] mod plugin { .. }`",
        ));
    };
    let arguments: Arguments = syn::parse2(arguments)?;
    let functions = functions(&module)?;
    let Some(to_crm) = functions[0] else {
        return Err(syn::Error::new_spanned(
            &module.ident,
            "a mapping has at least `fn to_crm(referral: &Referral) -> Result<YourRecord>`: what should the CRM hold?",
        ));
    };
    let record = record_type(to_crm, &arguments)?;
    let calls = Calls {
        to_crm: call(to_crm, &arguments, &TO_CRM)?,
        to_referral: optional_call(functions[1], &arguments, &TO_REFERRAL)?,
        resolve: optional_call(functions[2], &arguments, &RESOLVE)?,
        report: optional_call(functions[3], &arguments, &REPORT)?,
    };
    let added = added(&arguments, &record, calls);
    if let Some((_, items)) = &mut module.content {
        items.push(Item::Verbatim(added));
    }
    Ok(quote! { #module })
}

/// How each of the author's functions is called; where there is none, the SDK's own rule stands in.
struct Calls {
    to_crm: TokenStream,
    to_referral: Option<TokenStream>,
    resolve: Option<TokenStream>,
    report: Option<TokenStream>,
}

/// The mapping's functions by role; other functions are the author's own.
fn functions(module: &ItemMod) -> syn::Result<[Option<&ItemFn>; 4]> {
    let Some((_, items)) = &module.content else {
        return Err(syn::Error::new_spanned(
            module,
            "write the module's functions here, between braces; they may call others in other files",
        ));
    };
    let mut found = [None; 4];
    for item in items {
        if let Item::Fn(function) = item
            && let Some(role) = FUNCTIONS.iter().position(|name| function.sig.ident == name)
        {
            found[role] = Some(function);
        }
    }
    Ok(found)
}

/// What a role's function may take, and how the SDK calls it.
struct Role {
    name: &'static str,
    /// Type name, whether it is an `Option<&..>`, and the local variable that is passed.
    takes: &'static [(&'static str, bool, &'static str)],
    /// How the record comes, where it does.
    record: Option<(bool, &'static str)>,
}

const TO_CRM: Role = Role {
    name: "to_crm",
    takes: &[("Referral", false, "given_referral"), ("Context", false, "given_context")],
    record: Some((true, "given_linked")),
};
const TO_REFERRAL: Role = Role {
    name: "to_referral",
    takes: &[("Referral", true, "given_referral"), ("Context", false, "given_context")],
    record: Some((false, "given_linked")),
};
const RESOLVE: Role = Role {
    name: "resolve",
    takes: &[("Conflict", false, "given_conflict"), ("Context", false, "given_context")],
    record: None,
};
const REPORT: Role = Role {
    name: "report",
    takes: &[("SyncReport", false, "given_report"), ("Context", false, "given_context")],
    record: Some((false, "given_linked")),
};

/// The arguments to call the author's function with, in the author's order.
fn call(function: &ItemFn, arguments: &Arguments, role: &Role) -> syn::Result<TokenStream> {
    let mut passed = Vec::new();
    for input in &function.sig.inputs {
        let FnArg::Typed(input) = input else {
            return Err(syn::Error::new_spanned(input, "a mapping's functions stand alone: remove `self`"));
        };
        passed.push(argument(&input.ty, arguments, role)?);
    }
    let name = &function.sig.ident;
    Ok(quote! { #name(#(#passed),*) })
}

fn optional_call(
    function: Option<&ItemFn>,
    arguments: &Arguments,
    role: &Role,
) -> syn::Result<Option<TokenStream>> {
    function.map(|function| call(function, arguments, role)).transpose()
}

/// Which local variable a parameter of this type is given.
fn argument(ty: &Type, arguments: &Arguments, role: &Role) -> syn::Result<TokenStream> {
    let Some((optional, path)) = referenced(ty) else {
        return Err(syn::Error::new_spanned(
            ty,
            format!("`{}` takes references: {}", role.name, role.described()),
        ));
    };
    let last = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
    if let Some((_, wanted, variable)) = role.takes.iter().find(|(name, ..)| *name == last) {
        matches_option(ty, optional, *wanted, &last)?;
        let variable = Ident::new(variable, Span::call_site());
        return Ok(quote! { #variable });
    }
    let is_setting = |setting: &&Path| setting.segments.last().is_some_and(|segment| segment.ident == last);
    if let Some(setting) = arguments.settings.iter().find(is_setting) {
        matches_option(ty, optional, false, &last)?;
        return Ok(quote! { &<#setting as ::crosswalk_sdk::Settings>::read()? });
    }
    let Some((wanted, variable)) = role.record else {
        return Err(syn::Error::new_spanned(
            ty,
            format!("`{}` is not given this: {}", role.name, role.described()),
        ));
    };
    matches_option(ty, optional, wanted, &last)?;
    let variable = Ident::new(variable, Span::call_site());
    Ok(if wanted {
        quote! { #variable.as_ref() }
    } else {
        quote! { &#variable }
    })
}

impl Role {
    fn described(&self) -> String {
        let shown = |name: &str, optional: bool| {
            if optional { format!("`Option<&{name}>`") } else { format!("`&{name}`") }
        };
        let mut all: Vec<String> =
            self.takes.iter().map(|(name, optional, _)| shown(name, *optional)).collect();
        if let Some((optional, _)) = self.record {
            all.push(shown("YourRecord", optional));
        }
        format!(
            "it may take {} and `&YourSettings` (named in `#[mapping(settings(..))]`), in any order",
            all.join(", ")
        )
    }
}

fn matches_option(ty: &Type, optional: bool, wanted: bool, name: &str) -> syn::Result<()> {
    match (optional, wanted) {
        (false, true) => {
            Err(syn::Error::new_spanned(ty, format!("there may be none yet: write `Option<&{name}>`")))
        }
        (true, false) => Err(syn::Error::new_spanned(ty, format!("there always is one: write `&{name}`"))),
        _ => Ok(()),
    }
}

/// `&T` → (false, T), `Option<&T>` → (true, T).
fn referenced(ty: &Type) -> Option<(bool, &Path)> {
    match ty {
        Type::Reference(reference) => match &*reference.elem {
            Type::Path(path) => Some((false, &path.path)),
            _ => None,
        },
        Type::Path(path) => {
            let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
            let (optional, path) = referenced(generic(&last.arguments)?)?;
            if optional { None } else { Some((true, path)) }
        }
        _ => None,
    }
}

fn generic(arguments: &PathArguments) -> Option<&Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

/// The record that this plugin maps: what `to_crm` is given, or else what it answers with.
fn record_type(to_crm: &ItemFn, arguments: &Arguments) -> syn::Result<Type> {
    for input in &to_crm.sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        let Some((true, path)) = referenced(&input.ty) else { continue };
        let last = path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let known = TO_CRM.takes.iter().any(|(name, ..)| *name == last);
        if !known && !arguments.settings.iter().any(|setting| setting.is_ident(&last)) {
            return Ok(syn::parse_quote!(#path));
        }
    }
    let fix = "`to_crm` answers with `Result<YourRecord>`, or `Result<Outcome<YourRecord>>` if it may skip";
    let ReturnType::Type(_, answer) = &to_crm.sig.output else {
        return Err(syn::Error::new_spanned(&to_crm.sig.ident, fix));
    };
    let inner = |ty: &Type, of: &str| match ty {
        Type::Path(path) => {
            let last = path.path.segments.last().filter(|segment| segment.ident == of)?;
            generic(&last.arguments).cloned()
        }
        _ => None,
    };
    let answered = inner(answer, "Result").ok_or_else(|| syn::Error::new_spanned(answer, fix))?;
    Ok(inner(&answered, "Outcome").unwrap_or(answered))
}

/// `fn plugin()`, and the component's exports.
fn added(arguments: &Arguments, record: &Type, calls: Calls) -> TokenStream {
    let Arguments { crm, settings, lookups } = arguments;
    let functions = functions_of_the_contract(record, calls);
    quote! {
        /// This plugin as the contract sees it, for programs that run it natively.
        #[allow(dead_code, reason = "only a component, a test or a benchmark asks for it")]
        #[allow(unused_variables, reason = "a function of the author's may ask for less than it could be given")]
        pub fn plugin() -> ::crosswalk_sdk::Plugin {
            fn describe() -> ::crosswalk_sdk::contract::Manifest {
                ::crosswalk_sdk::plugin::describe(|| ::crosswalk_sdk::plugin::Description {
                    name: ::core::env!("CARGO_PKG_NAME"),
                    version: ::core::env!("CARGO_PKG_VERSION"),
                    crm: #crm,
                    entities: ::crosswalk_sdk::plugin::entities::<#record>(),
                    lookups: ::std::vec![#(::crosswalk_sdk::plugin::lookup_of::<#lookups>()),*],
                    settings: ::std::vec![#(<#settings as ::crosswalk_sdk::Settings>::properties()),*],
                })
            }
            #functions
            ::crosswalk_sdk::Plugin { describe, to_crm: asked_to_crm, to_referral: asked_to_referral, resolve: asked_to_resolve, report: asked_to_report }
        }
        ::crosswalk_sdk::__component!(plugin);
    }
}

/// One function for each of the contract's, from its types to the author's and back.
fn functions_of_the_contract(record: &Type, calls: Calls) -> TokenStream {
    let Calls { to_crm, to_referral, resolve, report } = calls;
    let to_referral = to_referral.map_or_else(
        || quote! { ::core::result::Result::Ok(::crosswalk_sdk::plugin::no_to_referral()) },
        |call| quote! { ::core::result::Result::Ok(::crosswalk_sdk::plugin::referral_outcome(#call?)) },
    );
    let resolve = resolve.unwrap_or_else(|| quote! { ::crosswalk_sdk::plugin::park(given_conflict) });
    let report = report.map_or_else(
        || quote! { ::core::result::Result::Ok(::std::vec::Vec::new()) },
        |call| quote! { ::crosswalk_sdk::plugin::report_fields(linked, #call?) },
    );
    quote! {
        fn asked_to_crm(
            given_referral: &::crosswalk_sdk::contract::Referral,
            given_linked: ::core::option::Option<&::crosswalk_sdk::contract::CrmRecord>,
            context: &::crosswalk_sdk::contract::Context,
        ) -> ::core::result::Result<::crosswalk_sdk::contract::CrmOutcome, ::crosswalk_sdk::contract::Refusal> {
            ::crosswalk_sdk::plugin::answer(|| {
                let given_context = &::crosswalk_sdk::Context::read(context, given_linked)?;
                let given_linked = given_linked.map(::crosswalk_sdk::plugin::record::<#record>).transpose()?;
                ::crosswalk_sdk::plugin::crm_outcome::<#record>(#to_crm?)
            })
        }
        fn asked_to_referral(
            linked: &::crosswalk_sdk::contract::CrmRecord,
            given_referral: ::core::option::Option<&::crosswalk_sdk::contract::Referral>,
            context: &::crosswalk_sdk::contract::Context,
        ) -> ::core::result::Result<::crosswalk_sdk::contract::ReferralOutcome, ::crosswalk_sdk::contract::Refusal> {
            ::crosswalk_sdk::plugin::answer(|| {
                let given_context = &::crosswalk_sdk::Context::read(context, ::core::option::Option::Some(linked))?;
                let given_linked = ::crosswalk_sdk::plugin::record::<#record>(linked)?;
                #to_referral
            })
        }
        fn asked_to_resolve(
            conflicts: &[::crosswalk_sdk::Conflict],
            context: &::crosswalk_sdk::contract::Context,
        ) -> ::core::result::Result<::std::vec::Vec<::crosswalk_sdk::Resolution>, ::crosswalk_sdk::contract::Refusal> {
            ::crosswalk_sdk::plugin::answer(|| {
                let given_context = &::crosswalk_sdk::Context::read(context, ::core::option::Option::None)?;
                let mut resolutions = ::std::vec::Vec::new();
                for given_conflict in conflicts {
                    resolutions.push(#resolve?);
                }
                ::core::result::Result::Ok(resolutions)
            })
        }
        fn asked_to_report(
            linked: &::crosswalk_sdk::contract::CrmRecord,
            given_report: &::crosswalk_sdk::SyncReport,
            context: &::crosswalk_sdk::contract::Context,
        ) -> ::core::result::Result<::std::vec::Vec<::crosswalk_sdk::contract::NamedValue>, ::crosswalk_sdk::contract::Refusal> {
            ::crosswalk_sdk::plugin::answer(|| {
                let given_context = &::crosswalk_sdk::Context::read(context, ::core::option::Option::Some(linked))?;
                let given_linked = ::crosswalk_sdk::plugin::record::<#record>(linked)?;
                #report
            })
        }
    }
}
