//! The request id: the same in all log lines of a request and at Campaign. It is a W3C trace id (Trace Context §3.2.2.3), or
//! the id that a trusted peer sent.

use std::cell::Cell;
use std::fmt::{self, Display};

use aws_lc_rs::rand;
use http::HeaderValue;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The id that is shown on pages, logged, and sent as `X-Request-Id`. `traceparent` has its trace id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    /// 32 hexadecimal digits.
    trace: [u8; 32],
    /// The id that a trusted peer sent, if it is not a trace id.
    peer: Option<PeerId>,
}

/// The text of a peer's id and its length in bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PeerId([u8; MAX_PEER_ID], usize);

impl RequestId {
    /// A new id. It is unique but not secret.
    pub fn random() -> Self {
        thread_local! {
            static NEXT: Cell<u128> = Cell::new(seed());
        }
        let number = NEXT.get();
        // A Weyl sequence: with an odd step, no number repeats within 2¹²⁸ steps. Each thread starts at a random number.
        NEXT.set(number.wrapping_add(STEP));
        Self { trace: hex(number.to_be_bytes()), peer: None }
    }

    /// The id that a trusted peer sent, unchanged: 1 to 64 letters, digits, `-`, `_`, `.`, `:`. If it is not a trace id,
    /// `traceparent` gets a new one.
    pub fn from_peer(value: &HeaderValue) -> Option<Self> {
        let text = value.as_bytes();
        let is_allowed = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:".contains(b);
        if text.is_empty() || text.len() > MAX_PEER_ID || !text.iter().all(is_allowed) {
            return None;
        }
        let lower_hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        match <[u8; 32]>::try_from(text) {
            Ok(trace) if trace.iter().all(lower_hex) && trace != [b'0'; 32] => {
                Some(Self { trace, peer: None })
            }
            _ => {
                let mut peer = PeerId([0; MAX_PEER_ID], text.len());
                peer.0[..text.len()].copy_from_slice(text);
                Some(Self { peer: Some(peer), ..Self::random() })
            }
        }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The value of `X-Request-Id`. Marked as sensitive, so HTTP/2 does not add it to the dynamic table (RFC 7541 §6.2.3). The value
    /// never repeats and would evict fields that do.
    pub fn header(&self) -> HeaderValue {
        let mut value =
            HeaderValue::from_bytes(self.as_bytes()).unwrap_or_else(|_| HeaderValue::from_static("-"));
        value.set_sensitive(true);
        value
    }

    /// The id in visible ASCII characters.
    pub fn as_bytes(&self) -> &[u8] {
        self.peer.as_ref().map_or(&self.trace, |peer| &peer.0[..peer.1])
    }

    /// The value of `traceparent`. The gateway is the parent span; its id is the second half of the trace id.
    pub fn traceparent(&self) -> TraceParent {
        let mut value = *b"00-................................-................-01";
        value[3..35].copy_from_slice(&self.trace);
        value[36..52].copy_from_slice(&self.trace[16..]);
        TraceParent(value)
    }
}

/// The value of a `traceparent` (W3C Trace Context §3.2).
#[derive(Clone, Copy, Debug)]
pub struct TraceParent([u8; 55]);

impl TraceParent {
    /// The value in visible ASCII characters.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn seed() -> u128 {
    let mut bytes = [0_u8; 16];
    // A failure leaves zeros. Then ids of threads may repeat, but this does not affect security.
    let _ = rand::fill(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// The longest id of a peer, in bytes.
const MAX_PEER_ID: usize = 64;
/// The fractional part of the golden ratio, made odd, so that consecutive ids look different.
const STEP: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

fn hex(bytes: [u8; 16]) -> [u8; 32] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0_u8; 32];
    for (i, byte) in bytes.into_iter().enumerate() {
        text[2 * i] = DIGITS[usize::from(byte >> 4)];
        text[2 * i + 1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

impl Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let id = HeaderValue::try_from(text).ok().and_then(|value| Self::from_peer(&value));
        id.ok_or_else(|| D::Error::custom("not a request id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_a_trace_id_and_ids_differ() {
        let id = RequestId::random();
        assert!(id.as_str().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(id, RequestId::random());
        let parent = id.traceparent();
        let expected = format!("00-{id}-{}-01", &id.as_str()[16..]);
        assert_eq!(parent.as_bytes(), expected.as_bytes());
    }

    #[test]
    fn a_valid_id_of_a_peer_is_used_unchanged() {
        let peer = |text: &str| RequestId::from_peer(&HeaderValue::from_str(text).unwrap());
        for id in
            ["0af7651916cd43dd8448eb211c80319c", "0AF76519-16cd-43dd-8448-eb211c80319c", "my-id-1", "a:b.c_d"]
        {
            let taken = peer(id).unwrap();
            assert_eq!((taken.as_str(), taken.header().to_str().unwrap()), (id, id));
            assert_eq!(taken.traceparent().as_bytes().len(), 55);
        }
        let long = "a".repeat(MAX_PEER_ID + 1);
        for wrong in ["", "<script>", "a b", "a\"b", &long] {
            assert!(peer(wrong).is_none(), "{wrong}");
        }
    }
}
