//! A request as it goes to Campaign.

use bytes::Bytes;
use http::HeaderValue;

use super::anonymous_quota::QuotaUser;
use super::upload::Upload;
use crate::telemetry::ExchangeTimes;
use crate::wire::request_head::{BodyLength, RequestHead};

/// A request with its head already written.
pub(super) struct Outgoing {
    pub head: Bytes,
    pub length: BodyLength,
    pub upload: Upload,
    pub is_head: bool,
    /// The host that the client used.
    pub client_host: Option<HeaderValue>,
    /// True while the request may be sent again although Campaign may have received a part of it.
    pub repeatable: bool,
    pub quota_user: QuotaUser,
    pub times: ExchangeTimes,
}

impl Outgoing {
    /// Ends the head with the framing of the body.
    pub fn new(head: RequestHead, upload: Upload, quota_user: QuotaUser) -> Self {
        let length = upload.length();
        let head = head.end(&length);
        let (is_head, repeatable, client_host) = (head.is_head, head.is_repeatable, head.client_host);
        let head = Bytes::from(head.bytes);
        let times = ExchangeTimes::default();
        Self { head, length, upload, is_head, client_host, repeatable, quota_user, times }
    }
}
