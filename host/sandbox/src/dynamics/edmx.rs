//! `$metadata`: the tables as an OData model (CSDL in EDMX), for clients that read one before anything else.
//!
//! Tables, columns, keys and navigation properties are in it. Operations are not.

use super::{
    org::{Answer, Org},
    tables::{Column, Kind, Table},
};
use std::fmt::Write as _;

/// `GET $metadata`.
pub(crate) fn answer(org: &Org) -> Answer {
    let mut types = String::new();
    let mut sets = String::new();
    for table in org.tables.values() {
        entity_type(org, table, &mut types);
        let (set, logical) = (&table.set, &table.logical);
        // Writing to a string does not fail.
        let _ = write!(sets, "<EntitySet Name=\"{set}\" EntityType=\"Microsoft.Dynamics.CRM.{logical}\">");
        for (name, target) in navigations(table) {
            if let Some(target) = org.tables.get(target) {
                let target = &target.set;
                let _ = write!(sets, "<NavigationPropertyBinding Path=\"{name}\" Target=\"{target}\" />");
            }
        }
        sets.push_str("</EntitySet>");
    }
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <edmx:Edmx Version=\"4.0\" xmlns:edmx=\"http://docs.oasis-open.org/odata/ns/edmx\"><edmx:DataServices>\
         <Schema Namespace=\"Microsoft.Dynamics.CRM\" Alias=\"mscrm\" xmlns=\"http://docs.oasis-open.org/odata/ns/edm\">\
         <EntityType Name=\"crmbaseentity\" Abstract=\"true\" />{types}\
         <EntityContainer Name=\"System\">{sets}</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"
    );
    Answer { status: 200, headers: Vec::new(), body: body.into_bytes() }
        .with("content-type", "application/xml")
}

fn entity_type(org: &Org, table: &Table, out: &mut String) {
    let Table { logical, primary_id, .. } = table;
    let _ = write!(
        out,
        "<EntityType Name=\"{logical}\" BaseType=\"mscrm.crmbaseentity\"><Key><PropertyRef Name=\"{primary_id}\" /></Key>"
    );
    for column in table.columns.values() {
        let _ = write!(out, "<Property Name=\"{}\" Type=\"{}\" />", column.property(), edm(column));
    }
    for navigation in &table.navigations {
        let Some(target) = org.tables.get(&navigation.target) else { continue };
        let _ = write!(
            out,
            "<NavigationProperty Name=\"{}\" Type=\"mscrm.{}\" Nullable=\"true\"><ReferentialConstraint \
             Property=\"_{}_value\" ReferencedProperty=\"{}\" /></NavigationProperty>",
            navigation.name, target.logical, navigation.column, target.primary_id
        );
    }
    for collection in &table.collections {
        let _ = write!(
            out,
            "<NavigationProperty Name=\"{}\" Type=\"Collection(mscrm.{})\" Partner=\"{}\" />",
            collection.name, collection.table, collection.navigation
        );
    }
    out.push_str("</EntityType>");
}

/// The navigation properties of a table, with the tables that they lead to.
fn navigations(table: &Table) -> impl Iterator<Item = (&str, &str)> {
    let single = table.navigations.iter().map(|known| (known.name.as_str(), known.target.as_str()));
    single.chain(table.collections.iter().map(|known| (known.name.as_str(), known.table.as_str())))
}

fn edm(column: &Column) -> &'static str {
    match column.kind {
        Kind::PrimaryId | Kind::Guid | Kind::Lookup { .. } => "Edm.Guid",
        Kind::Text { .. } | Kind::Memo { .. } => "Edm.String",
        Kind::Integer { .. } | Kind::Choice(_) | Kind::State | Kind::Status => "Edm.Int32",
        Kind::Big => "Edm.Int64",
        Kind::Decimal { .. } | Kind::Money | Kind::MoneyBase { .. } => "Edm.Decimal",
        Kind::Flag { .. } => "Edm.Boolean",
        Kind::Date => "Edm.Date",
        Kind::Instant => "Edm.DateTimeOffset",
    }
}
