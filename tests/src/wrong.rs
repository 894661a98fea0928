//! A plugin whose mapping is lawful and wrong, as a component: it gives the CRM twice the value of a deal.

use std::sync::{Mutex, PoisonError};

use anyhow::Result;

use crate::unlawful::build;

/// Built once a process.
static BUILT: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// The component.
///
/// # Errors
/// When it does not build.
pub fn wrong_component() -> Result<Vec<u8>> {
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(bytes) = &*built {
        return Ok(bytes.clone());
    }
    let bytes = build("wrong")?;
    *built = Some(bytes.clone());
    Ok(bytes)
}
