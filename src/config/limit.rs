//! The limits, with their names in metrics and logs.

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
    /// `limits.idle_timeout`, before the first request or within a request head. An idle connection after a request does not count.
    Idle,
    /// `limits.upload_timeout`.
    Upload,
    /// `limits.download_timeout`.
    Download,
    /// An HTTP/2 flood on one connection: too many reset or failed streams in a row, or an endless head.
    Flood,
    /// `listen.proxy_protocol`: the header is missing, invalid, or from a peer that may not send it.
    ProxyProtocol,
    /// `limits.connection_buffer_bytes`: a response pauses until its client reads.
    ConnectionBuffer,
    /// `limits.buffer_bytes`: a response pauses, or its connection was closed.
    Buffer,
    /// `limits.min_rate`: a client sends or reads too slowly.
    MinRate,
    /// `campaign.anonymous_share`.
    AnonymousShare,
    /// `campaign.address_share`.
    AddressShare,
}

impl Limit {
    /// All limits, in declaration order.
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

    /// The name in metrics and logs.
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
