//! Floor 5.
mod dropin; mod exit; mod values;
