//! Calls of functions that take lambdas: `transform(xs, x -> x + 1)`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::LambdaVariable;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, ExprSchemable, ScalarUDF};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;

use super::{Context, list};
use crate::analysis::Named;
use crate::analysis::cast::cast;
use crate::analysis::operator::scalar_call;
use crate::error::{Result, SparkError};
use crate::functions::lambda::{Body, HigherOrder, LambdaFunction, list_of, map_types};
use crate::types;

/// What Spark calls any parameter of a lambda in the names of columns.
const PARAMETER: &str = "namedlambdavariable()";

/// Resolves a lambda's body, given its parameters.
pub type ResolveBody<'a> = Box<dyn FnMut(&[Named]) -> Result<Named> + Send + 'a>;

/// A lambda as written, its body still to be resolved.
pub struct Lambda<'a> {
    /// The names of its parameters, as written.
    pub parameters: Vec<String>,
    /// Resolves the body, given the parameters as typed expressions (in the order of `parameters`).
    /// May be called more than once. Inside, columns of the query resolve as outside.
    pub body: ResolveBody<'a>,
}

/// Whether a function takes lambdas. `array_sort` does so only in its form with a comparator; call
/// [`higher_order`] for it only when a lambda was written.
pub fn is_higher_order(name: &str) -> bool {
    HigherOrder::of(name).is_some()
}

/// A call of a function that takes lambdas; `values` are the arguments before them.
pub fn higher_order(
    context: &Context<'_>,
    name: &str,
    values: Vec<Named>,
    lambdas: Vec<Lambda<'_>>,
) -> Result<Named> {
    let function = HigherOrder::of(name).ok_or_else(|| SparkError::routine_not_found(name))?;
    let most = if function == HigherOrder::Aggregate { 2 } else { 1 };
    if values.len() != function.value_count() || lambdas.is_empty() || lambdas.len() > most {
        let least = function.value_count() + 1;
        let expected = if most == 1 { least.to_string() } else { format!("[{least}, {}]", least + 1) };
        return Err(SparkError::wrong_num_args(name, &expected, values.len() + lambdas.len()));
    }
    let value_names = list(&values);
    let mut lambdas = lambdas;
    let value_args = typed_values(context, function, name, values, &mut lambdas)?;
    let types: Vec<DataType> =
        value_args.iter().map(|arg| Ok(arg.get_type(context.schema)?)).collect::<Result<_>>()?;

    let mut captures = Vec::new();
    let mut bodies = Vec::new();
    let mut texts = vec![value_names];
    let mut lambdas = lambdas.into_iter();
    let mut index = 0;
    while let Some(lambda) = lambdas.next() {
        let (least, parameters) = parameter_types(function, index, &types)?;
        let resolved = resolve(name, lambda, least, parameters)?;
        let required = match function {
            HigherOrder::Filter | HigherOrder::Exists | HigherOrder::Forall | HigherOrder::MapFilter => {
                Some(DataType::Boolean)
            }
            HigherOrder::ArraySort => Some(DataType::Int32),
            HigherOrder::Aggregate if index == 0 => types.get(1).cloned(),
            _ => None,
        };
        texts.push(resolved.text.clone());
        let expr = match required {
            None => resolved.expr.clone(),
            Some(required) => {
                let found = resolved.expr.get_type(context.schema)?;
                let null_fits = function != HigherOrder::ArraySort && found == DataType::Null;
                if !null_fits && types::simple_name(&found) != types::simple_name(&required) {
                    let required = types::sql_name(&required);
                    if function == HigherOrder::Aggregate {
                        texts.push(match lambdas.next() {
                            Some(mut finish) => unresolved_text(&mut finish),
                            None => format!("lambdafunction({PARAMETER}, {PARAMETER})"),
                        });
                    }
                    let call = format!("{name}({})", texts.join(", "));
                    if function == HigherOrder::ArraySort {
                        let found = types::sql_name(&found);
                        let reason = format!(
                            "The `lambdafunction` requires return \"{required}\" type, but the actual is \"{found}\" type"
                        );
                        return Err(SparkError::type_mismatch("UNEXPECTED_RETURN_TYPE", &call, &reason));
                    }
                    return Err(wrong_input(
                        &call,
                        function.value_count(),
                        &required,
                        &resolved.text,
                        &found,
                    ));
                }
                cast(resolved.expr.clone(), &required, false, context.schema)?
            }
        };
        bodies.push(resolved.bind(expr, &mut captures)?);
        index += 1;
    }
    if function == HigherOrder::Aggregate && bodies.len() == 1 {
        texts.push(format!("lambdafunction({PARAMETER}, {PARAMETER})"));
    }
    let capture_types: Vec<DataType> =
        captures.iter().map(|arg: &Expr| Ok(arg.get_type(context.schema)?)).collect::<Result<_>>()?;
    let bodies: Vec<Body> =
        bodies.into_iter().map(|body| prepared(context, body, &capture_types)).collect::<Result<_>>()?;
    let function = LambdaFunction::try_new(function, bodies, capture_types)?;
    let args = value_args.into_iter().chain(captures).collect();
    let expr = scalar_call(Arc::new(ScalarUDF::new_from_impl(function)), args);
    Ok(Named::new(expr, format!("{name}({})", texts.join(", "))))
}

/// The arguments before the lambdas, arrays or maps where such are taken.
fn typed_values(
    context: &Context<'_>,
    function: HigherOrder,
    name: &str,
    values: Vec<Named>,
    lambdas: &mut [Lambda<'_>],
) -> Result<Vec<Expr>> {
    use HigherOrder::{Aggregate, MapFilter, MapZipWith, TransformKeys, TransformValues};
    let names = list(&values);
    let maps = matches!(function, MapFilter | MapZipWith | TransformKeys | TransformValues);
    let mut args = Vec::with_capacity(values.len());
    for (index, value) in values.into_iter().enumerate() {
        let data_type = value.expr.get_type(context.schema)?;
        if function == Aggregate && index == 1 {
            args.push(value.expr);
            continue;
        }
        let target = match &data_type {
            DataType::Map(_, _) if maps => data_type.clone(),
            DataType::Null if maps => types::map(DataType::Null, DataType::Null),
            DataType::List(_) if !maps => data_type.clone(),
            DataType::LargeList(field) | DataType::FixedSizeList(field, _) if !maps => {
                list_of(field.data_type().clone())
            }
            DataType::Null if !maps => list_of(DataType::Null),
            _ => {
                let required = if maps { "MAP" } else { "ARRAY" };
                let bodies = lambdas.iter_mut().map(unresolved_text);
                let args = std::iter::once(names).chain(bodies).collect::<Vec<_>>().join(", ");
                return Err(wrong_input(
                    &format!("{name}({args})"),
                    index,
                    required,
                    &value.name,
                    &data_type,
                ));
            }
        };
        args.push(if target == data_type {
            value.expr
        } else {
            value.expr.cast_to(&target, context.schema)?
        });
    }
    Ok(args)
}

/// A lambda as it is shown while the types of its parameters are not known.
fn unresolved_text(lambda: &mut Lambda<'_>) -> String {
    let null = || Expr::Literal(ScalarValue::Null, None);
    let parameters: Vec<Named> =
        lambda.parameters.iter().map(|name| Named::new(null(), name.clone())).collect();
    let body = (lambda.body)(&parameters).map_or_else(|_| "...".to_owned(), |body| body.name);
    format!("lambdafunction({body}, {})", lambda.parameters.join(", "))
}

/// Spark's error about the type of an argument, counted from 0.
pub(super) fn wrong_input(
    call: &str,
    index: usize,
    required: &str,
    input: &str,
    data_type: &DataType,
) -> SparkError {
    let place = match index {
        0 => "first",
        1 => "second",
        2 => "third",
        3 => "fourth",
        _ => "last",
    };
    let data_type = types::sql_name(data_type);
    let required =
        if required.starts_with(['(', '"']) { required.to_owned() } else { format!("\"{required}\"") };
    SparkError::type_mismatch(
        "UNEXPECTED_INPUT_TYPE",
        call,
        &format!(
            "The {place} parameter requires the {required} type, however \"{input}\" has the type \"{data_type}\""
        ),
    )
    .with_param("paramIndex", place)
    .with_param("requiredType", required)
    .with_param("inputSql", format!("\"{input}\""))
    .with_param("inputType", format!("\"{data_type}\""))
}

/// How many parameters a lambda must have at least, and the types of all it can have.
fn parameter_types(
    function: HigherOrder,
    index: usize,
    values: &[DataType],
) -> Result<(usize, Vec<DataType>)> {
    let element = |data_type: &DataType| match data_type {
        DataType::List(field) => Ok(field.data_type().clone()),
        other => Err(SparkError::internal(format!("{other} has no elements"))),
    };
    Ok(match (function, values) {
        (HigherOrder::Transform | HigherOrder::Filter, [list]) => (1, vec![element(list)?, DataType::Int32]),
        (HigherOrder::Exists | HigherOrder::Forall, [list]) => (1, vec![element(list)?]),
        (HigherOrder::Aggregate, [list, start]) if index == 0 => (2, vec![start.clone(), element(list)?]),
        (HigherOrder::Aggregate, [_, start]) => (1, vec![start.clone()]),
        (HigherOrder::ArraySort, [list]) => (2, vec![element(list)?, element(list)?]),
        (HigherOrder::ZipWith, [left, right]) => (2, vec![element(left)?, element(right)?]),
        (HigherOrder::MapZipWith, [left, right]) => {
            let ((key, left), (_, right)) = (map_types(left)?, map_types(right)?);
            (3, vec![key, left, right])
        }
        (_, [map]) => {
            let (key, value) = map_types(map)?;
            (2, vec![key, value])
        }
        _ => return Err(SparkError::internal("arguments lost after they were counted")),
    })
}

/// A lambda whose body is resolved.
struct Resolved {
    names: Vec<String>,
    types: Vec<DataType>,
    expr: Expr,
    text: String,
}

fn resolve(name: &str, mut lambda: Lambda<'_>, least: usize, mut types: Vec<DataType>) -> Result<Resolved> {
    let count = lambda.parameters.len();
    if count < least || count > types.len() {
        return Err(SparkError::new(
            "INVALID_LAMBDA_FUNCTION_CALL.NUM_ARGS_MISMATCH",
            "42K0D",
            format!(
                "Invalid lambda function call. A higher order function expects {count} arguments, but got {least}."
            ),
        )
        .with_param("expectedNumArgs", count.to_string())
        .with_param("actualNumArgs", least.to_string()));
    }
    types.truncate(count);
    // Lambdas inside others may use their parameters, so each needs a name of its own.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let names: Vec<String> =
        types.iter().map(|_| format!("{name}_parameter_{}", NEXT.fetch_add(1, Ordering::Relaxed))).collect();
    let given: Vec<Named> = names
        .iter()
        .zip(&types)
        .map(|(name, data_type)| {
            let field = Arc::new(Field::new(name, data_type.clone(), true));
            Named::new(Expr::LambdaVariable(LambdaVariable::new(name.clone(), Some(field))), PARAMETER)
        })
        .collect();
    let body = (lambda.body)(&given)?;
    let text = format!("lambdafunction({}{})", body.name, format!(", {PARAMETER}").repeat(count));
    Ok(Resolved { names, types, expr: body.expr, text })
}

impl Resolved {
    /// The body over its own columns; what it uses of the row around it goes into `captures`.
    fn bind(self, expr: Expr, captures: &mut Vec<Expr>) -> Result<Body> {
        let bound = expr.transform_down(|expr| {
            let name = match &expr {
                Expr::LambdaVariable(variable) => self
                    .names
                    .iter()
                    .position(|name| *name == variable.name)
                    .map_or_else(|| capture(captures, &expr), Body::parameter_name),
                Expr::Column(_)
                | Expr::OuterReferenceColumn(_, _)
                | Expr::Placeholder(_)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
                | Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_) => capture(captures, &expr),
                _ => return Ok(Transformed::no(expr)),
            };
            Ok(Transformed::new(Expr::Column(Column::from_name(name)), true, TreeNodeRecursion::Jump))
        })?;
        Ok(Body { expr: bound.data, parameters: self.types })
    }
}

fn capture(captures: &mut Vec<Expr>, expr: &Expr) -> String {
    let known = captures.iter().position(|captured| captured == expr);
    Body::capture_name(known.unwrap_or_else(|| {
        captures.push(expr.clone());
        captures.len() - 1
    }))
}

/// Casts and rewrites that the optimizer makes elsewhere: it does not see bodies.
fn prepared(context: &Context<'_>, body: Body, captures: &[DataType]) -> Result<Body> {
    let schema = Arc::new(Body::schema(&body.parameters, captures)?);
    let now = context.state.execution_props().query_execution_start_time;
    let builder = SimplifyContext::builder()
        .with_schema(Arc::clone(&schema))
        .with_config_options(Arc::clone(context.state.config_options()))
        .with_query_execution_start_time(now);
    let simplifier = ExprSimplifier::new(builder.build());
    let expr = simplifier.simplify(simplifier.coerce(body.expr, &schema)?)?;
    Ok(Body { expr, parameters: body.parameters })
}
