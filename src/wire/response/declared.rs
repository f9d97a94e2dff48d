//! What the fields of an answer say of its body's end (RFC 9112 §6).

use super::ResponseError;

/// What the fields of an answer say of its body's end, taken in one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// `Content-Length`.
    pub length: Option<u64>,
    /// True for chunks.
    pub coded: bool,
}

impl Declared {
    /// Takes in a `Content-Length`.
    ///
    /// # Errors
    /// [`ResponseError::Length`] for the second one, and for what is no number.
    pub fn length(&mut self, value: &[u8]) -> Result<(), ResponseError> {
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(value).ok().filter(|_| is_number).and_then(|text| text.parse().ok());
        match self.length.replace(length.ok_or(ResponseError::Length)?) {
            None => Ok(()),
            Some(_) => Err(ResponseError::Length),
        }
    }

    /// Takes in a `Transfer-Encoding`.
    ///
    /// # Errors
    /// [`ResponseError::Coding`] for the second one, and for any besides `chunked`.
    pub fn coding(&mut self, value: &[u8]) -> Result<(), ResponseError> {
        if self.coded || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(ResponseError::Coding);
        }
        self.coded = true;
        Ok(())
    }

    /// All of it, once every field was taken in.
    ///
    /// # Errors
    /// [`ResponseError::TwoFramings`]; [`ResponseError::Coding`] for chunks from a server that does not know them (RFC 9112 §6.1).
    pub fn whole(self, is_http11: bool) -> Result<Self, ResponseError> {
        match self {
            Self { length: Some(_), coded: true } => Err(ResponseError::TwoFramings),
            Self { coded: true, .. } if !is_http11 => Err(ResponseError::Coding),
            whole => Ok(whole),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_ends_at_one_place() {
        let checked = |fields: &[(&str, &str)]| {
            let mut framing = Declared::default();
            for (name, value) in fields {
                match *name {
                    "content-length" => framing.length(value.as_bytes())?,
                    _ => framing.coding(value.as_bytes())?,
                }
            }
            framing.whole(true).map(drop)
        };
        for fine in [&[][..], &[("content-length", "0")], &[("transfer-encoding", "Chunked")]] {
            assert_eq!(checked(fine), Ok(()), "{fine:?}");
        }
        for length in ["", "+1", "1, 1", "-1", "0x1", "18446744073709551616"] {
            assert_eq!(checked(&[("content-length", length)]), Err(ResponseError::Length), "{length}");
        }
        assert_eq!(checked(&[("content-length", "1"), ("content-length", "1")]), Err(ResponseError::Length));
        let both = [("content-length", "1"), ("transfer-encoding", "chunked")];
        assert_eq!(checked(&both), Err(ResponseError::TwoFramings));
        for coding in ["gzip, chunked", "identity", "chunked, chunked"] {
            assert_eq!(checked(&[("transfer-encoding", coding)]), Err(ResponseError::Coding), "{coding}");
        }
        assert_eq!(Declared { length: None, coded: true }.whole(false), Err(ResponseError::Coding));
    }
}
