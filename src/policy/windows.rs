//! HTTP/2 flow-control windows (RFC 9113 §5.2) for uploads.

/// Bytes that a client may send before the gateway has read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// On one stream, in bytes.
    pub stream: u32,
    /// On the connection, in bytes: the most memory that its uploads can use.
    pub connection: u32,
}

impl Windows {
    /// Windows for a connection with this many concurrent streams. The connection's window holds the full window of every stream, and one
    /// more. So an upload that Campaign does not read never blocks another stream.
    pub const fn of(streams: u32) -> Self {
        let all = if streams < MOST { streams + 1 } else { MOST };
        let stream = if MAX / all < STREAM { MAX / all } else { STREAM };
        Self { stream, connection: stream * all }
    }
}

/// The default of the protocol and of most servers.
const STREAM: u32 = 64 * 1024;
/// Upper bound for the number of streams in the calculation.
const MOST: u32 = 1 << 20;
/// RFC 9113 §6.9.1.
const MAX: u32 = i32::MAX.cast_unsigned();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connection_window_holds_the_window_of_every_stream() {
        for streams in [1, 2, 100, 200, 1000, 32_000, 40_000, 1_000_000, u32::MAX] {
            let Windows { stream, connection } = Windows::of(streams);
            assert!(connection <= MAX && stream <= STREAM, "{streams}");
            assert!(stream > 0 && connection / stream > streams.min(MOST - 1), "{streams}");
        }
        assert_eq!(Windows::of(200), Windows { stream: 65_536, connection: 13_172_736 });
    }
}
