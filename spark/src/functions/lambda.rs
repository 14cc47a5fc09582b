//! Functions that take lambdas, as `transform`: the body is evaluated once for the elements of a whole batch.
//!
//! The body is part of the function and not an argument, so that no rule of the optimizer meets
//! variables it does not know. What it needs of the row around it are arguments after the values.

mod fold;
mod list;
mod map;
mod sort;

pub(crate) use list::flat;

use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::{DFSchema, Result, exec_err, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::execution_props::ExecutionProps;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::{PhysicalExpr, create_physical_expr};

use crate::types;

/// The functions that take lambdas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HigherOrder {
    /// `transform(array, (element[, index]) -> ...)`.
    Transform,
    /// `filter(array, (element[, index]) -> ...)`.
    Filter,
    /// `exists(array, element -> ...)`.
    Exists,
    /// `forall(array, element -> ...)`.
    Forall,
    /// `aggregate(array, start, (accumulator, element) -> ...[, accumulator -> ...])`.
    Aggregate,
    /// `zip_with(array, array, (left, right) -> ...)`.
    ZipWith,
    /// `array_sort(array, (left, right) -> ...)`.
    ArraySort,
    /// `map_filter(map, (key, value) -> ...)`.
    MapFilter,
    /// `map_zip_with(map, map, (key, left, right) -> ...)`.
    MapZipWith,
    /// `transform_keys(map, (key, value) -> ...)`.
    TransformKeys,
    /// `transform_values(map, (key, value) -> ...)`.
    TransformValues,
}

impl HigherOrder {
    const ALL: [Self; 11] = [
        Self::Transform,
        Self::Filter,
        Self::Exists,
        Self::Forall,
        Self::Aggregate,
        Self::ZipWith,
        Self::ArraySort,
        Self::MapFilter,
        Self::MapZipWith,
        Self::TransformKeys,
        Self::TransformValues,
    ];

    /// Spark's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Filter => "filter",
            Self::Exists => "exists",
            Self::Forall => "forall",
            Self::Aggregate => "aggregate",
            Self::ZipWith => "zip_with",
            Self::ArraySort => "array_sort",
            Self::MapFilter => "map_filter",
            Self::MapZipWith => "map_zip_with",
            Self::TransformKeys => "transform_keys",
            Self::TransformValues => "transform_values",
        }
    }

    /// The function of this name; `reduce` is another name of `aggregate`.
    pub fn of(name: &str) -> Option<Self> {
        let name = if name == "reduce" { "aggregate" } else { name };
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    /// How many arguments come before the lambdas.
    pub fn value_count(self) -> usize {
        match self {
            Self::Aggregate | Self::ZipWith | Self::MapZipWith => 2,
            _ => 1,
        }
    }

    fn result_type(self, values: &[DataType], bodies: &[DataType]) -> Result<DataType> {
        Ok(match (self, values, bodies) {
            (Self::Transform | Self::ZipWith, _, [body]) => list_of(body.clone()),
            (Self::Filter | Self::ArraySort | Self::MapFilter, [value], _) => value.clone(),
            (Self::Exists | Self::Forall, _, _) => DataType::Boolean,
            (Self::Aggregate, _, [.., last]) => last.clone(),
            (Self::TransformKeys, [map], [key]) => types::map(key.clone(), map_types(map)?.1),
            (Self::TransformValues | Self::MapZipWith, [map, ..], [value]) => {
                types::map(map_types(map)?.0, value.clone())
            }
            _ => return internal_err!("{} without its lambda", self.name()),
        })
    }
}

/// Arrow's list type with nullable elements.
pub(crate) fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// Key and value type of a map.
pub(crate) fn map_types(map: &DataType) -> Result<(DataType, DataType)> {
    if let DataType::Map(entries, _) = map
        && let DataType::Struct(fields) = entries.data_type()
        && let [key, value] = fields.as_ref()
    {
        return Ok((key.data_type().clone(), value.data_type().clone()));
    }
    internal_err!("{map} is not a map")
}

/// A lambda's body: an expression over the columns `p0`, `p1`, ... (its parameters) and `c0`, `c1`, ...
/// (what it uses of the row around it).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Body {
    /// The expression, with all casts in place.
    pub expr: Expr,
    /// Types of the parameters.
    pub parameters: Vec<DataType>,
}

impl Body {
    /// The name of a parameter's column.
    pub fn parameter_name(index: usize) -> String {
        format!("p{index}")
    }

    /// The name of a captured value's column.
    pub fn capture_name(index: usize) -> String {
        format!("c{index}")
    }

    /// The columns that the body sees.
    pub fn schema(parameters: &[DataType], captures: &[DataType]) -> Result<DFSchema> {
        let parameters =
            parameters.iter().enumerate().map(|(i, t)| Field::new(Self::parameter_name(i), t.clone(), true));
        let captures =
            captures.iter().enumerate().map(|(i, t)| Field::new(Self::capture_name(i), t.clone(), true));
        DFSchema::try_from(Schema::new(parameters.chain(captures).collect::<Vec<_>>()))
    }
}

/// The physical form of a body, made when it is first needed; no part of what a function is.
#[derive(Debug, Default)]
struct Compiled(OnceLock<Arc<dyn PhysicalExpr>>);

impl PartialEq for Compiled {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Compiled {}

impl Hash for Compiled {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// A function and its lambdas. Its arguments are the values, then the captured ones.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct LambdaFunction {
    function: HigherOrder,
    bodies: Vec<Body>,
    body_types: Vec<DataType>,
    captures: Vec<DataType>,
    compiled: Vec<Compiled>,
    signature: Signature,
}

impl LambdaFunction {
    /// A function with its lambdas; `captures` are the types of the arguments after the values.
    pub fn try_new(function: HigherOrder, bodies: Vec<Body>, captures: Vec<DataType>) -> Result<Self> {
        use datafusion::logical_expr::ExprSchemable;
        let mut body_types = Vec::with_capacity(bodies.len());
        let mut volatile = false;
        for body in &bodies {
            let schema = Body::schema(&body.parameters, &captures)?;
            body_types.push(body.expr.get_type(&schema)?);
            volatile |= body.expr.is_volatile();
        }
        let volatility = if volatile { Volatility::Volatile } else { Volatility::Immutable };
        let count = function.value_count() + captures.len();
        let compiled = bodies.iter().map(|_| Compiled::default()).collect();
        let signature = Signature::any(count, volatility);
        Ok(Self { function, bodies, body_types, captures, compiled, signature })
    }

    /// Which function it is.
    pub fn function(&self) -> HigherOrder {
        self.function
    }

    /// The lambdas' bodies.
    pub fn bodies(&self) -> &[Body] {
        &self.bodies
    }

    /// The types of the arguments after the values.
    pub fn captures(&self) -> &[DataType] {
        &self.captures
    }

    fn compiled(&self, index: usize, options: &Arc<ConfigOptions>) -> Result<Arc<dyn PhysicalExpr>> {
        let (Some(body), Some(compiled)) = (self.bodies.get(index), self.compiled.get(index)) else {
            return internal_err!("{} without its lambda", self.function.name());
        };
        if let Some(expr) = compiled.0.get() {
            return Ok(Arc::clone(expr));
        }
        let schema = Body::schema(&body.parameters, &self.captures)?;
        let mut props = ExecutionProps::new();
        props.config_options = Some(Arc::clone(options));
        let expr = create_physical_expr(&body.expr, &schema, &props, &PhysicalPlanningContext::default())?;
        Ok(Arc::clone(compiled.0.get_or_init(|| expr)))
    }
}

impl ScalarUDFImpl for LambdaFunction {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    // Columns of an aggregation are told apart by this name.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let args = args.iter().map(|arg| arg.schema_name().to_string());
        let bodies = self.bodies.iter().map(|body| body.expr.to_string());
        Ok(format!("{}({})", self.name(), args.chain(bodies).collect::<Vec<_>>().join(", ")))
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        let values = args.get(..self.function.value_count()).unwrap_or(args);
        self.function.result_type(values, &self.body_types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let may_be_null =
            matches!(self.function, HigherOrder::Exists | HigherOrder::Forall | HigherOrder::Aggregate);
        let values = args.arg_fields.iter().take(self.function.value_count());
        let nullable = may_be_null || values.into_iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(self.name(), self.return_type(&types)?, nullable)))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let rows = if scalar { 1 } else { args.number_rows };
        let arrays = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let (values, captures) = arrays.split_at(self.function.value_count().min(arrays.len()));
        let lambda = |index: usize| -> Result<Lambda<'_>> {
            let parameters = self.bodies.get(index).map_or(0, |body| body.parameters.len());
            Ok(Lambda { expr: self.compiled(index, &args.config_options)?, parameters, captures })
        };
        let result_type = args.return_field.data_type();
        let result = match (self.function, values) {
            (HigherOrder::Transform, [list]) => list::transform(list.as_list(), &lambda(0)?)?,
            (HigherOrder::Filter, [list]) => list::filter(list.as_list(), &lambda(0)?)?,
            (HigherOrder::Exists, [list]) => list::any(list.as_list(), &lambda(0)?, true)?,
            (HigherOrder::Forall, [list]) => list::any(list.as_list(), &lambda(0)?, false)?,
            (HigherOrder::ZipWith, [left, right]) => {
                list::zip_with(left.as_list(), right.as_list(), &lambda(0)?)?
            }
            (HigherOrder::Aggregate, [list, start]) => {
                let finish = if self.bodies.len() > 1 { Some(lambda(1)?) } else { None };
                fold::aggregate(list.as_list(), start, &lambda(0)?, finish.as_ref())?
            }
            (HigherOrder::ArraySort, [list]) => sort::array_sort(list.as_list(), &lambda(0)?)?,
            (HigherOrder::MapFilter, [map]) => map::filter(map.as_map(), &lambda(0)?)?,
            (HigherOrder::TransformKeys, [map]) => map::transform_keys(map.as_map(), &lambda(0)?)?,
            (HigherOrder::TransformValues, [map]) => map::transform_values(map.as_map(), &lambda(0)?)?,
            (HigherOrder::MapZipWith, [left, right]) => {
                map::zip_with(left.as_map(), right.as_map(), &lambda(0)?)?
            }
            _ => return exec_err!("{} got {} arguments", self.name(), arrays.len()),
        };
        let result = fit(result, result_type)?;
        if scalar {
            return Ok(ColumnarValue::Scalar(datafusion::common::ScalarValue::try_from_array(&result, 0)?));
        }
        Ok(ColumnarValue::Array(result))
    }
}

/// A lambda ready to run, and the captured values, one for each row of the batch.
struct Lambda<'a> {
    expr: Arc<dyn PhysicalExpr>,
    /// How many of the values on offer its body takes.
    parameters: usize,
    captures: &'a [ArrayRef],
}

impl Lambda<'_> {
    /// Runs the body on as many rows as the parameters have; `rows` gives for each the row of the
    /// batch whose captured values it sees.
    fn evaluate(&self, parameters: Vec<ArrayRef>, rows: impl FnOnce() -> Vec<u32>) -> Result<ArrayRef> {
        let captures = if self.captures.is_empty() {
            Vec::new()
        } else {
            let rows = UInt32Array::from(rows());
            compute::take_arrays(self.captures, &rows, None)?
        };
        self.evaluate_aligned(parameters, captures)
    }

    /// Runs the body; the captured values have been brought into the order of the parameters.
    fn evaluate_aligned(&self, mut parameters: Vec<ArrayRef>, captures: Vec<ArrayRef>) -> Result<ArrayRef> {
        let count = parameters.first().map_or(0, |p| p.len());
        parameters.truncate(self.parameters);
        let named = |name: String, array: &ArrayRef| Field::new(name, array.data_type().clone(), true);
        let fields: Vec<Field> = parameters
            .iter()
            .enumerate()
            .map(|(i, array)| named(Body::parameter_name(i), array))
            .chain(captures.iter().enumerate().map(|(i, array)| named(Body::capture_name(i), array)))
            .collect();
        let columns = parameters.into_iter().chain(captures).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(count));
        let batch = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?;
        self.expr.evaluate(&batch)?.into_array(count)
    }
}

/// The array as the very type that was promised; nested types may differ in names and nullability.
fn fit(array: ArrayRef, to: &DataType) -> Result<ArrayRef> {
    if array.data_type() == to { Ok(array) } else { Ok(compute::cast(&array, to)?) }
}
