//! Schemas as `printSchema` draws them.

use datafusion::arrow::datatypes::{DataType, Field, Schema};

use crate::analysis::scope::display_name;
use crate::types;

/// The tree of a schema, `level` levels deep if that is above 0.
pub fn tree_string(schema: &Schema, level: i32) -> String {
    let mut out = "root\n".to_owned();
    let depth = if level > 0 { level } else { i32::MAX };
    for field in schema.fields() {
        draw_field(&mut out, field, " |", depth);
    }
    out
}

fn draw_field(out: &mut String, field: &Field, prefix: &str, depth: i32) {
    if depth <= 0 {
        return;
    }
    out.push_str(&format!(
        "{prefix}-- {}: {} (nullable = {})\n",
        display_name(field.name()),
        type_name(field),
        field.is_nullable()
    ));
    draw_parts(out, field.data_type(), &format!("{prefix}    |"), depth - 1);
}

/// What is inside a nested type.
fn draw_parts(out: &mut String, data_type: &DataType, prefix: &str, depth: i32) {
    if depth <= 0 {
        return;
    }
    let mut part = |name: &str, field: &Field, nulls: &str| {
        let nulls =
            if nulls.is_empty() { String::new() } else { format!(" ({nulls} = {})", field.is_nullable()) };
        out.push_str(&format!("{prefix}-- {name}: {}{nulls}\n", type_name(field)));
        draw_parts(out, field.data_type(), &format!("{prefix}    |"), depth - 1);
    };
    match data_type {
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            part("element", element, "containsNull");
        }
        DataType::Map(entries, _) => {
            if let DataType::Struct(kv) = entries.data_type()
                && kv.len() == 2
            {
                part("key", &kv[0], "");
                part("value", &kv[1], "valueContainsNull");
            }
        }
        DataType::Struct(fields) if !is_opaque(data_type) => {
            for field in fields {
                draw_field(out, field, prefix, depth);
            }
        }
        _ => {}
    }
}

fn type_name(field: &Field) -> String {
    match field.data_type() {
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(_, _) => "array".to_owned(),
        DataType::Map(_, _) => "map".to_owned(),
        data_type @ DataType::Struct(_) if !is_opaque(data_type) => "struct".to_owned(),
        DataType::Int64 => "long".to_owned(),
        DataType::Int32 => "integer".to_owned(),
        DataType::Int16 => "short".to_owned(),
        DataType::Int8 => "byte".to_owned(),
        _ => types::simple_name_of(field),
    }
}

/// Structs that are types of their own to Spark.
fn is_opaque(data_type: &DataType) -> bool {
    types::is_variant(data_type) || types::Geo::of(data_type).is_some()
}
