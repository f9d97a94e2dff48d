//! One id a request, from the first log line to Campaign's: the W3C trace id (Trace Context §3.2.2.3).

use std::cell::Cell;
use std::fmt::{self, Display};

use aws_lc_rs::rand;
use http::HeaderValue;

/// 32 hexadecimal digits, shown to people, logged, sent as `X-Request-Id` and inside `traceparent`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    text: [u8; 32],
}

impl RequestId {
    /// A new random id. Not a secret: it only has to be unique.
    pub fn random() -> Self {
        thread_local! {
            static NEXT: Cell<u128> = Cell::new(seed());
        }
        let number = NEXT.get();
        // A Weyl sequence (odd step): no number comes twice in 2¹²⁸ steps, and a thread starts where nobody else is.
        NEXT.set(number.wrapping_add(STEP));
        Self { text: hex(number.to_be_bytes()) }
    }

    /// The id a trusted peer gave: 8 to 64 letters, digits and `-`, of which the first 32 hexadecimal digits count;
    /// `None` when there are not that many.
    pub fn from_peer(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok().filter(|text| text.len() <= 64)?;
        let mut digits = text.bytes().filter(|b| *b != b'-');
        let mut id = [0_u8; 32];
        for slot in &mut id {
            *slot = digits.next().filter(u8::is_ascii_hexdigit)?.to_ascii_lowercase();
        }
        (digits.next().is_none() && id != [b'0'; 32]).then_some(Self { text: id })
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// For `X-Request-Id`.
    pub fn header(&self) -> HeaderValue {
        HeaderValue::from_bytes(&self.text).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }

    /// For `traceparent`: this gateway is the parent span (its id is the second half of the trace id).
    pub fn traceparent(&self) -> HeaderValue {
        let mut value = *b"00-................................-................-01";
        value[3..35].copy_from_slice(&self.text);
        value[36..52].copy_from_slice(&self.text[16..]);
        HeaderValue::from_bytes(&value).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

fn seed() -> u128 {
    let mut bytes = [0_u8; 16];
    // A failure leaves zeros, which makes poor ids but is no weakness.
    let _ = rand::fill(&mut bytes);
    u128::from_le_bytes(bytes)
}

/// The golden ratio's fraction, made odd: consecutive ids look nothing alike.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_trace_id_and_ids_differ() {
        let id = RequestId::random();
        assert!(id.as_str().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(id, RequestId::random());
        let parent = id.traceparent();
        assert_eq!(parent.to_str().unwrap(), format!("00-{id}-{}-01", &id.as_str()[16..]));
    }

    #[test]
    fn a_peers_id_is_taken_only_in_shape() {
        let given =
            |text| RequestId::from_peer(&HeaderValue::from_str(text).unwrap()).map(|id| id.to_string());
        let uuid = "0AF7651916CD43DD8448EB211C80319C";
        assert_eq!(given(uuid).unwrap(), uuid.to_lowercase());
        assert_eq!(given("0af76519-16cd-43dd-8448-eb211c80319c").unwrap(), uuid.to_lowercase());
        for wrong in
            ["", "x", "00000000000000000000000000000000", "0af7651916cd43dd8448eb211c80319c0", "<script>"]
        {
            assert_eq!(given(wrong), None, "{wrong}");
        }
    }
}
