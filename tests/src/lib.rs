//! What the end-to-end tests share: starting the real program, talking to it, and waiting for it with a bound.
#![forbid(unsafe_code)]
