//! The texts a bootstrap is handed out as.

pub mod document;
