//! Flow-control windows of HTTP/2 (RFC 9113 §5.2) for what clients send.

/// What a client may send before the gateway has read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// On one stream, in bytes.
    pub stream: u32,
    /// On the connection, in bytes: the most that is kept in memory for it.
    pub connection: u32,
}

impl Windows {
    /// For a connection with so many streams at a time. An upload that Campaign does not read keeps its stream's window; the
    /// connection's has room for that of every stream, and of one more, so no stream can wait for another.
    pub const fn of(streams: u32) -> Self {
        let all = if streams < MOST { streams + 1 } else { MOST };
        let stream = if MAX / all < STREAM { MAX / all } else { STREAM };
        Self { stream, connection: stream * all }
    }
}

/// The protocol's own default, and that of most servers.
const STREAM: u32 = 64 * 1024;
/// Streams that are reckoned with; nobody has so many.
const MOST: u32 = 1 << 20;
/// RFC 9113 §6.9.1.
const MAX: u32 = i32::MAX.cast_unsigned();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_has_its_window() {
        for streams in [1, 2, 100, 200, 1000, 32_000, 40_000, 1_000_000, u32::MAX] {
            let Windows { stream, connection } = Windows::of(streams);
            assert!(connection <= MAX && stream <= STREAM, "{streams}");
            assert!(stream > 0 && connection / stream > streams.min(MOST - 1), "{streams}");
        }
        assert_eq!(Windows::of(200), Windows { stream: 65_536, connection: 13_172_736 });
    }
}
