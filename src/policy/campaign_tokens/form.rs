//! Tokens in a form (`application/x-www-form-urlencoded`), read while it arrives.

use memchr::{memchr2, memchr3};

use super::field::{MAX_NAME, judge_encoded, kind_of};
use super::{ForeignToken, Judge, MAX_VALUE, Output, TokenKind, emit};

/// Reads a form piece by piece. Never holds more than one name or one value of a token field.
#[derive(Debug, Default)]
pub struct FormScanner(FormState);

#[derive(Debug)]
enum FormState {
    /// Within a name that may be that of a token field.
    Name(Vec<u8>),
    /// Until the next field.
    Skip,
    /// Within the value of a token field.
    Value(TokenKind, Vec<u8>),
}

impl Default for FormState {
    fn default() -> Self {
        Self::Name(Vec::new())
    }
}

impl FormScanner {
    /// Reads the next piece. Writes to `output` what can be forwarded so far.
    ///
    /// # Errors
    /// When the form holds a value that may not be forwarded.
    pub fn push(
        &mut self,
        mut piece: &[u8],
        judge: &mut impl Judge,
        mut output: Option<&mut Vec<u8>>,
    ) -> Result<(), ForeignToken> {
        while !piece.is_empty() {
            piece = match &mut self.0 {
                FormState::Name(held) => {
                    let end = memchr3(b'=', b'&', b';', piece);
                    let (more, rest) = piece.split_at(end.unwrap_or(piece.len()));
                    held.extend_from_slice(more);
                    emit(&mut output, more);
                    if held.len() > MAX_NAME {
                        self.0 = FormState::Skip;
                    } else if let Some((separator, _)) = rest.split_first() {
                        let kind = kind_of(held);
                        self.0 = match (separator, kind) {
                            (b'=', Some(kind)) => FormState::Value(kind, Vec::new()),
                            (b'=', None) => FormState::Skip,
                            _ => FormState::default(),
                        };
                        emit(&mut output, &rest[..1]);
                    }
                    rest.get(1..).unwrap_or_default()
                }
                FormState::Skip => {
                    let Some(end) = memchr2(b'&', b';', piece) else {
                        emit(&mut output, piece);
                        return Ok(());
                    };
                    emit(&mut output, &piece[..=end]);
                    self.0 = FormState::default();
                    &piece[end + 1..]
                }
                FormState::Value(_, held) => {
                    let end = memchr2(b'&', b';', piece);
                    let (more, rest) = piece.split_at(end.unwrap_or(piece.len()));
                    if held.len() + more.len() > MAX_VALUE {
                        return Err(ForeignToken);
                    }
                    held.extend_from_slice(more);
                    if let Some(separator) = rest.get(..1) {
                        self.end_value(judge, &mut output)?;
                        emit(&mut output, separator);
                    }
                    rest.get(1..).unwrap_or_default()
                }
            };
        }
        Ok(())
    }

    /// Reads the end of the form.
    ///
    /// # Errors
    /// When the last value may not be forwarded.
    pub fn finish(
        &mut self,
        judge: &mut impl Judge,
        mut output: Option<&mut Vec<u8>>,
    ) -> Result<(), ForeignToken> {
        self.end_value(judge, &mut output)
    }

    fn end_value(&mut self, judge: &mut impl Judge, output: &mut Output<'_>) -> Result<(), ForeignToken> {
        if let FormState::Value(kind, value) = std::mem::take(&mut self.0) {
            let exchanged = judge_encoded(kind, &value, judge)?;
            emit(output, exchanged.as_deref().map_or(&value, str::as_bytes));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{TokenAction, exchange_query};
    use super::*;

    fn judge(kind: TokenKind, value: &str) -> TokenAction {
        match (kind, value) {
            (_, "" | "own") => TokenAction::Keep,
            (_, "old") => TokenAction::Replace("new=".to_owned()),
            (TokenKind::Session, _) => TokenAction::Refuse,
            (TokenKind::Security, _) => TokenAction::Keep,
        }
    }

    fn scan(form: &str, size: usize) -> Result<String, ForeignToken> {
        let (mut scanner, mut output) = (FormScanner::default(), Vec::new());
        for piece in form.as_bytes().chunks(size) {
            scanner.push(piece, &mut judge, Some(&mut output))?;
        }
        scanner.finish(&mut judge, Some(&mut output))?;
        Ok(String::from_utf8(output).unwrap())
    }

    #[test]
    fn a_value_without_end_is_foreign() {
        let form = format!("__securitytoken={}", "x".repeat(MAX_VALUE + 1));
        assert_eq!(scan(&form, 100), Err(ForeignToken));
        assert_eq!(scan("a=1&__sessiontoken=eve", 3), Err(ForeignToken), "the last field");
    }

    proptest! {
        /// A form has the syntax of a query: both readers agree, however the form is cut into pieces.
        #[test]
        fn a_form_is_read_as_a_query_is(
            fields in proptest::collection::vec((
                proptest::sample::select(vec!["__sessiontoken", "__securitytoken", "%5F_sessiontoken", "a", "", "_x", "__session"]),
                proptest::sample::select(vec!["=", "", "=own", "=old", "=%6Fld", "=x/y", "=="]),
                proptest::sample::select(vec!["&", ";"]),
            ), 0..6),
            size in 1_usize..9,
        ) {
            let form: String = fields.into_iter().flat_map(|(name, value, end)| [name, value, end]).collect();
            let wanted = exchange_query(&form, &mut judge).map(|some| some.unwrap_or_else(|| form.clone()));
            prop_assert_eq!(scan(&form, size), wanted);
        }
    }
}
