//! to come
pub struct Faults;
