//! Takes calls of Python functions out of expressions: into nodes below the one that uses them.

mod grouped;
mod join;
mod prune;

use std::sync::Arc;

use cerium_spark::error::SparkError;
use cerium_spark::python::{
    Call, Operator, PythonAggregate, PythonNode, PythonScalar, eval_type, fresh_name, with_columns,
};
use datafusion::common::Column;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use crate::below;

pub use prune::PrunePythonFunctions;

/// The rule. It runs before the optimizer, which so never sees a Python function in an expression
/// and cannot copy or move one.
#[derive(Debug)]
pub struct ExtractPythonFunctions;

impl AnalyzerRule for ExtractPythonFunctions {
    fn name(&self) -> &'static str {
        "extract_python_functions"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        Ok(plan.transform_up_with_subqueries(extract)?.data)
    }
}

fn extract(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let (mut scalar, mut grouped) = (false, false);
    plan.apply_expressions(|expr| {
        expr.apply(|part| {
            scalar |= stand_in(part).is_some();
            grouped |= aggregate_stand_in(part).is_some();
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    if !scalar && !grouped {
        return Ok(Transformed::no(plan));
    }
    let plan = match plan {
        LogicalPlan::Join(join) if scalar => join::extract(join)?,
        plan if scalar => below(plan)?,
        plan => plan,
    };
    Ok(Transformed::yes(if grouped { grouped::extract(plan)? } else { plan }))
}

/// The stand-in if this is a call of a scalar Python function.
fn stand_in(expr: &Expr) -> Option<(&PythonScalar, &[Expr])> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = expr else { return None };
    func.inner().downcast_ref::<PythonScalar>().map(|stand_in| (stand_in, args.as_slice()))
}

/// The stand-in if this is a call of a grouped aggregate Python function.
fn aggregate_stand_in(expr: &Expr) -> Option<&PythonAggregate> {
    match expr {
        Expr::AggregateFunction(call) => call.func.inner().downcast_ref(),
        Expr::WindowFunction(call) => match &call.fun {
            datafusion::logical_expr::WindowFunctionDefinition::AggregateUDF(function) => {
                function.inner().downcast_ref()
            }
            datafusion::logical_expr::WindowFunctionDefinition::WindowUDF(_) => None,
        },
        _ => None,
    }
}

/// Has the calls of a node with one input evaluated below it.
fn below(plan: LogicalPlan) -> Result<LogicalPlan> {
    let evaluated = below::evaluate(plan, |input, exprs| {
        let mut evaluation = Evaluation { input };
        let exprs = evaluation.take_out(exprs)?;
        Ok((evaluation.input, exprs))
    })?;
    evaluated
        .ok_or_else(|| SparkError::unsupported("Python functions in an operator of several inputs").into())
}

/// A plan that evaluates more and more Python functions.
struct Evaluation {
    input: LogicalPlan,
}

/// A call that was replaced by a column.
struct Taken {
    call: Expr,
    column: String,
}

impl Evaluation {
    /// Replaces all calls by columns of `input`, inner ones first.
    fn take_out(&mut self, mut exprs: Vec<Expr>) -> Result<Vec<Expr>> {
        loop {
            let mut taken = vec![];
            exprs = exprs.into_iter().map(|expr| replace(expr, &mut taken)).collect::<Result<_>>()?;
            if taken.is_empty() {
                return Ok(exprs);
            }
            self.evaluate(taken)?;
        }
    }

    /// Adds nodes for the calls: as few as can be, for each is a worker of its own.
    fn evaluate(&mut self, taken: Vec<Taken>) -> Result<()> {
        let mut nodes: Vec<Vec<Call>> = vec![];
        for Taken { call, column } in taken {
            let Some((stand_in, args)) = stand_in(&call) else { continue };
            let input = std::mem::take(&mut self.input);
            let (input, columns) = with_columns(input, args.to_vec()).map_err(DataFusionError::from)?;
            self.input = input;
            let call = Call {
                function: Arc::clone(&stand_in.function),
                arguments: columns.into_iter().zip(stand_in.keywords.iter().cloned()).collect(),
                name: column,
            };
            let same_task = nodes.iter_mut().find(|calls| {
                calls.first().is_some_and(|first| {
                    let (a, b) = (&first.function, &call.function);
                    a.eval_type == b.eval_type
                        && a.python_version == b.python_version
                        && a.includes == b.includes
                        && !eval_type::is_iterator(a.eval_type)
                })
            });
            match same_task {
                Some(calls) => calls.push(call),
                None => nodes.push(vec![call]),
            }
        }
        for calls in nodes {
            let input = std::mem::take(&mut self.input);
            self.input = PythonNode::new(Operator::Eval(calls), vec![input])?.into_plan();
        }
        Ok(())
    }
}

/// Replaces the calls that have no other call among their arguments.
fn replace(expr: Expr, taken: &mut Vec<Taken>) -> Result<Expr> {
    let replaced = expr.transform_down(|part| {
        let Some((stand_in, args)) = stand_in(&part) else { return Ok(Transformed::no(part)) };
        for arg in args {
            if arg.exists(|inner| Ok(self::stand_in(inner).is_some()))? {
                return Ok(Transformed::no(part));
            }
            if arg.contains_outer() {
                return Err(SparkError::unsupported(format!(
                    "the Python function {} over columns of an outer query",
                    stand_in.function.name
                ))
                .into());
            }
        }
        let known = taken
            .iter()
            .find(|known: &&Taken| stand_in.function.deterministic && known.call == part)
            .map(|known| known.column.clone());
        let column = known.unwrap_or_else(|| {
            let column = fresh_name();
            taken.push(Taken { call: part.clone(), column: column.clone() });
            column
        });
        Ok(Transformed::new(Expr::Column(Column::new_unqualified(column)), true, TreeNodeRecursion::Jump))
    })?;
    Ok(replaced.data)
}
