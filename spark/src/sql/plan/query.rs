//! Queries: WITH, set operations, VALUES, ORDER BY and LIMIT.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DFSchema, ScalarValue, UnnestOptions};
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, lit, when};
use datafusion::sql::sqlparser::ast::{
    self, LimitClause, OrderBy, Query, SetExpr, SetOperator, SetQuantifier, Values, Visit,
};

use super::expr::Names;
use super::{Planner, TableNames, literal};
use crate::analysis::cast::cast;
use crate::analysis::common::{Strings, common_type_with, to_common_type};
use crate::analysis::scope::{Relation, ScopeColumn, UniqueNames};
use crate::analysis::{Named, interval};
use crate::error::{Result, SparkError};
use crate::types::{self, interval::Units};

impl Planner<'_> {
    /// A query with all its parts.
    pub(super) fn query(&mut self, query: &Query) -> Result<Relation> {
        if query.fetch.is_some() || !query.locks.is_empty() || query.for_clause.is_some() {
            return Err(SparkError::unsupported("FETCH and FOR clauses"));
        }
        if !query.pipe_operators.is_empty() {
            return Err(SparkError::unsupported("the pipe syntax |>"));
        }
        let ctes = self.ctes.len();
        let planned = self.query_in_scope(query);
        if self.ctes.len() > ctes {
            self.ctes.truncate(ctes);
            self.subqueries.clear();
        }
        planned
    }

    fn query_in_scope(&mut self, query: &Query) -> Result<Relation> {
        if let Some(with) = &query.with {
            self.with_tables(with)?;
        }
        let mut relation = self.set_expr(&query.body, query.order_by.as_ref())?;
        match &query.limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                if !limit_by.is_empty() {
                    return Err(SparkError::unsupported("LIMIT BY"));
                }
                let fetch = limit.as_ref().map(|l| self.count(l, "limit")).transpose()?;
                let skip = offset.as_ref().map(|o| self.count(&o.value, "offset")).transpose()?;
                relation.plan =
                    LogicalPlanBuilder::from(relation.plan).limit(skip.unwrap_or(0), fetch)?.build()?;
            }
            Some(LimitClause::OffsetCommaLimit { .. }) => {
                return Err(SparkError::unsupported("LIMIT offset, count"));
            }
        }
        Ok(relation)
    }

    /// The tables of WITH, for the query behind it and those behind them.
    pub(super) fn with_tables(&mut self, with: &ast::With) -> Result<()> {
        // A name may mean another table now.
        self.subqueries.clear();
        for cte in &with.cte_tables {
            let name = cte.alias.name.value.clone();
            let relation = if with.recursive && self.refers_to(&cte.query, &name) {
                self.recursive(&name, cte)?
            } else {
                let relation = self.query(&cte.query)?;
                let columns: Vec<String> = cte.alias.columns.iter().map(|c| c.name.value.clone()).collect();
                if columns.is_empty() { relation } else { rename(relation, columns)? }
            };
            self.ctes.push((name, relation));
        }
        Ok(())
    }

    /// Whether a query, or a part of one, names a table of this name.
    pub(super) fn refers_to(&self, visited: &impl Visit, name: &str) -> bool {
        let mut names = TableNames::default();
        // The visitor never breaks.
        let _ = visited.visit(&mut names);
        names
            .0
            .iter()
            .any(|(key, _)| matches!(key.parts.as_slice(), [one] if self.session.case.same(one, name)))
    }

    /// The number behind LIMIT or OFFSET.
    fn count(&mut self, expr: &ast::Expr, what: &str) -> Result<usize> {
        let schema = DFSchema::empty();
        let named = self.expr(expr, &Names::input(&[], &schema))?;
        let fail = |subclass: &str, reason: &str| {
            SparkError::new(
                format!("INVALID_LIMIT_LIKE_EXPRESSION.{subclass}"),
                "42K0E",
                format!(
                    "The limit like expression \"{}\" is invalid. The {what} expression must {reason}.",
                    named.name
                ),
            )
        };
        let value = match literal::fold(named.expr.clone())? {
            ScalarValue::Int8(Some(n)) => i64::from(n),
            ScalarValue::Int16(Some(n)) => i64::from(n),
            ScalarValue::Int32(Some(n)) => i64::from(n),
            ScalarValue::Int64(Some(n)) => n,
            _ => return Err(fail("DATA_TYPE", "be integer type")),
        };
        usize::try_from(value).map_err(|_| fail("IS_NEGATIVE", "be equal to or greater than 0"))
    }

    pub(super) fn set_expr(&mut self, body: &SetExpr, order_by: Option<&OrderBy>) -> Result<Relation> {
        match body {
            SetExpr::Select(select) => self.select(select, order_by),
            SetExpr::Query(query) => {
                let relation = self.query(query)?;
                self.sorted(relation, order_by)
            }
            SetExpr::Values(values) => {
                let relation = self.values(values)?;
                self.sorted(relation, order_by)
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let relation = self.set_operation(left, *op, *set_quantifier, right)?;
                self.sorted(relation, order_by)
            }
            SetExpr::Table(table) => {
                let parts: Vec<String> = table.schema_name.iter().chain(&table.table_name).cloned().collect();
                Err(SparkError::unsupported(format!("TABLE {}", parts.join("."))))
            }
            other => Err(SparkError::unsupported(format!("{other} inside a query"))),
        }
    }

    /// ORDER BY over finished columns.
    fn sorted(&mut self, relation: Relation, order_by: Option<&OrderBy>) -> Result<Relation> {
        if order_by.is_none() {
            return Ok(relation);
        }
        let items: Vec<Named> =
            relation.visible().map(|c| Named::new(Expr::Column(c.column.clone()), c.name.clone())).collect();
        let schema = relation.plan.schema().clone();
        let names = Names { select: &items, prefer_select: true, ..Names::input(&relation.columns, &schema) };
        let keys = self.order_keys(order_by, &items, &names)?;
        let sorts = keys.into_iter().map(|(key, asc, nulls)| Sort::new(key.expr, asc, nulls));
        let plan = LogicalPlanBuilder::from(relation.plan).sort(sorts.collect::<Vec<_>>())?.build()?;
        Ok(Relation { plan, columns: relation.columns })
    }

    fn values(&mut self, values: &Values) -> Result<Relation> {
        let schema = DFSchema::empty();
        let names = Names::input(&[], &schema);
        let mut rows = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let mut cells = Vec::new();
            for cell in &row.content {
                cells.push(self.expr(cell, &names)?.expr);
            }
            rows.push(cells);
        }
        let width = rows.first().map_or(0, Vec::len);
        if let Some(other) = rows.iter().find(|row| row.len() != width) {
            return Err(SparkError::new(
                "INVALID_INLINE_TABLE.NUM_COLUMNS_MISMATCH",
                "42000",
                format!(
                    "Invalid inline table. Inline table expected {width} columns but found {} columns in row {}.",
                    other.len(),
                    rows.iter().position(|row| row.len() != width).unwrap_or(0)
                ),
            ));
        }
        let rows = columns_of_one_type(rows, width, &schema)?;
        let plan = LogicalPlanBuilder::values(rows)?.build()?;
        let exprs = plan
            .schema()
            .columns()
            .into_iter()
            .enumerate()
            .map(|(i, column)| Expr::Column(column).alias(format!("col{}", i + 1)));
        let exprs: Vec<Expr> = exprs.collect();
        let plan = LogicalPlanBuilder::from(plan).project(exprs)?.build()?;
        Ok(Relation::unqualified(plan))
    }

    fn set_operation(
        &mut self,
        left: &SetExpr,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: &SetExpr,
    ) -> Result<Relation> {
        let left = self.set_expr(left, None)?;
        let right = self.set_expr(right, None)?;
        let all = match quantifier {
            SetQuantifier::All => true,
            SetQuantifier::Distinct | SetQuantifier::None => false,
            _ => return Err(SparkError::unsupported("set operations BY NAME")),
        };
        let name = match op {
            SetOperator::Union => "UNION",
            SetOperator::Intersect => "INTERSECT",
            SetOperator::Except | SetOperator::Minus => "EXCEPT",
        };
        let widths = (left.visible().count(), right.visible().count());
        if widths.0 != widths.1 {
            return Err(column_counts_differ(name, widths.0, widths.1));
        }
        let shown: Vec<String> = left.visible().map(|c| c.name.clone()).collect();
        let mut unique = UniqueNames::default();
        let inner: Vec<String> = shown.iter().map(|n| unique.claim(n)).collect();
        let strings = Strings::of(&self.session.state);
        let (left, right) =
            in_common_types(projected(left, &inner)?, projected(right, &inner)?, name, strings)?;
        let plan = match (name, all) {
            ("UNION", true) => LogicalPlanBuilder::from(left).union(right)?.build()?,
            ("UNION", false) => LogicalPlanBuilder::from(left).union(right)?.distinct()?.build()?,
            ("INTERSECT", false) => LogicalPlanBuilder::intersect(left, right, false)?,
            ("EXCEPT", false) => LogicalPlanBuilder::except(left, right, false)?,
            (_, _) => bag_operation(left, right, name == "EXCEPT")?,
        };
        let columns = plan
            .schema()
            .columns()
            .into_iter()
            .zip(shown)
            .map(|(column, name)| ScopeColumn { qualifier: Vec::new(), name, column, hidden: false })
            .collect();
        Ok(Relation { plan, columns })
    }
}

/// The error of a set operation over different numbers of columns.
pub(super) fn column_counts_differ(operator: &str, first: usize, second: usize) -> SparkError {
    SparkError::new(
        "NUM_COLUMNS_MISMATCH",
        "42826",
        format!(
            "{operator} can only be performed on inputs with the same number of columns, but the first input has {first} columns and the second input has {second} columns."
        ),
    )
}

/// The rows of an inline table with each column in the type that its cells have in common.
fn columns_of_one_type(rows: Vec<Vec<Expr>>, width: usize, schema: &DFSchema) -> Result<Vec<Vec<Expr>>> {
    let mut columns: Vec<Vec<Expr>> = vec![Vec::with_capacity(rows.len()); width];
    let height = rows.len();
    for row in rows {
        for (column, cell) in columns.iter_mut().zip(row) {
            column.push(cell);
        }
    }
    let mut out: Vec<Vec<Expr>> = vec![Vec::with_capacity(width); height];
    for (index, column) in columns.into_iter().enumerate() {
        let Some(cells) = to_common_type(column, schema, Strings::GiveWay)? else {
            let name = format!("`col{}`", index + 1);
            return Err(SparkError::new(
                "INVALID_INLINE_TABLE.INCOMPATIBLE_TYPES_IN_INLINE_TABLE",
                "42000",
                format!(
                    "Invalid inline table. Found incompatible types in the column {name} for inline table."
                ),
            )
            .with_param("colName", name));
        };
        for (row, cell) in out.iter_mut().zip(cells) {
            row.push(cell);
        }
    }
    Ok(out)
}

/// Two inputs of a set operation with each column in the type that both have in common.
fn in_common_types(
    left: LogicalPlan,
    right: LogicalPlan,
    operator: &str,
    strings: Strings,
) -> Result<(LogicalPlan, LogicalPlan)> {
    let types = |plan: &LogicalPlan| -> Vec<DataType> {
        plan.schema().fields().iter().map(|f| f.data_type().clone()).collect()
    };
    let (left_types, right_types) = (types(&left), types(&right));
    let same_units =
        left.schema().fields().iter().zip(right.schema().fields()).all(|(l, r)| Units::of(l) == Units::of(r));
    if left_types == right_types && same_units {
        return Ok((left, right));
    }
    let mut common = Vec::with_capacity(left_types.len());
    for (i, (first, second)) in left_types.iter().zip(&right_types).enumerate() {
        common.push(common_type_with(strings, [first, second]).ok_or_else(|| {
            let (first, second) = (types::sql_name(first), types::sql_name(second));
            let place = match i {
                0 => "first".to_owned(),
                1 => "second".to_owned(),
                2 => "third".to_owned(),
                n => format!("{}th", n + 1),
            };
            SparkError::new(
                "INCOMPATIBLE_COLUMN_TYPE",
                "42825",
                format!(
                    "{operator} can only be performed on tables with compatible column types. The {place} column of the second table is \"{second}\" type which is not compatible with \"{first}\" at the same column of the first table.."
                ),
            )
        })?);
    }
    let units: Vec<Option<Units>> = (left.schema().fields().iter().zip(right.schema().fields()))
        .map(|(l, r)| Units::of(l)?.union(Units::of(r)?))
        .collect();
    let cast_all = |plan: LogicalPlan| -> Result<LogicalPlan> {
        let schema = plan.schema().clone();
        let exprs = schema.columns().into_iter().zip(common.iter().zip(&units)).map(
            |(column, (data_type, units))| {
                let name = column.name.clone();
                let column = cast(Expr::Column(column), data_type, false, schema.as_ref())?;
                Ok(match units {
                    Some(units) => interval::typed(column, &units.field(), schema.as_ref())?,
                    None => column,
                }
                .alias(name))
            },
        );
        Ok(LogicalPlanBuilder::from(plan).project(exprs.collect::<Result<Vec<_>>>()?)?.build()?)
    };
    Ok((cast_all(left)?, cast_all(right)?))
}

/// EXCEPT ALL and INTERSECT ALL: rows are counted on both sides, and given out as often as the
/// difference or the smaller count says.
fn bag_operation(left: LogicalPlan, right: LogicalPlan, except: bool) -> Result<LogicalPlan> {
    const COUNTS: [&str; 2] = ["__left_count", "__right_count"];
    let marked = |plan: LogicalPlan, counts: [i64; 2]| -> Result<LogicalPlan> {
        let mut exprs: Vec<Expr> = plan.schema().columns().into_iter().map(Expr::Column).collect();
        exprs.extend(COUNTS.iter().zip(counts).map(|(name, count)| lit(count).alias(*name)));
        Ok(LogicalPlanBuilder::from(plan).project(exprs)?.build()?)
    };
    let both = LogicalPlanBuilder::from(marked(left, [1, 0])?).union(marked(right, [0, 1])?)?;
    let columns = both.schema().columns();
    let own = &columns[..columns.len() - COUNTS.len()];
    let keys: Vec<Expr> = own.iter().cloned().map(Expr::Column).collect();
    let sums = columns[own.len()..].iter().zip(COUNTS).map(|(column, name)| {
        datafusion::functions_aggregate::sum::sum(Expr::Column(column.clone())).alias(name)
    });
    let [l, r] = COUNTS.map(|name| Expr::Column(Column::from_name(name)));
    let times = if except { l.clone() - r.clone() } else { when(l.clone().lt(r.clone()), l).otherwise(r)? };
    let copies = Column::from_name("__copies");
    let repeated = datafusion::functions_nested::repeat::array_repeat(lit(1_i32), times.clone());
    let mut with_copies = keys.clone();
    with_copies.push(repeated.alias(copies.name.clone()));
    let plan = both
        .aggregate(keys.clone(), sums.collect::<Vec<_>>())?
        .filter(times.gt(lit(0_i64)))?
        .project(with_copies)?
        .unnest_column_with_options(copies, UnnestOptions::new())?
        .project(keys)?;
    Ok(plan.build()?)
}

/// The visible columns under these names.
pub(super) fn projected(relation: Relation, names: &[String]) -> Result<LogicalPlan> {
    let exprs: Vec<Expr> = relation
        .visible()
        .zip(names)
        .map(|(c, name)| Expr::Column(c.column.clone()).alias(name.clone()))
        .collect();
    Ok(LogicalPlanBuilder::from(relation.plan).project(exprs)?.build()?)
}

/// The visible columns under other names; as many as there are columns.
pub(super) fn rename(relation: Relation, names: Vec<String>) -> Result<Relation> {
    let width = relation.visible().count();
    if width != names.len() {
        return Err(SparkError::new(
            "ASSIGNMENT_ARITY_MISMATCH",
            "42802",
            format!(
                "The number of columns or variables assigned or aliased: {} does not match the number of source expressions: {width}.",
                names.len()
            ),
        ));
    }
    let mut unique = UniqueNames::default();
    let inner: Vec<String> = names.iter().map(|n| unique.claim(n)).collect();
    let plan = projected(relation, &inner)?;
    let columns = names
        .into_iter()
        .zip(inner)
        .map(|(name, inner)| ScopeColumn {
            qualifier: Vec::new(),
            name,
            column: Column::from_name(inner),
            hidden: false,
        })
        .collect();
    Ok(Relation { plan, columns })
}

/// The plan of a whole query: its visible columns, unqualified, under names of their own.
pub(crate) fn finish(relation: Relation) -> Result<LogicalPlan> {
    let mut unique = UniqueNames::default();
    let names: Vec<String> = relation.visible().map(|c| unique.claim(&c.name)).collect();
    let as_it_is = relation.schema().fields().len() == names.len()
        && relation.visible().zip(&names).zip(relation.schema().columns()).all(|((c, name), column)| {
            c.column == column && column.relation.is_none() && column.name == *name
        });
    if as_it_is { Ok(relation.plan) } else { projected(relation, &names) }
}
