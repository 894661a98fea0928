//! The derive and attribute macros of crosswalk-sdk.
