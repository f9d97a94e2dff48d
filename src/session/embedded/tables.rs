//! The tables of the file, and the changes within one transaction.

use redb::{
    Database, Durability, Error, ReadOnlyTable, ReadTransaction, ReadableDatabase as _, ReadableTable as _,
    Table, TableDefinition, WriteTransaction,
};

use super::super::key::Key;
use super::super::store::{SealedRecord, StoredRecord};
use super::times::RecordTimes;
use crate::crypto::Tag;
use crate::unix_time::UnixTime;

/// Sealed data, by key.
const RECORDS: TableDefinition<'static, &[u8; 16], &[u8]> = TableDefinition::new("records");
/// Times and tags, by key: small rows, because touch and sweep need only these.
const TIMES: TableDefinition<'static, &[u8; 16], &[u8; RecordTimes::LENGTH]> = TableDefinition::new("times");
/// When the sweep checks a record: time and key.
const DUE: TableDefinition<'static, &[u8; 24], ()> = TableDefinition::new("due");
/// The tags of a record that do not fit into its row of [`TIMES`], concatenated.
const MORE_TAGS: TableDefinition<'static, &[u8; 16], &[u8]> = TableDefinition::new("more tags");
/// The index: tag and key.
const TAGS: TableDefinition<'static, &[u8; 32], ()> = TableDefinition::new("tags");

/// Creates the tables that the file does not have.
pub(super) fn create(database: &Database) -> Result<(), Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    Writing::open(&transaction)?;
    Ok(transaction.commit()?)
}

/// A transaction that is on the disk when its commit returns, and that needs no repair after a crash: a file of a million
/// sessions opens at once.
pub(super) fn begin(database: &Database) -> Result<WriteTransaction, Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_durability(Durability::Immediate)?;
    transaction.set_quick_repair(true);
    Ok(transaction)
}

/// The tables as of the latest commit.
pub(super) struct Reading {
    records: ReadOnlyTable<&'static [u8; 16], &'static [u8]>,
    times: ReadOnlyTable<&'static [u8; 16], &'static [u8; RecordTimes::LENGTH]>,
    tags: ReadOnlyTable<&'static [u8; 32], ()>,
}

impl Reading {
    pub(super) fn begin(database: &Database) -> Result<Self, Error> {
        let transaction: ReadTransaction = database.begin_read()?;
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            times: transaction.open_table(TIMES)?,
            tags: transaction.open_table(TAGS)?,
        })
    }

    /// True when the file has all tables.
    pub(super) fn is_complete(database: &Database) -> bool {
        let begun = Self::begin(database).is_ok();
        begun && database.begin_read().is_ok_and(|transaction| transaction.open_table(MORE_TAGS).is_ok())
    }

    pub(super) fn record(&self, key: Key) -> Result<Option<StoredRecord>, Error> {
        let (times, record) = (self.times.get(key.as_bytes())?, self.records.get(key.as_bytes())?);
        Ok(times.zip(record).map(|(times, record)| StoredRecord {
            expires: RecordTimes::read(times.value()).expires,
            sealed: record.value().to_vec(),
        }))
    }

    pub(super) fn tagged(&self, tag: Tag) -> Result<Vec<Key>, Error> {
        let (from, to) = (join(tag, [0; 16]), join(tag, [0xff; 16]));
        let mut keys = Vec::new();
        for entry in self.tags.range::<&[u8; 32]>(&from..=&to)? {
            keys.extend(Key::from_bytes(&entry?.0.value()[16..]));
        }
        Ok(keys)
    }

    pub(super) fn keys(&self, after: Option<Key>, limit: usize) -> Result<Vec<Key>, Error> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = after.as_ref().map_or(Unbounded, |key| Excluded(key.as_bytes()));
        let mut keys = Vec::new();
        for entry in self.times.range::<&[u8; 16]>((after, Unbounded))?.take(limit) {
            keys.extend(Key::from_bytes(entry?.0.value()));
        }
        Ok(keys)
    }
}

/// The tables within a write transaction.
pub(super) struct Writing<'t> {
    records: Table<'t, &'static [u8; 16], &'static [u8]>,
    times: Table<'t, &'static [u8; 16], &'static [u8; RecordTimes::LENGTH]>,
    due: Table<'t, &'static [u8; 24], ()>,
    tags: Table<'t, &'static [u8; 32], ()>,
    more_tags: Table<'t, &'static [u8; 16], &'static [u8]>,
}

/// One step of the sweep.
#[derive(Debug, Default)]
pub(super) struct SweepStep {
    /// How many records it checked.
    pub(super) checked: usize,
    /// The records that it removed.
    pub(super) removed: Vec<(Key, StoredRecord)>,
}

impl<'t> Writing<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, Error> {
        Ok(Self {
            records: transaction.open_table(RECORDS)?,
            times: transaction.open_table(TIMES)?,
            due: transaction.open_table(DUE)?,
            tags: transaction.open_table(TAGS)?,
            more_tags: transaction.open_table(MORE_TAGS)?,
        })
    }

    /// Inserts; false when the key is taken.
    pub(super) fn create(&mut self, record: &SealedRecord) -> Result<bool, Error> {
        if self.times(record.key)?.is_some() {
            return Ok(false);
        }
        self.records.insert(record.key.as_bytes(), &*record.sealed)?;
        let times = RecordTimes::new(record);
        self.times.insert(record.key.as_bytes(), &times.write())?;
        self.due.insert(&due(times.check_at, record.key), ())?;
        self.add_tags(record)?;
        Ok(true)
    }

    /// Replaces the record with these bytes; false when the key has other bytes, or none.
    pub(super) fn replace(
        &mut self,
        old: &[u8],
        record: &SealedRecord,
        now: UnixTime,
    ) -> Result<bool, Error> {
        let key = record.key;
        let is_old = self.records.get(key.as_bytes())?.is_some_and(|held| held.value() == old);
        let Some(held) = self.alive(key, now)?.filter(|_| is_old) else { return Ok(false) };
        if self.tags_of(key, &held)? != record.tags {
            self.remove_tags(key, &held)?;
            self.add_tags(record)?;
        }
        self.records.insert(key.as_bytes(), &*record.sealed)?;
        let mut times = RecordTimes::new(record);
        times.expires = record.expires.max(held.expires);
        times.check_at = held.check_at;
        self.set(key, times)
    }

    /// Sets the time of expiry; false when the record is missing.
    pub(super) fn touch(&mut self, key: Key, expires: UnixTime, now: UnixTime) -> Result<bool, Error> {
        let Some(mut times) = self.alive(key, now)? else { return Ok(false) };
        times.expires = expires;
        self.set(key, times)
    }

    /// Deletes a record and returns it.
    pub(super) fn take(&mut self, key: Key) -> Result<Option<StoredRecord>, Error> {
        let Some(old) = self.times(key)? else { return Ok(None) };
        self.remove_tags(key, &old)?;
        let sealed = self.records.remove(key.as_bytes())?.map(|record| record.value().to_vec());
        self.times.remove(key.as_bytes())?;
        self.due.remove(&due(old.check_at, key))?;
        Ok(Some(StoredRecord { expires: old.expires, sealed: sealed.unwrap_or_default() }))
    }

    /// Deletes expired records; checks at most `most` records.
    pub(super) fn sweep(&mut self, now: UnixTime, most: usize) -> Result<SweepStep, Error> {
        let mut end = [0; 24];
        end[..8].copy_from_slice(&now.0.saturating_add(1).to_be_bytes());
        let mut rows = Vec::with_capacity(most);
        for entry in self.due.range::<&[u8; 24]>(..&end)?.take(most) {
            rows.push(*entry?.0.value());
        }
        let mut step = SweepStep { checked: rows.len(), removed: Vec::new() };
        for entry in &rows {
            let Some(key) = Key::from_bytes(&entry[8..]) else { continue };
            match self.times(key)? {
                Some(mut times) if times.expires > now => {
                    // It was touched: the next check is at its new time of expiry.
                    self.due.remove(entry)?;
                    self.due.insert(&due(times.expires, key), ())?;
                    times.check_at = times.expires;
                    self.times.insert(key.as_bytes(), &times.write())?;
                }
                Some(_) => {
                    let taken = self.take(key)?;
                    step.removed.extend(taken.map(|record| (key, record)));
                }
                None => drop(self.due.remove(entry)?),
            }
        }
        Ok(step)
    }

    fn add_tags(&mut self, record: &SealedRecord) -> Result<(), Error> {
        for tag in &record.tags {
            self.tags.insert(&join(*tag, *record.key.as_bytes()), ())?;
        }
        if let Some(more) = record.tags.get(RecordTimes::TAGS..).filter(|more| !more.is_empty()) {
            self.more_tags.insert(record.key.as_bytes(), more.as_flattened())?;
        }
        Ok(())
    }

    fn remove_tags(&mut self, key: Key, times: &RecordTimes) -> Result<(), Error> {
        for tag in self.tags_of(key, times)? {
            self.tags.remove(&join(tag, *key.as_bytes()))?;
        }
        self.more_tags.remove(key.as_bytes())?;
        Ok(())
    }

    fn tags_of(&self, key: Key, times: &RecordTimes) -> Result<Vec<Tag>, Error> {
        let mut tags = times.tags().to_vec();
        if let Some(more) = self.more_tags.get(key.as_bytes())? {
            tags.extend(more.value().as_chunks().0);
        }
        Ok(tags)
    }

    /// The times of a record that has not expired. An expired one cannot be changed, even before the sweep removes it.
    fn alive(&self, key: Key, now: UnixTime) -> Result<Option<RecordTimes>, Error> {
        Ok(self.times(key)?.filter(|times| times.expires > now))
    }

    fn times(&self, key: Key) -> Result<Option<RecordTimes>, Error> {
        Ok(self.times.get(key.as_bytes())?.map(|times| RecordTimes::read(times.value())))
    }

    /// Writes the times, and moves the check when the record now expires before it. A later expiry is left to the sweep, so a
    /// touch writes one row.
    fn set(&mut self, key: Key, mut times: RecordTimes) -> Result<bool, Error> {
        if times.expires < times.check_at {
            self.due.remove(&due(times.check_at, key))?;
            times.check_at = times.expires;
            self.due.insert(&due(times.check_at, key), ())?;
        }
        self.times.insert(key.as_bytes(), &times.write())?;
        Ok(true)
    }
}

/// A row of [`DUE`], which sorts by time. Negative times would sort last.
fn due(time: UnixTime, key: Key) -> [u8; 24] {
    let mut row = [0; 24];
    row[..8].copy_from_slice(&time.0.max(0).to_be_bytes());
    row[8..].copy_from_slice(key.as_bytes());
    row
}

fn join(tag: Tag, key: [u8; 16]) -> [u8; 32] {
    let mut row = [0; 32];
    row[..16].copy_from_slice(&tag);
    row[16..].copy_from_slice(&key);
    row
}
