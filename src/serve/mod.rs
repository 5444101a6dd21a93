//! Floor 2: what is shown to other programs. Pure so far: values in, text out. Who asks for it, and over
//! what, is not known here.

pub mod looks;
pub mod openmetrics;
