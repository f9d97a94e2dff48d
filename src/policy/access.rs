//! Placeholder until the access decision lands.
/// m
#[derive(Clone, Debug)]
pub struct Membership { pub organizations: Option<Vec<Organization>>, pub products: Option<Vec<ProductProfile>> }
#[derive(Clone, Debug)]
pub struct Organization { pub id: String, pub name: String, pub groups: Vec<Vec<String>> }
#[derive(Clone, Debug)]
pub struct ProductProfile { pub owner: Option<String>, pub service_code: Option<String>, pub status: Option<String>, pub names: Vec<String> }
