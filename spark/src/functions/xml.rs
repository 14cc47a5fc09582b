//! Functions on XML text.

mod document;
mod infer;
mod read;
mod write;
mod xpath;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListBuilder, StringBuilder};
use datafusion::arrow::datatypes::{
    DataType, Field, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type,
};
use datafusion::common::{Result, internal_err};

pub use self::infer::schema_of;

use self::document::{Document, Kind};
use self::write::Writer;
use self::xpath::{Value, XPath};
use super::json::{constant, options};
use super::kernel::{Compiled, Kernel, Returns, Rows};
use crate::error::SparkError;
use crate::source::json::decoder::ValueDecoder;
use crate::source::json::options::JsonOptions;
use crate::source::options::Options;

/// `xpath(xml, path)`: the texts of nodes, null for elements.
pub static XPATH: Kernel = Kernel::new(
    "spark_xpath",
    Returns::Rule(|_| Ok(DataType::List(Arc::new(Field::new_list_field(DataType::Utf8, true))))),
    list,
);
/// `xpath_boolean(xml, path)`.
pub static XPATH_BOOLEAN: Kernel =
    Kernel::new("spark_xpath_boolean", Returns::Type(DataType::Boolean), |rows| {
        let mut search = Search::new(rows)?;
        rows.booleans(|row| Ok(search.value(row)?.map(|(value, _)| value.flag())))
    });
/// `xpath_string(xml, path)`.
pub static XPATH_STRING: Kernel = Kernel::new("spark_xpath_string", Returns::Type(DataType::Utf8), |rows| {
    let mut search = Search::new(rows)?;
    rows.write(|row, out| {
        let Some((value, document)) = search.value(row)? else { return Ok(false) };
        out.push_str(&value.into_text(&document));
        Ok(true)
    })
});
/// `xpath_double(xml, path)`.
pub static XPATH_DOUBLE: Kernel =
    Kernel::new("spark_xpath_double", Returns::Type(DataType::Float64), |rows| {
        let mut search = Search::new(rows)?;
        rows.primitives::<Float64Type>(|row| search.number(row))
    });
/// `xpath_float(xml, path)`.
pub static XPATH_FLOAT: Kernel = Kernel::new("spark_xpath_float", Returns::Type(DataType::Float32), |rows| {
    let mut search = Search::new(rows)?;
    rows.primitives::<Float32Type>(|row| Ok(search.number(row)?.map(|n| n as f32)))
});
/// `xpath_long(xml, path)`; what is no number is 0.
pub static XPATH_LONG: Kernel = Kernel::new("spark_xpath_long", Returns::Type(DataType::Int64), |rows| {
    let mut search = Search::new(rows)?;
    rows.primitives::<Int64Type>(|row| Ok(search.number(row)?.map(|n| n as i64)))
});
/// `xpath_int(xml, path)`.
pub static XPATH_INT: Kernel = Kernel::new("spark_xpath_int", Returns::Type(DataType::Int32), |rows| {
    let mut search = Search::new(rows)?;
    rows.primitives::<Int32Type>(|row| Ok(search.number(row)?.map(|n| n as i32)))
});
/// `xpath_short(xml, path)`.
pub static XPATH_SHORT: Kernel = Kernel::new("spark_xpath_short", Returns::Type(DataType::Int16), |rows| {
    let mut search = Search::new(rows)?;
    rows.primitives::<Int16Type>(|row| Ok(search.number(row)?.map(|n| n as i32 as i16)))
});
/// `from_xml(text, options as JSON, null of the result's type)`.
pub static FROM_XML: Kernel = Kernel::null_aware("spark_from_xml", Returns::Argument(2), from_xml);
/// `to_xml(struct, options as JSON)`.
pub static TO_XML: Kernel = Kernel::new("spark_to_xml", Returns::Type(DataType::Utf8), to_xml);

/// The functions of this family.
pub static KERNELS: &[&Kernel] = &[
    &XPATH,
    &XPATH_BOOLEAN,
    &XPATH_STRING,
    &XPATH_DOUBLE,
    &XPATH_FLOAT,
    &XPATH_LONG,
    &XPATH_INT,
    &XPATH_SHORT,
    &FROM_XML,
    &TO_XML,
];

/// Looks for paths in texts.
struct Search<'r> {
    rows: &'r Rows<'r>,
    compiled: Compiled<XPath>,
}

impl<'r> Search<'r> {
    fn new(rows: &'r Rows<'r>) -> Result<Self> {
        rows.text(0)?;
        rows.text(1)?;
        Ok(Self { rows, compiled: Compiled::new() })
    }

    /// The value in a row; nothing where text or path are empty.
    fn value(&mut self, row: usize) -> Result<Option<(Value, Document)>> {
        let (text, path) = (self.rows.text(0)?.value(row), self.rows.text(1)?.value(row));
        if text.is_empty() || path.is_empty() {
            return Ok(None);
        }
        let compiled = self.compiled.get(path, |path| {
            XPath::new(path).map_err(|why| {
                let message =
                    format!("Invalid XPath '{path}'javax.xml.transform.TransformerException: {why}");
                SparkError::without_class(message).into()
            })
        })?;
        let document = Document::parse(text)
            .map_err(|why| SparkError::without_class(format!("Error loading expression '{path}': {why}")))?;
        Ok(Some((compiled.value(&document), document)))
    }

    fn number(&mut self, row: usize) -> Result<Option<f64>> {
        Ok(self.value(row)?.map(|(value, document)| value.number(&document)))
    }
}

fn list(rows: &Rows<'_>) -> Result<ArrayRef> {
    let mut search = Search::new(rows)?;
    let mut out = ListBuilder::new(StringBuilder::new());
    for row in 0..rows.len {
        match if rows.is_valid(row) { search.value(row)? } else { None } {
            Some((Value::Nodes(nodes), document)) => {
                for node in nodes.into_iter().map(|id| document.node(id)) {
                    let text = matches!(node.kind, Kind::Text | Kind::Attribute | Kind::Comment);
                    out.values().append_option(text.then_some(node.value.as_str()));
                }
                out.append(true);
            }
            Some(_) => {
                let path = rows.text(1)?.value(row);
                return Err(SparkError::without_class(format!("Error loading expression '{path}'")).into());
            }
            None => out.append_null(),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn from_xml(rows: &Rows<'_>) -> Result<ArrayRef> {
    let texts = rows.text(0)?;
    let given = options(constant(rows, 1)?)?;
    let options = JsonOptions::new(&Options(&given), given.get("timeZone").map_or("UTC", String::as_str))?;
    let reader = read::Reader::new(&given)?;
    let mut decoder = ValueDecoder::new(&options, rows.to)?;
    for row in 0..rows.len {
        if texts.is_null(row) {
            decoder.append(None)?;
            continue;
        }
        let text = texts.value(row);
        match Document::parse(text) {
            Ok(document) => {
                let texts = read::Texts::new(&document);
                let node = reader.node(&document, &texts, rows.to);
                decoder.append_node(node.as_ref(), text)?;
            }
            Err(_) => decoder.append_node(None, text)?,
        }
    }
    decoder.finish()
}

fn to_xml(rows: &Rows<'_>) -> Result<ArrayRef> {
    let Some(structs) = rows.array(0)?.as_struct_opt() else {
        return internal_err!("to_xml takes structs");
    };
    let writer = Writer::new(&options(constant(rows, 1)?)?)?;
    rows.write(|row, out| {
        writer.document(out, structs, row)?;
        Ok(true)
    })
}
