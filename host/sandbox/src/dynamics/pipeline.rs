//! The tables of the event pipeline: endpoints, messages, steps with their images, system jobs.
//!
//! Column names and values follow the public table reference (serviceendpoint, sdkmessageprocessingstep,
//! sdkmessageprocessingstepimage, asyncoperation).

use super::{
    builder::TableBuilder,
    tables::{Kind, Required, Table},
};

/// The largest 32-bit integer.
const INT_MAX: i64 = i32::MAX as i64;

/// All of them.
pub(crate) fn tables() -> Vec<Table> {
    vec![
        service_endpoint(),
        sdk_message(),
        sdk_message_filter(),
        processing_step(),
        step_image(),
        async_operation(),
    ]
}

fn service_endpoint() -> Table {
    TableBuilder::new("serviceendpoint", "serviceendpoints", 4618)
        .system()
        .text("name", 256)
        .required(Required::System)
        .column("url", Kind::Text { max: 2000, format: "Url" })
        .choice(
            "contract",
            &[
                (1, "OneWay"),
                (2, "Queue"),
                (3, "Rest"),
                (4, "TwoWay"),
                (5, "Topic"),
                (7, "EventHub"),
                (8, "Webhook"),
                (9, "EventGrid"),
            ],
        )
        .choice(
            "authtype",
            &[
                (1, "ACS"),
                (2, "SASKey"),
                (3, "SASToken"),
                (4, "WebhookKey"),
                (5, "HttpHeader"),
                (6, "HttpQueryString"),
            ],
        )
        .text("authvalue", 2048)
        .write_only()
        .flag("isauthvalueset")
        .read_only()
        .choice("connectionmode", &[(1, "Normal"), (2, "Federated")])
        .choice("userclaim", &[(1, "None"), (2, "UserId"), (3, "UserInfo")])
        .choice("messageformat", &[(1, "BinaryXML"), (2, "Json"), (3, "TextXML")])
        .choice("messagecharset", &[(0, "Default"), (1, "UTF8")])
        .texts(&["path", "solutionnamespace"], 160)
        .memo("description", 2000)
        .collection(
            "serviceendpoint_sdkmessageprocessingstep",
            "sdkmessageprocessingstep",
            "eventhandler_serviceendpoint",
        )
        .build()
}

fn sdk_message() -> Table {
    TableBuilder::new("sdkmessage", "sdkmessages", 4606).system().text("name", 256).build()
}

fn sdk_message_filter() -> Table {
    TableBuilder::new("sdkmessagefilter", "sdkmessagefilters", 4607)
        .primary_name("primaryobjecttypecode")
        .system()
        .texts(&["primaryobjecttypecode", "secondaryobjecttypecode"], 100)
        .lookup("sdkmessageid", "sdkmessage")
        .build()
}

fn processing_step() -> Table {
    TableBuilder::new("sdkmessageprocessingstep", "sdkmessageprocessingsteps", 4608)
        .system()
        .text("name", 256)
        .choice("mode", &[(0, "Synchronous"), (1, "Asynchronous")])
        .required(Required::System)
        .choice(
            "stage",
            &[(10, "Pre-validation"), (20, "Pre-operation"), (30, "Main Operation"), (40, "Post-operation")],
        )
        .required(Required::System)
        .integer("rank", 0, INT_MAX)
        .choice("supporteddeployment", &[(0, "Server Only"), (1, "Outlook Client Only"), (2, "Both")])
        .flag("asyncautodelete")
        .memo("filteringattributes", 100_000)
        .memo("configuration", 100_000)
        .memo("description", 2000)
        .lookup_as("eventhandler", &[("eventhandler_serviceendpoint", "serviceendpoint")])
        .lookup("sdkmessageid", "sdkmessage")
        .lookup("sdkmessagefilterid", "sdkmessagefilter")
        .collection(
            "sdkmessageprocessingstepid_sdkmessageprocessingstepimage",
            "sdkmessageprocessingstepimage",
            "sdkmessageprocessingstepid",
        )
        .states(&[(0, "Enabled", &[(1, "Enabled")]), (1, "Disabled", &[(2, "Disabled")])])
        .build()
}

/// How a row was, or is, for a step to tell.
fn step_image() -> Table {
    TableBuilder::new("sdkmessageprocessingstepimage", "sdkmessageprocessingstepimages", 4615)
        .system()
        .text("name", 256)
        .text("entityalias", 256)
        .required(Required::System)
        .choice("imagetype", &[(0, "PreImage"), (1, "PostImage"), (2, "Both")])
        .required(Required::System)
        .text("messagepropertyname", 256)
        .required(Required::System)
        .memo("attributes", 100_000)
        .lookup("sdkmessageprocessingstepid", "sdkmessageprocessingstep")
        .required(Required::System)
        .cascading("sdkmessageprocessingstepid")
        .build()
}

fn async_operation() -> Table {
    TableBuilder::new("asyncoperation", "asyncoperations", 4700)
        .system()
        .text("name", 256)
        .choice("operationtype", &[(1, "System Event")])
        .integer("errorcode", i64::from(i32::MIN), INT_MAX)
        .memo("message", 100_000)
        .memo("friendlymessage", 2000)
        .integer("retrycount", 0, INT_MAX)
        .lookup_as("owningextensionid", &[("owningextensionid", "sdkmessageprocessingstep")])
        .column("regardingobjectidvalue", Kind::Guid)
        .states(&[
            (0, "Ready", &[(0, "Waiting For Resources")]),
            (1, "Suspended", &[(10, "Waiting")]),
            (2, "Locked", &[(20, "In Progress")]),
            (3, "Completed", &[(30, "Succeeded"), (31, "Failed"), (32, "Canceled")]),
        ])
        .build()
}
