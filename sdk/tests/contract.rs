//! The contract keeps its promises: it parses, every item says since when it exists, and what was released is as it
//! was.
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of a test function")]

use std::path::{Path, PathBuf};

use wit_parser::{Resolve, Stability};

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit")
}

fn parsed(folder: &Path) -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(folder).unwrap();
    resolve
}

#[test]
fn every_item_says_since_when_it_exists() {
    let resolve = parsed(&wit());
    let since = |stability: &Stability| matches!(stability, Stability::Stable { .. });
    for (_, world) in resolve.worlds.iter() {
        assert!(since(&world.stability), "world {}", world.name);
    }
    for (_, interface) in resolve.interfaces.iter() {
        let name = interface.name.as_deref().unwrap_or_default();
        assert!(since(&interface.stability), "interface {name}");
        for (function, item) in &interface.functions {
            assert!(since(&item.stability), "function {name}.{function}");
        }
        for (ty, id) in &interface.types {
            let item = &resolve.types[*id];
            let used_from_elsewhere = matches!(item.kind, wit_parser::TypeDefKind::Type(_));
            assert!(used_from_elsewhere || since(&item.stability), "type {name}.{ty}");
        }
    }
}

#[test]
fn data_can_come_later_in_each_record_that_the_api_may_extend() {
    let resolve = parsed(&wit());
    for name in ["referral", "details", "customer", "consent", "member", "crm-record", "context", "manifest"]
    {
        let found = resolve.types.iter().find_map(|(_, ty)| match (&ty.kind, ty.name.as_deref()) {
            (wit_parser::TypeDefKind::Record(record), Some(known)) if known == name => Some(record),
            _ => None,
        });
        let last = found.unwrap().fields.last().unwrap();
        assert_eq!(last.name, "more", "{name}");
    }
}

#[test]
fn what_was_released_is_still_there_as_it_was() {
    let mut copies = 0;
    for folder in std::fs::read_dir(wit().join("released")).unwrap().flatten() {
        copies += 1;
        let released = parsed(&folder.path());
        let today = parsed(&wit());
        for (_, interface) in released.interfaces.iter() {
            let name = interface.name.as_deref().unwrap();
            let same = today.interfaces.iter().find(|(_, known)| known.name.as_deref() == Some(name));
            let (_, same) = same.unwrap_or_else(|| panic!("`{name}` is gone"));
            let shape = |resolve: &Resolve, interface: &wit_parser::Interface| {
                let types =
                    interface.types.iter().map(|(name, id)| format!("{name}: {}", shape(resolve, *id)));
                let functions = interface.functions.iter().map(|(name, function)| {
                    let parameters: Vec<String> = function
                        .params
                        .iter()
                        .map(|param| format!("{}: {}", param.name, of(resolve, &param.ty)))
                        .collect();
                    let result = function.result.as_ref().map(|ty| of(resolve, ty));
                    format!("{name}({}) -> {result:?}", parameters.join(", "))
                });
                types.chain(functions).collect::<Vec<_>>()
            };
            assert_eq!(shape(&released, interface), shape(&today, same), "interface {name}");
        }
    }
    assert!(copies >= 1, "no released copy");
}

/// A type's shape in words, down to its parts.
fn shape(resolve: &Resolve, id: wit_parser::TypeId) -> String {
    use wit_parser::TypeDefKind as Kind;
    match &resolve.types[id].kind {
        Kind::Record(record) => {
            let fields =
                record.fields.iter().map(|field| format!("{}: {}", field.name, of(resolve, &field.ty)));
            format!("record {{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Kind::Variant(variant) => {
            let cases = variant.cases.iter().map(|case| {
                format!("{}({})", case.name, case.ty.as_ref().map(|ty| of(resolve, ty)).unwrap_or_default())
            });
            format!("variant {{ {} }}", cases.collect::<Vec<_>>().join(", "))
        }
        Kind::Enum(cases) => format!("{:?}", cases.cases.iter().map(|case| &case.name).collect::<Vec<_>>()),
        Kind::Option(ty) => format!("option<{}>", of(resolve, ty)),
        Kind::List(ty) => format!("list<{}>", of(resolve, ty)),
        Kind::Result(result) => {
            let part = |ty: &Option<wit_parser::Type>| ty.as_ref().map(|ty| of(resolve, ty));
            format!("result<{:?}, {:?}>", part(&result.ok), part(&result.err))
        }
        Kind::Type(ty) => of(resolve, ty),
        other => format!("{other:?}"),
    }
}

/// A named type by its name, another one by its shape.
fn of(resolve: &Resolve, ty: &wit_parser::Type) -> String {
    match ty {
        wit_parser::Type::Id(id) => match &resolve.types[*id].name {
            Some(name) => name.clone(),
            None => shape(resolve, *id),
        },
        plain => format!("{plain:?}"),
    }
}
