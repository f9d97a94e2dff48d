//! The limits that can be reached, as metrics and logs name them.

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// `limits.connections`.
    Connections,
    /// `limits.connections_per_ip`.
    ConnectionsPerIp,
    /// `limits.head_bytes` or `limits.head_fields`.
    Head,
    /// `limits.body_bytes`.
    Body,
    /// `limits.requests_per_second`.
    Requests,
    /// `limits.sign_ins_per_second`.
    SignIns,
    /// `limits.idle_timeout`, with a head begun or none at all; an idle connection after a request is no hit.
    Idle,
    /// `limits.upload_timeout`.
    Upload,
    /// `limits.download_timeout`.
    Download,
    /// What one HTTP/2 connection may ask for in vain: streams reset or spoilt in a row, heads without end.
    Flood,
    /// `listen.proxy_protocol`: a header missing, wrong, or from somebody who may not send one.
    ProxyProtocol,
    /// `limits.connection_buffer_bytes`: a response waits until its client has taken something.
    ConnectionBuffer,
    /// `limits.buffer_bytes`: a response waits, or its connection was cut.
    Buffer,
    /// `limits.min_rate`: a client sends or takes too slowly.
    MinRate,
    /// `campaign.anonymous_share`.
    AnonymousShare,
    /// `campaign.address_share`.
    AddressShare,
}

impl Limit {
    /// Every one, in order.
    pub const ALL: [Self; 16] = [
        Self::Connections,
        Self::ConnectionsPerIp,
        Self::Head,
        Self::Body,
        Self::Requests,
        Self::SignIns,
        Self::Idle,
        Self::Upload,
        Self::Download,
        Self::Flood,
        Self::ProxyProtocol,
        Self::ConnectionBuffer,
        Self::Buffer,
        Self::MinRate,
        Self::AnonymousShare,
        Self::AddressShare,
    ];

    /// As in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerIp => "connections_per_ip",
            Self::Head => "head",
            Self::Body => "body",
            Self::Requests => "requests",
            Self::SignIns => "sign_ins",
            Self::Idle => "idle",
            Self::Upload => "upload",
            Self::Download => "download",
            Self::Flood => "http2_flood",
            Self::ProxyProtocol => "proxy_protocol",
            Self::ConnectionBuffer => "connection_buffer",
            Self::Buffer => "buffer",
            Self::MinRate => "min_rate",
            Self::AnonymousShare => "anonymous_share",
            Self::AddressShare => "address_share",
        }
    }
}
