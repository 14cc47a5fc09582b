//! Python functions in the conditions of joins: evaluated on the side whose columns they use.

use cerium_spark::error::SparkError;
use cerium_spark::python::fresh_name;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::error::Result;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder};

use super::{Evaluation, stand_in};
use crate::below::only;

/// The join with its calls evaluated below it; conditions that call a function with columns of
/// both sides become a filter above, which only an inner join allows.
pub(super) fn extract(join: Join) -> Result<LogicalPlan> {
    let columns = LogicalPlan::Join(join.clone()).schema().columns();
    let mut left = Evaluation { input: join.left.as_ref().clone() };
    let mut right = Evaluation { input: join.right.as_ref().clone() };
    let (left_keys, right_keys): (Vec<_>, Vec<_>) = join.on.into_iter().unzip();
    let left_keys = left.take_out(left_keys)?;
    let right_keys = right.take_out(right_keys)?;
    let (mut inside, mut above) = (vec![], vec![]);
    for condition in join.filter.map(split_conjunction_owned).unwrap_or_default() {
        match side(&condition, join.left.schema(), join.right.schema())? {
            Side::None => inside.push(condition),
            Side::Left => inside.extend(left.take_out(vec![condition])?),
            Side::Right => inside.extend(right.take_out(vec![condition])?),
            Side::Each => {
                let condition = take_out_of_sides(condition, &mut left, &mut right)?;
                inside.push(condition);
            }
            Side::Both if join.join_type == JoinType::Inner => above.push(condition),
            Side::Both => {
                let kind = cerium_spark::analysis::join::sql_name(join.join_type);
                return Err(SparkError::new(
                    "UNSUPPORTED_FEATURE.PYTHON_UDF_IN_ON_CLAUSE",
                    "0A000",
                    format!(
                        "The feature is not supported: Python UDF in the ON clause of a {kind} JOIN. In case of \
                         an INNER JOIN consider rewriting to a CROSS JOIN with a WHERE clause.",
                    ),
                )
                .with_param("joinType", kind)
                .into());
            }
        }
    }
    let joined = LogicalPlan::Join(Join::try_new(
        left.input.into(),
        right.input.into(),
        left_keys.into_iter().zip(right_keys).collect(),
        conjunction(inside),
        join.join_type,
        join.join_constraint,
        join.null_equality,
        join.null_aware,
    )?);
    let Some(condition) = conjunction(above) else { return only(joined, columns) };
    let mut after = Evaluation { input: joined };
    let condition = after.take_out(vec![condition])?;
    let plan = LogicalPlanBuilder::from(after.input);
    let plan = condition.into_iter().try_fold(plan, |plan, condition| plan.filter(condition))?;
    only(plan.build()?, columns)
}

/// Whose columns the calls of a condition use.
enum Side {
    /// It has no calls.
    None,
    Left,
    Right,
    /// Each call those of one side.
    Each,
    /// One call those of both.
    Both,
}

fn side(condition: &Expr, left: &DFSchema, right: &DFSchema) -> Result<Side> {
    let (mut on_left, mut on_right, mut on_both) = (false, false, false);
    condition.apply(|part| {
        if stand_in(part).is_some() {
            let within = |schema: &DFSchema| part.column_refs().iter().all(|c| schema.has_column(c));
            match (within(left), within(right)) {
                (true, _) => on_left = true,
                (false, true) => on_right = true,
                (false, false) => on_both = true,
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(match (on_left, on_right, on_both) {
        (_, _, true) => Side::Both,
        (true, true, _) => Side::Each,
        (true, false, _) => Side::Left,
        (false, true, _) => Side::Right,
        (false, false, _) => Side::None,
    })
}

/// Evaluates each call on the side whose columns it uses.
fn take_out_of_sides(condition: Expr, left: &mut Evaluation, right: &mut Evaluation) -> Result<Expr> {
    let left_schema = left.input.schema().clone();
    // The calls of the right side stand under other names while those of the left are taken out.
    let mut hidden: Vec<(Column, Expr)> = vec![];
    let shown = condition.transform_down(|part| {
        use datafusion::common::tree_node::Transformed;
        let of_right = stand_in(&part).is_some()
            && !part.column_refs().iter().all(|column| left_schema.has_column(column));
        if !of_right {
            return Ok(Transformed::no(part));
        }
        let name = Column::new_unqualified(fresh_name());
        hidden.push((name.clone(), part));
        Ok(Transformed::new(Expr::Column(name), true, TreeNodeRecursion::Jump))
    })?;
    let mut condition = shown.data;
    for expr in left.take_out(vec![condition.clone()])? {
        condition = expr;
    }
    let (names, calls): (Vec<_>, Vec<_>) = hidden.into_iter().unzip();
    let calls = right.take_out(calls)?;
    let replaced = condition.transform_up(|part| {
        use datafusion::common::tree_node::Transformed;
        let position = match &part {
            Expr::Column(column) => names.iter().position(|name| name == column),
            _ => None,
        };
        Ok(match position.and_then(|position| calls.get(position)) {
            Some(call) => Transformed::yes(call.clone()),
            None => Transformed::no(part),
        })
    })?;
    Ok(replaced.data)
}
