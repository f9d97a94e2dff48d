//! The access rule of an instance, from its configuration.

use super::Instance;
use crate::policy::access::AccessPolicy;

impl Instance {
    /// The rule that decides who gets in, and with which groups.
    pub fn access_policy(&self) -> AccessPolicy<'_> {
        AccessPolicy {
            organization_id: &self.ims.organization_id,
            mask: &self.ims.association_mask,
            product_context: self.ims.product_context.as_deref(),
            groups_bytes: self.campaign.groups_bytes,
        }
    }
}
