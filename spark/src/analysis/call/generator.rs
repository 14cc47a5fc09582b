//! Generators: functions that make several rows of one, as `explode`.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, ScalarValue, UnnestOptions};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit};

use super::lambda::wrong_input;
use super::{Context, arity, call_text, exprs};
use crate::analysis::cast::cast;
use crate::analysis::common::common_type;
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};
use crate::functions::generator::Rows;
use crate::types::{self, interval::Units};

/// A plan in which each row of the input stands once for each row that a generator made of it.
#[derive(Debug, Clone)]
pub struct Generated {
    /// The input's columns under their names, then the generated ones.
    pub plan: LogicalPlan,
    /// The generated columns: expressions over `plan` and Spark's default names (`col`, `pos`, `key`, ...).
    pub columns: Vec<Named>,
}

/// Whether a function is a generator; the names of the `_outer` forms are generators too.
pub fn is_generator(name: &str) -> bool {
    matches!(
        name,
        "explode"
            | "explode_outer"
            | "posexplode"
            | "posexplode_outer"
            | "inline"
            | "inline_outer"
            | "stack"
            | "json_tuple"
            | "variant_explode"
            | "variant_explode_outer"
    )
}

/// What a generator makes of a row.
struct Made {
    /// A list of rows, or with `single` the one row.
    rows: Expr,
    single: bool,
    /// The names of the columns; a row that is no struct has one.
    names: Vec<String>,
    is_struct: bool,
}

/// Runs a generator over a plan. `outer` (as in LATERAL VIEW OUTER) or an `_outer` name keeps rows
/// of which nothing is made, with nulls. `context.schema` is the input's.
pub fn generate(
    context: &Context<'_>,
    input: LogicalPlan,
    name: &str,
    args: Vec<Named>,
    outer: bool,
) -> Result<Generated> {
    let outer = outer || name.ends_with("_outer");
    let marked = |arg: Named| Ok(Named::new(interval::marked(arg.expr, context.schema)?, arg.name));
    let args = args.into_iter().map(marked).collect::<Result<Vec<_>>>()?;
    let made = match name.trim_end_matches("_outer") {
        "explode" => elements(context, name, args, outer, Rows::Elements)?,
        "posexplode" => elements(context, name, args, outer, Rows::Positions)?,
        "inline" => inline(context, name, args, outer)?,
        "stack" => stack(context, name, args, outer)?,
        "json_tuple" => json_tuple(context, name, args)?,
        "variant_explode" => variant_explode(context, name, args)?,
        _ => return Err(SparkError::routine_not_found(name)),
    };
    let own = input.schema().columns();
    let free = |wanted: &str| {
        let taken = |name: &str| own.iter().any(|column| column.name == name);
        let mut candidates = (0..=own.len()).map(|i| format!("__{wanted}_{i}"));
        candidates.find(|name| !taken(name)).unwrap_or_else(|| format!("__{wanted}"))
    };
    let rows = Column::from_name(free("generated"));
    let mut columns: Vec<Expr> = own.iter().cloned().map(Expr::Column).collect();
    let item = match made.rows.get_type(input.schema())? {
        DataType::List(item) if !made.is_struct => Some(item),
        _ => None,
    };
    let mut builder = LogicalPlanBuilder::from(input)
        .project(columns.iter().cloned().chain([made.rows.alias(rows.name.clone())]))?;
    if !made.single {
        let options = UnnestOptions::new().with_preserve_nulls(outer);
        builder = builder.unnest_column_with_options(rows.clone(), options)?;
    }
    if !made.is_struct {
        // What a list says of its elements is lost where it is unfolded.
        if let Some(item) = item
            && Units::of(&item).is_some()
        {
            let element = interval::typed(Expr::Column(rows.clone()), &item, builder.schema())?;
            builder = builder.project(columns.into_iter().chain([element.alias(rows.name.clone())]))?;
        }
        let generated = made.names.into_iter().map(|name| Named::new(Expr::Column(rows.clone()), name));
        return Ok(Generated { plan: builder.build()?, columns: generated.collect() });
    }
    let DataType::Struct(fields) = Expr::Column(rows.clone()).get_type(builder.schema())? else {
        return Err(SparkError::internal(format!("{name} made no rows")));
    };
    let mut generated = Vec::with_capacity(made.names.len());
    for (field, name) in fields.iter().zip(made.names) {
        let column = Column::from_name(free(&format!("generated_{}", generated.len())));
        let value = datafusion::functions::core::get_field()
            .call(vec![Expr::Column(rows.clone()), lit(field.name().as_str())]);
        columns.push(value.alias(column.name.clone()));
        generated.push(Named::new(Expr::Column(column), name));
    }
    Ok(Generated { plan: builder.project(columns)?.build()?, columns: generated })
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// `explode` and `posexplode`.
fn elements(
    context: &Context<'_>,
    name: &str,
    mut args: Vec<Named>,
    outer: bool,
    rows: Rows,
) -> Result<Made> {
    arity(name, &args, 1, 1)?;
    let text = call_text(name, &args);
    let arg = args.remove(0);
    let data_type = arg.expr.get_type(context.schema)?;
    let (columns, is_struct): (&[&str], bool) = match (&data_type, rows) {
        (DataType::Map(_, _), Rows::Elements) => (&["key", "value"], true),
        (DataType::Map(_, _), _) => (&["pos", "key", "value"], true),
        (DataType::List(_), Rows::Elements) => (&["col"], false),
        (DataType::List(_), _) => (&["pos", "col"], true),
        _ => {
            let required = "(\"ARRAY\" or \"MAP\")";
            return Err(wrong_input(&text, 0, required, &arg.name, &data_type));
        }
    };
    let plain = !is_struct && !outer;
    let rows = if plain { arg.expr } else { scalar_call(rows.function(outer), vec![arg.expr]) };
    Ok(Made { rows, single: false, names: names(columns), is_struct })
}

fn inline(context: &Context<'_>, name: &str, mut args: Vec<Named>, outer: bool) -> Result<Made> {
    arity(name, &args, 1, 1)?;
    let text = call_text(name, &args);
    let arg = args.remove(0);
    let data_type = arg.expr.get_type(context.schema)?;
    if let DataType::List(field) = &data_type
        && let DataType::Struct(fields) = field.data_type()
    {
        let names = fields.iter().map(|field| field.name().clone()).collect();
        let rows = if outer { scalar_call(Rows::Elements.function(true), vec![arg.expr]) } else { arg.expr };
        return Ok(Made { rows, single: false, names, is_struct: true });
    }
    Err(wrong_input(&text, 0, "ARRAY<STRUCT>", &arg.name, &data_type))
}

fn variant_explode(context: &Context<'_>, name: &str, mut args: Vec<Named>) -> Result<Made> {
    arity(name, &args, 1, 1)?;
    let text = call_text(name, &args);
    let arg = args.remove(0);
    let data_type = arg.expr.get_type(context.schema)?;
    if !types::is_variant(&data_type) {
        return Err(wrong_input(&text, 0, "VARIANT", &arg.name, &data_type));
    }
    let rows = scalar_call(crate::functions::variant::PARTS.function(), vec![arg.expr]);
    Ok(Made { rows, single: false, names: names(&["pos", "key", "value"]), is_struct: true })
}

fn stack(context: &Context<'_>, name: &str, args: Vec<Named>, outer: bool) -> Result<Made> {
    arity(name, &args, 2, usize::MAX)?;
    let text = call_text(name, &args);
    let first = args[0].clone();
    let data_type = first.expr.get_type(context.schema)?;
    let count = match &first.expr {
        Expr::Literal(value, _) => match value.cast_to(&DataType::Int32)? {
            ScalarValue::Int32(count) => count,
            _ => None,
        },
        _ => {
            return Err(SparkError::type_mismatch(
                "NON_FOLDABLE_INPUT",
                &text,
                &format!(
                    "the input `n` should be a foldable \"INT\" expression; however, got \"{}\"",
                    first.name
                ),
            ));
        }
    };
    if !data_type.is_integer() {
        return Err(wrong_input(&text, 0, "INT", &first.name, &data_type));
    }
    let Some(count) = count.filter(|count| *count > 0) else {
        return Err(SparkError::type_mismatch(
            "VALUE_OUT_OF_RANGE",
            &text,
            &format!("The `n` must be between (0, 2147483647] (current value = {})", first.name),
        ));
    };
    let values = exprs(args).split_off(1);
    let width = values.len().div_ceil(count as usize);
    let types: Vec<DataType> =
        values.iter().map(|value| Ok(value.get_type(context.schema)?)).collect::<Result<_>>()?;
    let mut rows = vec![lit(count)];
    for (i, value) in values.into_iter().enumerate() {
        let of_column = || types.iter().skip(i % width).step_by(width);
        let Some(common) = common_type(of_column()) else {
            let left = &types[i % width];
            let right = of_column().find(|t| *t != left).unwrap_or(left);
            return Err(SparkError::type_mismatch(
                "STACK_COLUMN_DIFF_TYPES",
                &text,
                &format!(
                    "The data type of the column ({}) do not have the same type: \"{}\" ({}) <> \"{}\" ({})",
                    i % width,
                    types::sql_name(left),
                    i % width + 1,
                    types::sql_name(right),
                    i % width + 1 + width
                ),
            ));
        };
        rows.push(cast(value, &common, false, context.schema)?);
    }
    let names = (0..width).map(|i| format!("col{i}")).collect();
    let rows = scalar_call(Rows::Stack.function(outer), rows);
    Ok(Made { rows, single: false, names, is_struct: true })
}

fn json_tuple(context: &Context<'_>, name: &str, args: Vec<Named>) -> Result<Made> {
    arity(name, &args, 2, usize::MAX)?;
    let text = call_text(name, &args);
    let names = (0..args.len() - 1).map(|i| format!("c{i}")).collect();
    let mut strings = Vec::with_capacity(args.len());
    for arg in args {
        let data_type = arg.expr.get_type(context.schema)?;
        if !data_type.is_string() && data_type != DataType::Null {
            let reason = "all arguments of the function must be strings";
            return Err(SparkError::type_mismatch("NON_STRING_TYPE", &text, reason));
        }
        strings.push(cast(arg.expr, &DataType::Utf8, false, context.schema)?);
    }
    let rows = scalar_call(context.function("json_tuple")?, strings);
    Ok(Made { rows, single: true, names, is_struct: true })
}
