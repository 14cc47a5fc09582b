//! FROM: tables, subqueries, joins, LATERAL VIEW.

use std::collections::HashSet;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableFunctionArgs;
use datafusion::common::{Column, JoinType, NullEquality, TableReference, UnnestOptions};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, lit, when};
use datafusion::sql::sqlparser::ast::{
    self, FunctionArg, FunctionArgExpr, Ident, JoinConstraint, JoinOperator, LateralView, TableFactor,
    TableWithJoins,
};

use super::expr::Names;
use super::{Planner, TableEntry, TableKey};
use crate::analysis::Named;
use crate::analysis::operator::{self, Binary};
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames, find};
use crate::error::{Result, SparkError};
use crate::sql::statement::{Name, ident_position};

impl Planner<'_> {
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Result<Relation> {
        let mut whole: Option<Relation> = None;
        for item in from {
            let relation = self.table_with_joins(item)?;
            whole = Some(match whole {
                None => relation,
                Some(left) => cross(left, relation)?,
            });
        }
        match whole {
            Some(relation) => Ok(relation),
            None => Ok(Relation { plan: LogicalPlanBuilder::empty(true).build()?, columns: Vec::new() }),
        }
    }

    fn table_with_joins(&mut self, item: &TableWithJoins) -> Result<Relation> {
        let mut left = self.table_factor(&item.relation)?;
        for join in &item.joins {
            let right = self.table_factor(&join.relation)?;
            left = self.join(left, right, &join.join_operator)?;
        }
        Ok(left)
    }

    fn table_factor(&mut self, factor: &TableFactor) -> Result<Relation> {
        match factor {
            TableFactor::Table { name, alias, args: Some(args), .. } => {
                let relation = self.table_function(&Name::new(name), &args.args)?;
                self.aliased(relation, alias.as_ref(), None)
            }
            TableFactor::Table { name, alias, sample, version, .. } => {
                if sample.is_some() {
                    return Err(SparkError::unsupported("TABLESAMPLE"));
                }
                if version.is_some() {
                    return Err(SparkError::unsupported("time travel"));
                }
                let name = Name::new(name);
                let relation = self.named_table(&name, factor)?;
                let qualifier = name.parts.last().cloned();
                self.aliased(relation, alias.as_ref(), qualifier).map_err(|error| error.at(name.position))
            }
            TableFactor::Derived { lateral, subquery, alias, sample } => {
                if *lateral {
                    return Err(SparkError::unsupported("LATERAL subqueries"));
                }
                if sample.is_some() {
                    return Err(SparkError::unsupported("TABLESAMPLE"));
                }
                let relation = self.query(subquery)?;
                self.aliased(relation, alias.as_ref(), None)
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let relation = self.table_with_joins(table_with_joins)?;
                match alias {
                    None => Ok(relation),
                    Some(_) => self.aliased(relation, alias.as_ref(), None),
                }
            }
            TableFactor::Pivot { .. } => Err(SparkError::unsupported("PIVOT")),
            TableFactor::Unpivot { .. } => Err(SparkError::unsupported("UNPIVOT")),
            other => Err(SparkError::unsupported(format!("the relation {other}"))),
        }
    }

    /// A CTE, view or table.
    fn named_table(&mut self, name: &Name, factor: &TableFactor) -> Result<Relation> {
        if let [single] = name.parts.as_slice() {
            let case = self.session.case;
            let cte = self.ctes.iter().rev().find(|(cte, _)| case.same(cte, single));
            if let Some((_, relation)) = cte {
                return Ok(relation.clone());
            }
        }
        let key = TableKey::of(&name.parts, factor);
        match self.tables.get(&key) {
            Some(TableEntry::Plan(plan)) => Ok(Relation::unqualified(plan.clone())),
            Some(TableEntry::Source(source)) => {
                let alias = self.aliases.claim(&name.parts.join("."));
                let scan = LogicalPlanBuilder::scan(
                    TableReference::bare(alias),
                    std::sync::Arc::clone(source),
                    None,
                )?;
                Ok(Relation::unqualified(scan.build()?))
            }
            None => Err(SparkError::table_not_found(&name.parts).at(name.position)),
        }
    }

    /// Gives the columns a qualifier: the alias, else `own`; and other names if the alias has some.
    fn aliased(
        &mut self,
        relation: Relation,
        alias: Option<&ast::TableAlias>,
        own: Option<String>,
    ) -> Result<Relation> {
        let shown = alias.map(|a| a.name.value.clone()).or(own);
        let renamed: Vec<String> =
            alias.map(|a| a.columns.iter().map(|c| c.name.value.clone()).collect()).unwrap_or_default();
        let visible: Vec<ScopeColumn> = relation.visible().cloned().collect();
        if !renamed.is_empty() && renamed.len() != visible.len() {
            return Err(SparkError::new(
                "ASSIGNMENT_ARITY_MISMATCH",
                "42802",
                format!(
                    "The number of columns or variables assigned or aliased: {} does not match the number of source expressions: {}.",
                    renamed.len(),
                    visible.len()
                ),
            )
            .at(alias.and_then(|a| ident_position(&a.name))));
        }
        // Below an alias all columns need names of their own.
        let mut unique = UniqueNames::default();
        let mut names = Vec::with_capacity(visible.len());
        let mut exprs = Vec::with_capacity(visible.len());
        for (i, column) in visible.iter().enumerate() {
            let name = renamed.get(i).unwrap_or(&column.name);
            let inner = unique.claim(name);
            exprs.push(Expr::Column(column.column.clone()).alias(inner.clone()));
            names.push((name.clone(), inner));
        }
        let internal = self.aliases.claim(shown.as_deref().unwrap_or("__subquery"));
        let table = TableReference::bare(internal);
        let unchanged = relation.schema().fields().len() == visible.len()
            && names.iter().zip(&visible).all(|((_, inner), column)| *inner == column.column.name);
        let builder = LogicalPlanBuilder::from(relation.plan);
        let builder = if unchanged { builder } else { builder.project(exprs)? };
        let plan = builder.alias(table.clone())?.build()?;
        let columns = names
            .into_iter()
            .map(|(name, inner)| ScopeColumn {
                qualifier: shown.iter().cloned().collect(),
                name,
                column: Column::new(Some(table.clone()), inner),
                hidden: false,
            })
            .collect();
        Ok(Relation { plan, columns })
    }

    /// `range(...)`.
    fn table_function(&mut self, name: &Name, args: &[FunctionArg]) -> Result<Relation> {
        let function = name.parts.last().map(|n| n.to_lowercase()).unwrap_or_default();
        if function != "range" {
            return Err(SparkError::new(
                "UNRESOLVABLE_TABLE_VALUED_FUNCTION",
                "42883",
                format!(
                    "Could not resolve `{function}` to a table-valued function.\n\
                     Please make sure that `{function}` is defined as a table-valued function and that all required parameters are provided correctly."
                ),
            )
            .at(name.position));
        }
        let empty = datafusion::common::DFSchema::empty();
        let names = Names::input(&[], &empty);
        let mut bounds = Vec::new();
        for arg in args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) = arg else {
                return Err(SparkError::unsupported("named arguments of range"));
            };
            let value = self.expr(arg, &names)?;
            let value = crate::analysis::cast::cast(value.expr, &DataType::Int64, false, &empty)?;
            bounds.push(lit(super::literal::fold(value)?));
        }
        bounds.truncate(3);
        let function = self
            .session
            .state
            .table_functions()
            .get("range")
            .ok_or_else(|| SparkError::unsupported("the table function range"))?;
        let args = TableFunctionArgs::new(&bounds, &self.session.state);
        let provider = function.create_table_provider_with_args(args)?;
        let source = datafusion::datasource::provider_as_source(provider);
        let alias = self.aliases.claim("range");
        let scan = LogicalPlanBuilder::scan(TableReference::bare(alias), source, None)?;
        let column = scan.schema().columns().remove(0);
        let plan = scan.project(vec![Expr::Column(column).alias("id")])?.build()?;
        Ok(Relation::unqualified(plan))
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

    pub(super) fn lateral_view(&mut self, input: Relation, view: &LateralView) -> Result<Relation> {
        let ast::Expr::Function(function) = &view.lateral_view else {
            return Err(SparkError::unsupported(format!("LATERAL VIEW {}", view.lateral_view)));
        };
        let generator = Generator::of(function)
            .ok_or_else(|| SparkError::unsupported(format!("LATERAL VIEW of {}", function.name)))?;
        let qualifier = Name::new(&view.lateral_view_name).parts;
        // `LATERAL VIEW explode(x) AS c` has columns only, and no name before AS.
        let columns: Vec<String> = view.lateral_col_alias.iter().map(|i: &Ident| i.value.clone()).collect();
        let (mut relation, generated) =
            self.generate(input, &generator, view.outer, columns.first().map(String::as_str))?;
        for column in &mut relation.columns {
            if column.column == generated {
                column.qualifier.clone_from(&qualifier);
            }
        }
        Ok(relation)
    }

    /// Adds the generator's column to the relation, one row an element.
    pub(super) fn generate(
        &mut self,
        input: Relation,
        generator: &Generator<'_>,
        outer: bool,
        name: Option<&str>,
    ) -> Result<(Relation, Column)> {
        let outer = outer || generator.outer;
        let schema = input.plan.schema().clone();
        let names = Names::input(&input.columns, &schema);
        let array = self.expr(generator.argument, &names)?;
        let data_type = array.expr.get_type(schema.as_ref())?;
        if !data_type.is_list() {
            return Err(SparkError::unsupported(format!(
                "explode of {}",
                crate::types::sql_name(&data_type)
            )));
        }
        let array = if outer {
            // DataFusion keeps rows of null arrays, Spark those of empty ones too.
            let context = self.context(&names);
            let length = operator::scalar_call(
                context
                    .state
                    .scalar_functions()
                    .get("array_length")
                    .cloned()
                    .ok_or_else(|| SparkError::internal("array_length is not registered"))?,
                vec![array.expr.clone()],
            );
            when(length.is_not_null(), array.expr).end()?
        } else {
            array.expr
        };
        let internal = self.aliases.claim("__generated");
        let mut exprs: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
        exprs.push(array.alias(internal.clone()));
        let column = Column::from_name(internal);
        let options = UnnestOptions::new().with_preserve_nulls(outer);
        let plan: LogicalPlan = LogicalPlanBuilder::from(input.plan)
            .project(exprs)?
            .unnest_column_with_options(column.clone(), options)?
            .build()?;
        let mut columns = input.columns;
        columns.push(ScopeColumn {
            qualifier: Vec::new(),
            name: name.unwrap_or("col").to_owned(),
            column: column.clone(),
            hidden: false,
        });
        columns.sort_by_key(|c| c.hidden);
        Ok((Relation { plan, columns }, column))
    }
}

/// A call that makes rows of an array.
pub(super) struct Generator<'a> {
    argument: &'a ast::Expr,
    outer: bool,
}

impl<'a> Generator<'a> {
    /// The generator a call is, if it is one.
    pub fn of(function: &'a ast::Function) -> Option<Self> {
        let name = function.name.to_string().to_lowercase();
        let outer = match name.as_str() {
            "explode" => false,
            "explode_outer" => true,
            _ => return None,
        };
        let ast::FunctionArguments::List(list) = &function.args else {
            return None;
        };
        match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => Some(Self { argument, outer }),
            _ => None,
        }
    }
}

fn cross(left: Relation, right: Relation) -> Result<Relation> {
    let mut columns = left.columns;
    columns.extend(right.columns);
    columns.sort_by_key(|c| c.hidden);
    let none: (Vec<Column>, Vec<Column>) = (Vec::new(), Vec::new());
    let plan = LogicalPlanBuilder::from(left.plan)
        .join_detailed(right.plan, JoinType::Inner, none, None, NullEquality::NullEqualsNothing)?
        .build()?;
    Ok(Relation { plan, columns })
}
