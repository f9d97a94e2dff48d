//! Writes metric families whose values are read at the time of a scrape.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;

/// Writes one family after the other.
#[derive(Debug)]
pub struct FamilyEncoder<'a>(DescriptorEncoder<'a>);

impl<'a> FamilyEncoder<'a> {
    /// Writes into `encoder`.
    pub fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// A counter with these labels and values. `name` is without `_total`.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn counter<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in values {
            metric.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }

    /// A gauge with these labels and values. `name` is without the unit.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn gauge<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        unit: Option<&Unit>,
        help: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (labels, value) in values {
            metric.encode_family(&labels)?.encode_gauge(&value)?;
        }
        Ok(())
    }

    /// A metric of type `info`: the value 1 with labels. `name` is without `_info`.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn info(&mut self, name: &str, help: &str, labels: &impl EncodeLabelSet) -> fmt::Result {
        self.0.encode_descriptor(name, help, None, MetricType::Info)?.encode_info(labels)
    }

    /// Times in seconds. `write` writes the histogram of each label set.
    ///
    /// # Errors
    /// When the text cannot be written.
    pub fn durations(
        &mut self,
        name: &str,
        help: &str,
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let mut metric = self.0.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Histogram)?;
        write(&mut metric)
    }
}

/// No labels.
pub const NONE: [(&str, &str); 0] = [];
