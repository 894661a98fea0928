//! Child objects of declared lists: made over the Metadata API, which only SOAP has for objects.

use crosswalk_engine::{
    mapping::{EntityUse, Rows},
    value::Kind,
};

use super::{
    Run,
    fields::{Role, Wanted, spoken},
};
use crate::{
    crm::StepState,
    fault::Fault,
    salesforce::{answer, soap},
    session::{ApiError, Failure},
    text::cut,
};

impl Run<'_> {
    /// The child objects of a linked entity's lists, with the field that leads to the record and the one for the text.
    pub(super) async fn child_objects(&mut self, use_: &EntityUse) -> Result<(), Fault> {
        for rows in use_.fields.iter().filter_map(|field| field.rows.as_ref()) {
            let what = format!("object {}", rows.entity);
            let parent = Kind::Reference(use_.entity.clone());
            let wanted = [Wanted::reference(&rows.parent, &parent), Wanted::text(&rows.column, Role::Plain)];
            self.access.object(&rows.entity, true);
            if let Some(described) = self.client.describe(&rows.entity).await? {
                self.step(what, StepState::Present);
                self.fields_of(&rows.entity, &wanted, &described).await?;
                continue;
            }
            if self.dry_run {
                self.step(what, StepState::Missing);
                for wanted in &wanted {
                    let what = format!("field {}.{} ({})", rows.entity, wanted.name, wanted.type_name());
                    self.step(what, StepState::Missing);
                    self.access.field(&rows.entity, wanted);
                }
                continue;
            }
            match self.make_object(rows).await {
                Ok(()) => self.step(what, StepState::Made),
                Err(words) => {
                    self.step(what, StepState::Failed(words));
                    continue;
                }
            }
            // It is hidden from us until the permission set is there, so its fields are made without another look.
            for wanted in &wanted {
                let what = format!("field {}.{} ({})", rows.entity, wanted.name, wanted.type_name());
                self.make_field(&rows.entity, wanted, what).await?;
                self.access.field(&rows.entity, wanted);
            }
        }
        Ok(())
    }

    async fn make_object(&self, rows: &Rows) -> Result<(), String> {
        let label = soap::escaped(&spoken(&rows.entity));
        let call = soap::Call {
            path: format!("/services/Soap/m/{}", self.client.shared.config.api_version),
            namespace: "http://soap.sforce.com/2006/04/metadata",
            headers: "",
            body: format!(
                "<p:createMetadata><p:metadata xsi:type=\"p:CustomObject\"><p:fullName>{}</p:fullName>\
                 <p:deploymentStatus>Deployed</p:deploymentStatus><p:label>{label}</p:label>\
                 <p:nameField><p:displayFormat>{{000000}}</p:displayFormat><p:label>{label}</p:label>\
                 <p:type>AutoNumber</p:type></p:nameField><p:pluralLabel>{label}s</p:pluralLabel>\
                 <p:sharingModel>ReadWrite</p:sharingModel></p:metadata></p:createMetadata>",
                soap::escaped(&rows.entity)
            ),
        };
        let response = match self.client.soap(&call).await {
            Ok(response) => response,
            Err(Failure::Fault(fault)) => return Err(fault.reason().to_owned()),
            Err(Failure::Unknown(reason)) => {
                return Err(cut(&format!(
                    "it may have been made all the same, run it again to see: {reason}"
                )));
            }
        };
        let xml = String::from_utf8_lossy(&response.body);
        let result = soap::inside(&xml, "result").filter(|_| response.status.is_success());
        let error = match (soap::fault(response.status, &xml), result) {
            (Some(fault), _) => fault,
            (None, Some(result)) if soap::text(result, "success").as_deref() == Some("true") => return Ok(()),
            (None, Some(result)) => soap::row_error(result),
            (None, None) => ApiError::of(&response),
        };
        Err(cut(&answer::unescaped(&format!("Salesforce answered {error}"))))
    }
}
