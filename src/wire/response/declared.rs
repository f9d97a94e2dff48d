//! The framing that the fields of a response declare (RFC 9112 §6).

use super::ResponseError;

/// The framing that the fields of a response declare. Fields are added one by one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// `Content-Length`.
    pub length: Option<u64>,
    /// True for `Transfer-Encoding: chunked`.
    pub chunked: bool,
}

impl Declared {
    /// Adds a `Content-Length` field.
    ///
    /// # Errors
    /// [`ResponseError::Length`] for a second field, or a value that is not a number.
    pub fn length(&mut self, value: &[u8]) -> Result<(), ResponseError> {
        let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let length = std::str::from_utf8(value).ok().filter(|_| is_number).and_then(|text| text.parse().ok());
        match self.length.replace(length.ok_or(ResponseError::Length)?) {
            None => Ok(()),
            Some(_) => Err(ResponseError::Length),
        }
    }

    /// Adds a `Transfer-Encoding` field.
    ///
    /// # Errors
    /// [`ResponseError::Coding`] for a second field, or a coding other than `chunked`.
    pub fn coding(&mut self, value: &[u8]) -> Result<(), ResponseError> {
        if self.chunked || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(ResponseError::Coding);
        }
        self.chunked = true;
        Ok(())
    }

    /// Checks the result after all fields were added.
    ///
    /// # Errors
    /// [`ResponseError::TwoFramings`]; [`ResponseError::Coding`] for chunks in HTTP/1.0 (RFC 9112 §6.1).
    pub fn checked(self, is_http11: bool) -> Result<Self, ResponseError> {
        match self {
            Self { length: Some(_), chunked: true } => Err(ResponseError::TwoFramings),
            Self { chunked: true, .. } if !is_http11 => Err(ResponseError::Coding),
            declared => Ok(declared),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictory_framing_is_refused() {
        let checked = |fields: &[(&str, &str)]| {
            let mut framing = Declared::default();
            for (name, value) in fields {
                match *name {
                    "content-length" => framing.length(value.as_bytes())?,
                    _ => framing.coding(value.as_bytes())?,
                }
            }
            framing.checked(true).map(drop)
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
        assert_eq!(Declared { length: None, chunked: true }.checked(false), Err(ResponseError::Coding));
    }
}
