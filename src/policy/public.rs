//! Public and denied paths.

/// Path patterns open to everybody; `*` stands for any run of characters, slashes included.
#[derive(Clone, Debug, Default)]
pub struct PublicPaths {}
