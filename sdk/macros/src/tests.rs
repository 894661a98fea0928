//! What an author reads when something is wrong: each error says the fix.

use quote::quote;
use syn::parse_quote;

use crate::{choice, mapping, record, settings};

fn refused(result: syn::Result<proc_macro2::TokenStream>) -> String {
    result.expect_err("must be refused").to_string()
}

#[test]
fn a_plain_option_is_told_to_be_a_field() {
    let error = refused(record::derive(&parse_quote! {
        #[record(entity = "account")]
        struct Account { name: Option<String> }
    }));
    assert!(error.contains("write `Field<String>`"), "{error}");
}

#[test]
fn a_record_without_an_entity_is_asked_for_it() {
    let error = refused(record::derive(&parse_quote! { struct Account { name: Field<String> } }));
    assert!(error.contains("#[record(entity = \"opportunity\")]"), "{error}");
}

#[test]
fn a_word_that_a_field_does_not_know_is_answered_with_those_that_it_knows() {
    let error = refused(record::derive(&parse_quote! {
        #[record(entity = "account")]
        struct Account { #[field(readonly)] name: Field<String> }
    }));
    assert!(error.contains("`owned`, `read`, `write`"), "{error}");
}

#[test]
fn a_choice_is_all_numbers_or_all_text() {
    let error = refused(choice::derive(&parse_quote! { enum Tier { #[choice(1)] Gold, Silver } }));
    assert!(error.contains("`#[choice(1)]` above `Silver`"), "{error}");
}

#[test]
fn an_option_for_the_rest_holds_what_it_is() {
    let error =
        refused(choice::derive(&parse_quote! { enum Tier { #[choice(1)] Gold, #[choice(other)] Other } }));
    assert!(error.contains("`Other(i32)`"), "{error}");
}

#[test]
fn a_setting_without_a_sentence_is_asked_for_one() {
    let error = refused(settings::derive(&parse_quote! { struct Limits { gold_from: i32 } }));
    assert!(error.contains("`///`"), "{error}");
}

#[test]
fn a_mapping_without_a_crm_is_asked_for_it() {
    let module = parse_quote! { mod plugin { fn to_crm() -> Result<Opportunity> { todo() } } };
    assert!(refused(mapping::expand(quote!(), module)).contains("crm = \"dynamics\""));
}

#[test]
fn a_mapping_belongs_on_a_module() {
    let function = parse_quote! { fn to_crm() {} };
    let error = refused(mapping::expand(quote!(crm = "dynamics"), function));
    assert!(error.contains("mod plugin"), "{error}");
}

#[test]
fn a_mapping_without_to_crm_is_told_what_it_is_for() {
    let error = refused(mapping::expand(quote!(crm = "dynamics"), parse_quote! { mod plugin {} }));
    assert!(error.contains("what should the CRM hold?"), "{error}");
}

#[test]
fn what_may_be_missing_is_an_option() {
    let module = parse_quote! { mod plugin {
        fn to_crm(referral: &Referral, linked: &Opportunity) -> Result<Opportunity> { answer() }
    } };
    let error = refused(mapping::expand(quote!(crm = "dynamics"), module));
    assert!(error.contains("write `Option<&Opportunity>`"), "{error}");
}

#[test]
fn what_a_function_is_not_given_is_answered_with_what_it_is_given() {
    let module = parse_quote! { mod plugin {
        fn to_crm() -> Result<Opportunity> { answer() }
        fn resolve(conflict: &Conflict, linked: &Opportunity) -> Result<Resolution> { answer() }
    } };
    let error = refused(mapping::expand(quote!(crm = "dynamics"), module));
    assert!(error.contains("`&Conflict`") && error.contains("`&Context`"), "{error}");
}

#[test]
fn a_length_is_for_a_text() {
    let error = refused(record::derive(&parse_quote! {
        #[record(entity = "account")]
        struct Account { #[field(length = 5)] credit: Field<Decimal> }
    }));
    assert!(error.contains("hold a `String`"), "{error}");
    let error = refused(record::derive(&parse_quote! {
        #[record(entity = "account")]
        struct Account { #[field(length = 0)] name: Field<String> }
    }));
    assert!(error.contains("at least one character"), "{error}");
}

#[test]
fn a_length_from_a_setting_has_a_number_for_when_nothing_is_set() {
    let error = refused(record::derive(&parse_quote! {
        #[record(entity = "account")]
        struct Account { #[field(length_setting = "name_length")] name: Field<String> }
    }));
    assert!(error.contains("`length = 100`"), "{error}");
}

#[test]
fn rows_are_a_list_of_texts() {
    let error = refused(record::derive(&parse_quote! {
        #[record(entity = "opportunity")]
        struct Opportunity {
            #[field(rows(entity = "child", parent = "parent", column = "name"))]
            solutions: Field<String>,
        }
    }));
    assert!(error.contains("write `Field<Vec<String>>`"), "{error}");
}

#[test]
fn rows_have_an_entity_a_parent_and_a_column() {
    let error = refused(record::derive(&parse_quote! {
        #[record(entity = "opportunity")]
        struct Opportunity {
            #[field(rows(entity = "child", column = "name"))]
            solutions: Field<Vec<String>>,
        }
    }));
    assert!(error.contains("parent = \"..\""), "{error}");
    let error = refused(record::derive(&parse_quote! {
        #[record(entity = "opportunity")]
        struct Opportunity {
            #[field(rows(table = "child"))]
            solutions: Field<Vec<String>>,
        }
    }));
    assert!(error.contains("`entity`, `parent` or `column`"), "{error}");
}

#[test]
fn each_variant_of_an_enum_of_records_holds_one() {
    for variant in [quote!(Lead), quote!(Lead(Lead, Account)), quote!(Lead { lead: Lead })] {
        let error =
            refused(record::derive(&parse_quote! { enum Deal { Opportunity(Opportunity), #variant } }));
        assert!(error.contains("`Lead(Lead)`"), "{error}");
    }
    let error = refused(record::derive(&parse_quote! { enum Deal { Lead(Lead), Prospect(Lead) } }));
    assert!(error.contains("holds the same record"), "{error}");
    let error = refused(record::derive(&parse_quote! { enum Deal {} }));
    assert!(error.contains("Opportunity(Opportunity)"), "{error}");
}

#[test]
fn an_enum_of_records_has_no_entity_of_its_own() {
    let error = refused(record::derive(&parse_quote! {
        #[record(entity = "opportunity")]
        enum Deal { Opportunity(Opportunity) }
    }));
    assert!(error.contains("above its struct"), "{error}");
}

#[test]
fn an_option_is_labelled_with_its_name_unless_it_says_otherwise() {
    let expanded = choice::derive(&parse_quote! {
        enum Help { #[choice(1, label = "Quotes/licensing")] Quotes, #[choice(2)] ProofOfConcept }
    });
    let expanded = expanded.unwrap().to_string();
    assert!(
        expanded.contains("\"Quotes/licensing\"") && expanded.contains("\"Proof of concept\""),
        "{expanded}"
    );
    let error = refused(choice::derive(&parse_quote! { enum Help { #[choice(1, name = "x")] Quotes } }));
    assert!(error.contains("`label = \"..\"`"), "{error}");
}
