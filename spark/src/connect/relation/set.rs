//! Set operations: union, intersection and difference, by position or by name.

use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::expr::{WindowFunction, WindowFunctionParams};
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, WindowFrame, WindowFunctionDefinition,
};

use crate::analysis::cast::cast;
use crate::analysis::common::{Strings, common_type_with};
use crate::analysis::interval;
use crate::analysis::scope::ScopeColumn;
use crate::connect::planner::Planner;
use crate::connect::proto;
use crate::connect::proto::set_operation::SetOpType;
use crate::connect::scope::Scope;
use crate::error::{Result, SparkError, quote};
use crate::types::{self, interval::Units};

/// A side's columns in the order in which they are put together.
type Side = Vec<Expr>;

/// `union`, `unionByName`, `intersect`, `subtract` and their ALL forms.
pub(super) fn operation(
    planner: &mut Planner<'_>,
    message: &proto::SetOperation,
    left: Scope,
    right: Scope,
) -> Result<Scope> {
    let frames = left.frames.clone().joined(right.frames.clone());
    let kind = message.set_op_type();
    let all = message.is_all.unwrap_or(kind == SetOpType::Union);
    let mut columns: Vec<ScopeColumn> = left.visible().cloned().collect();
    let column = |c: &ScopeColumn| Expr::Column(c.column.clone());
    let mut lefts: Side = columns.iter().map(column).collect();
    let rights: Side = if message.by_name() {
        by_name(planner, message.allow_missing_columns(), &left, &right, &mut columns, &mut lefts)?
    } else {
        right.visible().map(column).collect()
    };
    let name = match kind {
        SetOpType::Intersect => "INTERSECT",
        SetOpType::Except => "EXCEPT",
        _ => "UNION",
    };
    if lefts.len() != rights.len() {
        return Err(SparkError::new(
            "NUM_COLUMNS_MISMATCH",
            "42826",
            format!(
                "{name} can only be performed on inputs with the same number of columns, but the first input has {} columns and the second input has {} columns.",
                lefts.len(),
                rights.len()
            ),
        )
        .with_param("operator", name)
        .with_param("firstNumColumns", lefts.len().to_string())
        .with_param("invalidOrdinalNum", "second")
        .with_param("invalidNumColumns", rights.len().to_string()));
    }
    let strings = Strings::of(&planner.session.state);
    let (lefts, rights) = alike(name, (&left, lefts), (&right, rights), strings)?;
    let names: Vec<String> = columns.iter().map(|c| c.column.name.clone()).collect();
    let left = projected(left.plan, lefts, &names)?;
    let right = projected(right.plan, rights, &names)?;
    let plan = match (name, all) {
        ("UNION", true) => LogicalPlanBuilder::from(left).union(right)?.build()?,
        ("UNION", false) => LogicalPlanBuilder::from(left).union(right)?.distinct()?.build()?,
        ("INTERSECT", false) => LogicalPlanBuilder::intersect(left, right, false)?,
        ("EXCEPT", false) => LogicalPlanBuilder::except(left, right, false)?,
        (name, _) => {
            // The n-th of several equal rows on one side answers to the n-th on the other.
            let number = planner.names.claim("__nth");
            let left = numbered(left, &names, &number, planner)?;
            let right = numbered(right, &names, &number, planner)?;
            if name == "INTERSECT" {
                LogicalPlanBuilder::intersect(left, right, true)?
            } else {
                LogicalPlanBuilder::except(left, right, true)?
            }
        }
    };
    let given: Vec<Expr> = plan.schema().columns().into_iter().take(names.len()).map(Expr::Column).collect();
    let plan = projected(plan, given, &names)?;
    for column in &mut columns {
        column.qualifier = Vec::new();
    }
    Ok(Scope { plan, columns, frames, below: None })
}

/// The right side in the order of the left one's names; columns one side lacks become nulls.
fn by_name(
    planner: &mut Planner<'_>,
    fill: bool,
    left: &Scope,
    right: &Scope,
    columns: &mut Vec<ScopeColumn>,
    lefts: &mut Side,
) -> Result<Side> {
    let case = planner.session.case;
    let mut rights = Vec::new();
    for l in left.visible() {
        match right.visible().find(|r| case.same(&r.name, &l.name)) {
            Some(r) => rights.push(Expr::Column(r.column.clone())),
            None if fill => {
                let data_type = Expr::Column(l.column.clone()).get_type(left.plan.schema())?;
                rights.push(Expr::Literal(ScalarValue::try_from(&data_type)?, None));
            }
            None => return Err(absent(&l.name, right)),
        }
    }
    for r in right.visible().filter(|r| !left.visible().any(|l| case.same(&r.name, &l.name))) {
        if !fill {
            return Err(absent(&r.name, left));
        }
        let data_type = Expr::Column(r.column.clone()).get_type(right.plan.schema())?;
        lefts.push(Expr::Literal(ScalarValue::try_from(&data_type)?, None));
        rights.push(Expr::Column(r.column.clone()));
        columns.push(ScopeColumn {
            qualifier: Vec::new(),
            name: r.name.clone(),
            column: Column::from_name(planner.names.claim(&r.name)),
            hidden: false,
        });
    }
    Ok(rights)
}

fn absent(name: &str, side: &Scope) -> SparkError {
    let names: Vec<_> = side.visible().map(|c| c.name.clone()).collect();
    SparkError::new(
        "_LEGACY_ERROR_TEMP_1204",
        "",
        format!(
            "Cannot resolve column name {} among ({}).",
            quote(name).replace('`', "\""),
            names.join(", ")
        ),
    )
}

/// Both sides with the types that hold the values of either.
fn alike(
    name: &str,
    (left, lefts): (&Scope, Side),
    (right, rights): (&Scope, Side),
    strings: Strings,
) -> Result<(Side, Side)> {
    let (left, right) = (left.plan.schema(), right.plan.schema());
    let mut sides = (Vec::with_capacity(lefts.len()), Vec::with_capacity(rights.len()));
    for (i, (l, r)) in lefts.into_iter().zip(rights).enumerate() {
        let (lt, rt) = (l.get_type(left)?, r.get_type(right)?);
        let common = common_type_with(strings, [&lt, &rt]).ok_or_else(|| {
            SparkError::new(
                "INCOMPATIBLE_COLUMN_TYPE",
                "42825",
                format!(
                    "{name} can only be performed on tables with compatible column types. The {} column of the second table is \"{}\" type which is not compatible with \"{}\" at the same column of the first table.",
                    ordinal(i),
                    types::sql_name(&rt),
                    types::sql_name(&lt)
                ),
            )
        })?;
        let units = match (interval::units(&l, left)?, interval::units(&r, right)?) {
            (Some(l), Some(r)) => l.union(r),
            (l, r) => l.or(r),
        };
        let (l, r) = (cast(l, &common, false, left)?, cast(r, &common, false, right)?);
        let units = units.filter(|units| units.data_type() == common).map(Units::field);
        sides.0.push(match &units {
            Some(field) => interval::typed(l, field, left)?,
            None => l,
        });
        sides.1.push(match &units {
            Some(field) => interval::typed(r, field, right)?,
            None => r,
        });
    }
    Ok(sides)
}

fn ordinal(index: usize) -> String {
    const WORDS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];
    WORDS.get(index).map_or_else(|| format!("{}th", index + 1), |word| (*word).to_owned())
}

/// Expressions under these names; the plan itself where that changes nothing.
fn projected(plan: LogicalPlan, exprs: Vec<Expr>, names: &[String]) -> Result<LogicalPlan> {
    let exprs: Vec<Expr> = exprs
        .into_iter()
        .zip(names)
        .map(|(expr, name)| match &expr {
            Expr::Column(column) if column.relation.is_none() && column.name == *name => expr,
            _ => expr.alias(name.clone()),
        })
        .collect();
    let same = exprs.len() == plan.schema().fields().len()
        && exprs.iter().zip(plan.schema().columns()).all(|(e, c)| *e == Expr::Column(c));
    if same { Ok(plan) } else { Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?) }
}

/// The rows with their number among their equals.
fn numbered(plan: LogicalPlan, names: &[String], number: &str, planner: &Planner<'_>) -> Result<LogicalPlan> {
    let row_number = planner
        .session
        .state
        .window_functions()
        .get("row_number")
        .cloned()
        .ok_or_else(|| SparkError::routine_not_found("row_number"))?;
    let columns: Vec<Expr> = names.iter().map(|n| Expr::Column(Column::from_name(n.clone()))).collect();
    let call = Expr::WindowFunction(Box::new(WindowFunction {
        fun: WindowFunctionDefinition::WindowUDF(row_number),
        params: WindowFunctionParams {
            args: vec![],
            partition_by: columns.clone(),
            order_by: vec![],
            window_frame: WindowFrame::new(None),
            filter: None,
            null_treatment: None,
            distinct: false,
        },
    }));
    let (relation, name) = call.qualified_name();
    let plan = LogicalPlanBuilder::window_plan(plan, vec![call])?;
    let mut exprs = columns;
    exprs.push(Expr::Column(Column::new(relation, name)).alias(number));
    Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
}
