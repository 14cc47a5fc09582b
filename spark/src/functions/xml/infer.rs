//! Finds the type of an XML value as Spark does.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::datatypes::{DataType, Field, Fields};

use super::document::{Document, NodeId};
use super::read::Names;
use crate::error::Result;
use crate::source::datetime::{parse_date_strict, parse_timestamp};
use crate::source::options::Options;
use crate::source::text::parse_double;
use crate::source::today;
use crate::types;

/// The type of the struct that an XML text is.
pub fn schema_of(text: &str, options: &Options<'_>, time_zone: &str) -> Result<DataType> {
    let inference = Inference { names: Names::new(options)?, time_zone, today: today(time_zone)? };
    let corrupt = options.get("columnNameOfCorruptRecord").unwrap_or("_corrupt_record");
    let found = Document::parse(text).ok();
    let outermost = found.as_ref().and_then(|document| Some((document, document.outermost()?)));
    let Some((document, outermost)) = outermost else {
        return Ok(DataType::Struct(vec![Field::new(corrupt, DataType::Utf8, true)].into()));
    };
    Ok(match inference.element(document, outermost) {
        Some(structure @ DataType::Struct(_)) => structure,
        Some(leaf) => DataType::Struct(vec![Field::new(&inference.names.value_tag, leaf, true)].into()),
        None => DataType::Struct(Fields::empty()),
    })
}

struct Inference<'z> {
    names: Names,
    time_zone: &'z str,
    today: NaiveDate,
}

impl Inference<'_> {
    /// The type of an element; `None` while nothing is known of it.
    fn element(&self, document: &Document, id: NodeId) -> Option<DataType> {
        let attributes: Vec<NodeId> = match self.names.exclude_attributes {
            true => Vec::new(),
            false => document.node(id).attributes.clone(),
        };
        let own = document.own_text(id);
        let own = own.trim();
        if attributes.is_empty() && document.elements(id).next().is_none() {
            return self.leaf(own);
        }
        let mut fields: BTreeMap<String, (usize, Option<DataType>)> = BTreeMap::new();
        let mut add = |name: String, found: Option<DataType>| {
            let (count, known) = fields.entry(name).or_insert((0, None));
            *count += 1;
            *known = merge(known.take(), found);
        };
        for at in attributes {
            let attribute = document.node(at);
            add(format!("{}{}", self.names.attribute_prefix, attribute.name), self.leaf(&attribute.value));
        }
        for child in document.elements(id) {
            add(document.node(child).name.clone(), self.element(document, child));
        }
        if !own.is_empty() {
            add(self.names.value_tag.clone(), self.leaf(own));
        }
        let fields = fields.into_iter().map(|(name, (count, found))| {
            let found = found.unwrap_or(DataType::Utf8);
            let data_type = match count {
                1 => found,
                _ => DataType::List(Arc::new(Field::new_list_field(found, true))),
            };
            Field::new(name, data_type, true)
        });
        Some(DataType::Struct(fields.collect()))
    }

    fn leaf(&self, text: &str) -> Option<DataType> {
        if text.is_empty() {
            return None;
        }
        Some(if text.parse::<i64>().is_ok() {
            DataType::Int64
        } else if parse_double(text).is_some() {
            DataType::Float64
        } else if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
            DataType::Boolean
        } else if parse_date_strict(text).is_some() {
            DataType::Date32
        } else if parse_timestamp(text, self.today).is_some() {
            types::timestamp(self.time_zone)
        } else {
            DataType::Utf8
        })
    }
}

/// The narrowest type that holds the values of both.
fn merge(a: Option<DataType>, b: Option<DataType>) -> Option<DataType> {
    use DataType::{Float64, Int64, List, Struct, Utf8};
    let (a, b) = match (a, b) {
        (None, known) | (known, None) => return known,
        (Some(a), Some(b)) if a == b => return Some(a),
        (Some(a), Some(b)) => (a, b),
    };
    Some(match (a, b) {
        (Int64, Float64) | (Float64, Int64) => Float64,
        (Struct(a), Struct(b)) => {
            let mut fields: BTreeMap<String, DataType> =
                a.iter().map(|f| (f.name().clone(), f.data_type().clone())).collect();
            for field in &b {
                let known = fields.remove(field.name());
                if let Some(merged) = merge(known, Some(field.data_type().clone())) {
                    fields.insert(field.name().clone(), merged);
                }
            }
            Struct(fields.into_iter().map(|(name, data_type)| Field::new(name, data_type, true)).collect())
        }
        (List(item), other) | (other, List(item)) => {
            let other = match other {
                List(other) => other.data_type().clone(),
                other => other,
            };
            let merged = merge(Some(item.data_type().clone()), Some(other))?;
            List(Arc::new(Field::new_list_field(merged, true)))
        }
        _ => Utf8,
    })
}
