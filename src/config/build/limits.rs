//! `[limits]`: what one client, and all of them together, may ask for.

use super::Check;
use crate::config::limits::{Limits, Rate};
use crate::config::raw::RawLimits;
use crate::policy::buffers::BufferLimits;
use crate::policy::min_rate::MinRate;
use crate::wire::framing::HeadLimits;

pub(super) fn limits(check: &mut Check<'_>, raw: &RawLimits) -> Option<Limits> {
    let idle_timeout = check.timeout("limits.idle_timeout", &raw.idle_timeout);
    let upload_timeout = check.timeout("limits.upload_timeout", &raw.upload_timeout);
    let download_timeout = check.timeout("limits.download_timeout", &raw.download_timeout);
    if raw.connections_per_ip > raw.connections {
        check.warn(
            "limits.connections_per_ip",
            "is more than limits.connections, so one address can take every connection",
            "write less than limits.connections, or 0 for no limit",
        );
    }
    let grace = check.timeout("limits.min_rate_grace", &raw.min_rate_grace);
    let buffers = BufferLimits { connection: u64::from(raw.connection_buffer_bytes), all: raw.buffer_bytes };
    if buffers.connection > buffers.all / 8 {
        check.warn(
            "limits.connection_buffer_bytes",
            "is more than an eighth of limits.buffer_bytes, so a few connections can take most of it",
            "write less, or more for limits.buffer_bytes",
        );
    }
    let per_second = raw.requests_per_second;
    Some(Limits {
        connections: size(raw.connections),
        connections_per_ip: (raw.connections_per_ip > 0).then_some(raw.connections_per_ip),
        head: HeadLimits { bytes: size(raw.head_bytes), fields: size(raw.head_fields) },
        body_bytes: (raw.body_bytes > 0).then_some(raw.body_bytes),
        http2_streams: raw.http2_streams,
        sign_ins: (raw.sign_ins_per_second > 0)
            .then_some(Rate { per_second: raw.sign_ins_per_second, burst: raw.sign_in_burst }),
        rate: (per_second > 0).then_some(Rate { per_second, burst: raw.request_burst }),
        idle_timeout: idle_timeout?,
        upload_timeout: upload_timeout?,
        download_timeout: download_timeout?,
        buffers,
        min_rate: (raw.min_rate > 0).then_some(MinRate { per_second: raw.min_rate, grace: grace? }),
    })
}

fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
