//! Reads lists of tables, such as `[[campaign.technical_account]]`.

use std::ops::Range;

use toml::de::DeValue;
use toml::{Spanned, Table, Value};

use super::schema::{self, DeclaredKey};
use super::source::Unknown;
use super::table_path::{element, is_table_list, path_in};
use super::tree::Tree;
use super::value_error::ValueError;

impl Tree {
    /// Every key that the file can set: the keys of the sections, and the keys of each table in its lists.
    pub(super) fn keys(&self) -> Vec<(String, &'static DeclaredKey)> {
        let of_sections =
            schema::keys().iter().chain(schema::instance_keys()).map(|key| (key.path.clone(), key));
        let of_lists = schema::lists().iter().flat_map(|list| {
            self.elements(&list.path)
                .flat_map(move |element| list.keys.iter().map(move |key| (path_in(&element, &key.path), key)))
        });
        of_sections.chain(of_lists).filter(|(path, _)| self.scope.has(path)).collect()
    }

    /// The paths of the tables in a list.
    pub(super) fn elements<'l>(&self, list: &'l str) -> impl Iterator<Item = String> + use<'l> {
        let tables = self.get::<Vec<Value>>(list).map_or(0, |tables| tables.len());
        (0..tables).map(move |index| element(list, index))
    }

    /// Reads the tables of a known list.
    pub(super) fn read_list(&mut self, path: &str, name: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let Some(items) = value.get_ref().as_array().filter(|_| is_table_list(value.get_ref())) else {
            let location = self.places.at(name.clone());
            self.unknown.push(Unknown { key: name, value: value.span(), meant: Some(path.to_owned()) });
            let fix = format!("write [[{path}]] on a line of its own and its keys below it");
            return self.error(path, location, ValueError::new("must be a list of tables", fix));
        };
        self.places.sections.insert(path.to_owned(), name);
        for (index, item) in items.iter().enumerate() {
            let Some(table) = item.get_ref().as_table() else { continue };
            let element = element(path, index);
            self.push_table(path);
            self.places.sections.insert(element.clone(), self.header(item.span()));
            self.section(&element, table);
        }
    }

    /// The part of a table's span before its values: the header, or the bracket of an inline table.
    pub(super) fn header(&self, span: Range<usize>) -> Range<usize> {
        let is_header = self.places.text.get(span.clone()).is_some_and(|text| text.starts_with('['));
        if is_header { span } else { span.start..(span.start + 1).min(span.end) }
    }

    fn push_table(&mut self, list: &str) {
        if let Some((section, name)) = list.rsplit_once('.')
            && let Some(Value::Array(tables)) = self.table(section).and_then(|table| table.get_mut(name))
        {
            tables.push(Value::Table(Table::new()));
        }
    }
}
