//! Joins, of subqueries that see the left side too.

use std::collections::HashSet;

use datafusion::common::{Column, JoinType, NullEquality};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use datafusion::sql::sqlparser::ast::{self, JoinConstraint, JoinOperator, TableFactor};

use super::expr::Names;
use super::generate::is_true;
use super::{OuterScope, Planner};
use crate::analysis::Named;
use crate::analysis::call::generator;
use crate::analysis::correlate;
use crate::analysis::operator::{self, Binary};
use crate::analysis::scope::{Relation, ScopeColumn, find};
use crate::error::{Result, SparkError};
use crate::sql::statement::Name;

impl Planner<'_> {
    /// A relation joined with the one left of it.
    pub(super) fn joined(&mut self, left: Relation, join: &ast::Join) -> Result<Relation> {
        match &join.relation {
            TableFactor::Derived { lateral: true, subquery, alias, sample: None } => {
                self.lateral_join(left, subquery, alias.as_ref(), &join.join_operator)
            }
            TableFactor::Function { lateral: true, name, args, alias, .. } => {
                let called = Name::new(name);
                if let Some(found) = self.session.routines.find(&called.parts) {
                    return self.lateral_routine(left, &found, args, alias.as_ref(), &join.join_operator);
                }
                let name = called.parts.last().cloned().unwrap_or_default().to_lowercase();
                let of_outer_join = matches!(
                    &join.join_operator,
                    JoinOperator::LeftOuter(JoinConstraint::On(condition)) if !is_true(condition)
                );
                if of_outer_join || !generator::is_generator(&name) {
                    return self.lateral_call(left, &called, args, alias.as_ref(), &join.join_operator);
                }
                self.lateral_function(left, &name, args, alias.as_ref(), &join.join_operator)
            }
            other => {
                let right = self.table_factor(other)?;
                self.join(left, right, &join.join_operator)
            }
        }
    }

    /// A join with a subquery whose names may mean columns of the left side.
    pub(super) fn lateral_join(
        &mut self,
        left: Relation,
        subquery: &ast::Query,
        alias: Option<&ast::TableAlias>,
        op: &JoinOperator,
    ) -> Result<Relation> {
        self.outer.push(OuterScope { columns: left.columns.clone(), schema: left.plan.schema().clone() });
        let planned = self.query(subquery);
        self.outer.pop();
        let right = planned.and_then(|relation| self.aliased(relation, alias, None))?;
        self.lateral(left, right, op)
    }

    /// A join with a table function whose arguments may be columns of the left side.
    fn lateral_call(
        &mut self,
        left: Relation,
        function: &Name,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        op: &JoinOperator,
    ) -> Result<Relation> {
        self.outer.push(OuterScope { columns: left.columns.clone(), schema: left.plan.schema().clone() });
        let planned = self.table_function(function, args);
        self.outer.pop();
        let right = planned.and_then(|relation| self.aliased(relation, alias, None))?;
        self.lateral(left, right, op)
    }

    /// A join with a relation that may refer to columns of the left side.
    pub(super) fn lateral(&mut self, left: Relation, right: Relation, op: &JoinOperator) -> Result<Relation> {
        if right.plan.all_out_ref_exprs().is_empty() {
            return self.join(left, right, op);
        }
        let (join_type, constraint) = match op {
            JoinOperator::Inner(c) | JoinOperator::CrossJoin(c) => (JoinType::Inner, c),
            JoinOperator::LeftOuter(c) => (JoinType::Left, c),
            _ => {
                return Err(SparkError::new(
                    "UNSUPPORTED_FEATURE.LATERAL_JOIN_USING",
                    "0A000",
                    "The feature is not supported: LATERAL correlation with a join that is neither inner nor left outer.",
                ));
            }
        };
        let mut columns = left.columns.clone();
        columns.extend(right.columns.iter().cloned());
        columns.sort_by_key(|c| c.hidden);
        let schema = left.schema().join(right.schema())?;
        let condition = match constraint {
            JoinConstraint::None => None,
            JoinConstraint::On(condition) => {
                let named = self.expr(condition, &Names::input(&columns, &schema))?;
                Some(super::select::boolean_condition(named, &schema, "JOIN condition")?)
            }
            _ => {
                return Err(SparkError::new(
                    "UNSUPPORTED_FEATURE.LATERAL_JOIN_USING",
                    "0A000",
                    "The feature is not supported: JOIN USING with LATERAL correlation.",
                ));
            }
        };
        let plan = correlate::lateral_join(left.plan, right.plan, join_type, condition)?;
        Ok(Relation { plan, columns })
    }

    fn join(&mut self, left: Relation, right: Relation, op: &JoinOperator) -> Result<Relation> {
        let (join_type, constraint) = match op {
            JoinOperator::Join(c) | JoinOperator::Inner(c) => (JoinType::Inner, c),
            JoinOperator::CrossJoin(c) => (JoinType::Inner, c),
            JoinOperator::Left(c) | JoinOperator::LeftOuter(c) => (JoinType::Left, c),
            JoinOperator::Right(c) | JoinOperator::RightOuter(c) => (JoinType::Right, c),
            JoinOperator::FullOuter(c) => (JoinType::Full, c),
            JoinOperator::Semi(c) | JoinOperator::LeftSemi(c) => (JoinType::LeftSemi, c),
            JoinOperator::Anti(c) | JoinOperator::LeftAnti(c) => (JoinType::LeftAnti, c),
            other => return Err(SparkError::unsupported(format!("the join {other:?}"))),
        };
        match constraint {
            JoinConstraint::None if join_type == JoinType::Inner => cross(left, right),
            JoinConstraint::None => self.join_on(left, right, join_type, None),
            JoinConstraint::On(condition) => self.join_on(left, right, join_type, Some(condition)),
            JoinConstraint::Using(columns) => {
                let keys: Vec<String> = columns
                    .iter()
                    .filter_map(|c| c.0.last().and_then(|p| p.as_ident()).map(|i| i.value.clone()))
                    .collect();
                self.join_using(left, right, join_type, &keys)
            }
            JoinConstraint::Natural => {
                let case = self.session.case;
                let keys: Vec<String> = left
                    .visible()
                    .filter(|l| right.visible().any(|r| case.same(&l.name, &r.name)))
                    .map(|l| l.name.clone())
                    .collect();
                if keys.is_empty() {
                    return cross(left, right);
                }
                self.join_using(left, right, join_type, &keys)
            }
        }
    }

    fn join_on(
        &mut self,
        left: Relation,
        right: Relation,
        join_type: JoinType,
        condition: Option<&ast::Expr>,
    ) -> Result<Relation> {
        let mut columns = left.columns.clone();
        columns.extend(right.columns.iter().cloned());
        let schema = left.schema().join(right.schema())?;
        let filter = match condition {
            None => lit(true),
            Some(condition) => {
                let named = self.expr(condition, &Names::input(&columns, &schema))?;
                super::select::boolean_condition(named, &schema, "JOIN condition")?
            }
        };
        let plan =
            LogicalPlanBuilder::from(left.plan).join_on(right.plan, join_type, Some(filter))?.build()?;
        if matches!(join_type, JoinType::LeftSemi | JoinType::LeftAnti) {
            columns = left.columns;
        } else {
            columns.sort_by_key(|c| c.hidden);
        }
        Ok(Relation { plan, columns })
    }

    /// USING: the keys come first and once, then the rest of the left and of the right side.
    fn join_using(
        &mut self,
        left: Relation,
        right: Relation,
        join_type: JoinType,
        keys: &[String],
    ) -> Result<Relation> {
        let case = self.session.case;
        let side = |relation: &Relation, key: &String| -> Result<ScopeColumn> {
            let found = find(&relation.columns, std::slice::from_ref(key), case)?;
            found.map(|f| f.column.clone()).ok_or_else(|| {
                let names: Vec<_> = relation.visible().map(|c| format!("`{}`", c.name)).collect();
                SparkError::new(
                    "UNRESOLVED_USING_COLUMN_FOR_JOIN",
                    "42703",
                    format!(
                        "USING column `{key}` cannot be resolved on one side of the join. The side's columns: [{}].",
                        names.join(", ")
                    ),
                )
            })
        };
        let schema = left.schema().join(right.schema())?;
        let mut condition: Option<Expr> = None;
        let (mut heads, mut taken) = (Vec::new(), HashSet::new());
        for key in keys {
            let (l, r) = (side(&left, key)?, side(&right, key)?);
            let pair = operator::binary(
                Binary::Eq,
                Named::new(Expr::Column(l.column.clone()), key.clone()),
                Named::new(Expr::Column(r.column.clone()), key.clone()),
                &schema,
            )?;
            condition = Some(match condition {
                None => pair.expr,
                Some(c) => c.and(pair.expr),
            });
            taken.insert(l.column.clone());
            taken.insert(r.column.clone());
            heads.push((l, r));
        }
        let semi = matches!(join_type, JoinType::LeftSemi | JoinType::LeftAnti);
        let (left_columns, right_columns) = (left.columns.clone(), right.columns.clone());
        let mut plan =
            LogicalPlanBuilder::from(left.plan).join_on(right.plan, join_type, condition)?.build()?;
        let mut merged = Vec::new();
        if join_type == JoinType::Full {
            let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
            for (l, r) in &heads {
                let name = self.aliases.claim(&format!("__using_{}", l.name));
                let l_or_r = datafusion::functions::core::coalesce()
                    .call(vec![Expr::Column(l.column.clone()), Expr::Column(r.column.clone())]);
                exprs.push(l_or_r.alias(name.clone()));
                merged.push(Column::from_name(name));
            }
            plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        }
        let mut columns = Vec::new();
        for (i, (l, r)) in heads.iter().enumerate() {
            let column = match join_type {
                JoinType::Full => merged[i].clone(),
                JoinType::Right => r.column.clone(),
                _ => l.column.clone(),
            };
            columns.push(ScopeColumn { qualifier: Vec::new(), name: l.name.clone(), column, hidden: false });
        }
        let rest = |c: &&ScopeColumn| !taken.contains(&c.column);
        columns.extend(left_columns.iter().filter(rest).cloned());
        if !semi {
            columns.extend(right_columns.iter().filter(rest).cloned());
        }
        let mut hidden: Vec<ScopeColumn> =
            heads.into_iter().flat_map(|(l, r)| if semi { vec![l] } else { vec![l, r] }).collect();
        for column in &mut hidden {
            column.hidden = true;
        }
        columns.extend(hidden);
        columns.sort_by_key(|c| c.hidden);
        Ok(Relation { plan, columns })
    }
}

/// Every row of the one side with every row of the other.
pub(super) fn cross(left: Relation, right: Relation) -> Result<Relation> {
    let mut columns = left.columns;
    columns.extend(right.columns);
    columns.sort_by_key(|c| c.hidden);
    let none: (Vec<Column>, Vec<Column>) = (Vec::new(), Vec::new());
    let plan = LogicalPlanBuilder::from(left.plan)
        .join_detailed(right.plan, JoinType::Inner, none, None, NullEquality::NullEqualsNothing)?
        .build()?;
    Ok(Relation { plan, columns })
}
