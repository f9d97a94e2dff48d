//! The row of times and tags beside each sealed record.

use super::super::store::SealedRecord;
use crate::crypto::Tag;
use crate::unix_time::UnixTime;

/// Times and tags have a row of their own because they change more often than the sealed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordTimes {
    pub(super) expires: UnixTime,
    /// When the sweep checks the record: its row in the table of checks.
    pub(super) check_at: UnixTime,
    tag_count: u8,
    all_tags: [Tag; RecordTimes::TAGS],
}

impl RecordTimes {
    /// Tags in this row; more tags are in another table.
    pub(super) const TAGS: usize = 2;
    pub(super) const LENGTH: usize = 8 + 8 + 1 + 16 * Self::TAGS;

    pub(super) fn new(record: &SealedRecord) -> Self {
        let mut all_tags = [Tag::default(); Self::TAGS];
        let mut tag_count = 0;
        for (slot, tag) in all_tags.iter_mut().zip(&record.tags) {
            *slot = *tag;
            tag_count += 1;
        }
        Self { expires: record.expires, check_at: record.expires, tag_count, all_tags }
    }

    pub(super) fn tags(&self) -> &[Tag] {
        &self.all_tags[..usize::from(self.tag_count).min(Self::TAGS)]
    }

    pub(super) fn write(&self) -> [u8; Self::LENGTH] {
        let mut row = [0; Self::LENGTH];
        row[..8].copy_from_slice(&self.expires.0.to_be_bytes());
        row[8..16].copy_from_slice(&self.check_at.0.to_be_bytes());
        row[16] = self.tag_count;
        row[17..].copy_from_slice(self.all_tags.as_flattened());
        row
    }

    pub(super) fn read(row: &[u8; Self::LENGTH]) -> Self {
        let number = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&row[at..at + 8]);
            UnixTime(i64::from_be_bytes(bytes))
        };
        let mut all_tags = [Tag::default(); Self::TAGS];
        all_tags.as_flattened_mut().copy_from_slice(&row[17..]);
        Self { expires: number(0), check_at: number(8), tag_count: row[16], all_tags }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Key;

    #[test]
    fn a_row_reads_back() {
        for tags in [vec![], vec![[1; 16]], vec![[1; 16], [2; 16]], vec![[1; 16], [2; 16], [3; 16]]] {
            let key = Key::of(tower_sessions::session::Id(1));
            let (expires, ends) = (UnixTime(1_800_000_000), UnixTime(1_900_000_000));
            let times = RecordTimes::new(&SealedRecord {
                key,
                expires,
                ends,
                tags: tags.clone(),
                sealed: Vec::new(),
            });
            let read = RecordTimes::read(&times.write());
            assert_eq!(read, times);
            assert_eq!(read.tags(), &tags[..tags.len().min(RecordTimes::TAGS)]);
            assert_eq!((read.expires, read.check_at), (expires, expires));
        }
    }
}
