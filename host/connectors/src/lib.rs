//! Clients for Partner Center and Dataverse: tokens, paging, conditional writes, errors told apart.
