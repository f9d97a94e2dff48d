//! The association mask: which Campaign group an Enterprise Dashboard configuration name gives.

/// A checked association mask.
#[derive(Clone, Debug)]
pub struct Mask {}
