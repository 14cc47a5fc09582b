//! Whether two plans compute the same rows from the same sources: what makes a cached plan found again.
//!
//! Names do not count: the same DataFrame gives its columns other names on the right side of a join.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use datafusion::catalog::default_table_source::source_as_provider;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::datasource::MemTable;
use datafusion::error::Result;
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, TableSource};

use crate::source::numbers::Numbers;
use crate::source::table::FileTable;

/// Stack left when more is taken, and how much is taken, in bytes: plans may be deep.
const RED_ZONE: usize = 128 << 10;
const STACK: usize = 2 << 20;

/// What a plan computes, whatever its columns are called.
pub struct Identity {
    hash: u64,
    node: Node,
    inputs: Vec<Arc<Identity>>,
}

/// What the top node of a plan does to its inputs.
enum Node {
    /// An operator: its kind and settings, and its expressions with columns by position.
    Operator(String, Vec<Expr>),
    /// Its input under other names.
    Renamed,
    /// A scan of a whole table.
    Scan(Arc<dyn TableSource>, Option<Vec<usize>>),
    /// Anything else, which is the same only with the same names.
    Exact(Box<LogicalPlan>),
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:x})", self.hash)
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        let (own, other) = (self.below_names(), other.below_names());
        own.hash == other.hash
            && match (&own.node, &other.node) {
                (Node::Operator(kind, exprs), Node::Operator(other_kind, others)) => {
                    kind == other_kind && exprs == others && own.inputs == other.inputs
                }
                (Node::Scan(source, columns), Node::Scan(other_source, others)) => {
                    columns == others && same_source(source, other_source)
                }
                (Node::Exact(plan), Node::Exact(other)) => same_exactly(plan, other),
                _ => false,
            }
    }
}

impl Identity {
    /// What a plan computes.
    ///
    /// # Errors
    /// Where the plan does not hold together.
    pub fn of(plan: &LogicalPlan) -> Result<Self> {
        stacker::maybe_grow(RED_ZONE, STACK, || {
            let inputs: Result<Vec<_>> =
                plan.inputs().into_iter().map(|input| Self::of(input).map(Arc::new)).collect();
            let inputs = inputs?;
            let node = node(plan)?;
            if let (Node::Renamed, Some(input)) = (&node, inputs.first()) {
                return Ok(Self { hash: input.hash, node, inputs });
            }
            let mut hasher = DefaultHasher::new();
            match &node {
                Node::Operator(kind, exprs) => {
                    kind.hash(&mut hasher);
                    exprs.hash(&mut hasher);
                }
                Node::Scan(source, columns) => {
                    columns.hash(&mut hasher);
                    source.schema().hash(&mut hasher);
                }
                Node::Exact(plan) => plan.hash(&mut hasher),
                Node::Renamed => {}
            }
            for input in &inputs {
                input.hash.hash(&mut hasher);
            }
            Ok(Self { hash: hasher.finish(), node, inputs })
        })
    }

    /// The part that does more than give columns other names.
    fn below_names(&self) -> &Self {
        let mut found = self;
        while let (Node::Renamed, Some(input)) = (&found.node, found.inputs.first()) {
            found = input;
        }
        found
    }

    /// A number that is the same for plans that are the same.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether another plan is this one or a part of it.
    pub fn contains(&self, other: &Self) -> bool {
        self == other || self.inputs.iter().any(|input| input.contains(other))
    }

    /// The tables of files that the plan reads.
    pub fn files(&self) -> Vec<Arc<dyn datafusion::catalog::TableProvider>> {
        let mut found: Vec<_> = self.inputs.iter().flat_map(|input| input.files()).collect();
        let sources = match &self.node {
            Node::Scan(source, _) => vec![Arc::clone(source)],
            Node::Exact(plan) => sources(plan).unwrap_or_default(),
            Node::Operator(..) | Node::Renamed => vec![],
        };
        let providers = sources.iter().filter_map(|source| source_as_provider(source).ok());
        found.extend(providers.filter(|provider| provider.is::<FileTable>()));
        found
    }
}

/// The part of a plan that does more than give columns other names; its columns have the same places.
///
/// # Errors
/// Where the plan does not hold together.
pub fn below_names(plan: &LogicalPlan) -> Result<&LogicalPlan> {
    let mut found = plan;
    while let Node::Renamed = node(found)? {
        match found.inputs().first().copied() {
            Some(input) => found = input,
            None => break,
        }
    }
    Ok(found)
}

/// A plan in which the largest parts that `find` knows are replaced by what it gives for them.
///
/// # Errors
/// Those of `find`, and where the plan does not hold together.
pub fn replace(
    plan: LogicalPlan,
    find: &mut dyn FnMut(&Identity, &LogicalPlan) -> Result<Option<LogicalPlan>>,
) -> Result<LogicalPlan> {
    let identity = Identity::of(&plan)?;
    replace_known(plan, &identity, find)
}

fn replace_known(
    plan: LogicalPlan,
    identity: &Identity,
    find: &mut dyn FnMut(&Identity, &LogicalPlan) -> Result<Option<LogicalPlan>>,
) -> Result<LogicalPlan> {
    stacker::maybe_grow(RED_ZONE, STACK, || {
        if let Some(found) = find(identity, &plan)? {
            return Ok(found);
        }
        let mut inputs = identity.inputs.iter();
        let replaced = plan.map_children(|child| {
            Ok(Transformed::yes(match inputs.next() {
                Some(input) => replace_known(child, input, find)?,
                None => child,
            }))
        })?;
        let replaced = replaced.data.map_subqueries(|inner| Ok(Transformed::yes(replace(inner, find)?)))?;
        Ok(replaced.data)
    })
}

fn node(plan: &LogicalPlan) -> Result<Node> {
    let exact = || Node::Exact(Box::new(plan.clone()));
    let kind = match plan {
        LogicalPlan::TableScan(scan) if scan.filters.is_empty() && scan.fetch.is_none() => {
            return Ok(Node::Scan(Arc::clone(&scan.source), scan.projection.clone()));
        }
        LogicalPlan::Projection(_) => "Projection".to_owned(),
        LogicalPlan::Filter(_) => "Filter".to_owned(),
        LogicalPlan::Window(_) => "Window".to_owned(),
        LogicalPlan::Limit(limit) => format!("Limit {} {}", limit.skip.is_some(), limit.fetch.is_some()),
        LogicalPlan::Union(_) => "Union".to_owned(),
        LogicalPlan::SubqueryAlias(_) => return Ok(Node::Renamed),
        LogicalPlan::Distinct(Distinct::All(_)) => "Distinct".to_owned(),
        LogicalPlan::Aggregate(aggregate) => format!("Aggregate {}", aggregate.group_expr.len()),
        LogicalPlan::Sort(sort) => {
            let order: Vec<_> = sort.expr.iter().map(|key| (key.asc, key.nulls_first)).collect();
            format!("Sort {order:?} {:?}", sort.fetch)
        }
        LogicalPlan::Join(join) => {
            format!("Join {:?} {:?} {}", join.join_type, join.null_equality, join.on.len())
        }
        LogicalPlan::EmptyRelation(empty) => {
            let types: Vec<_> = empty.schema.fields().iter().map(|field| field.data_type()).collect();
            format!("Empty {} {types:?}", empty.produce_one_row)
        }
        _ => return Ok(exact()),
    };
    let schemas: Vec<&DFSchema> = plan.inputs().into_iter().map(|input| input.schema().as_ref()).collect();
    let mut exprs = Vec::new();
    for expr in plan.expressions() {
        match without_names(expr, &schemas)? {
            Some(expr) => exprs.push(expr),
            None => return Ok(exact()),
        }
    }
    let width = schemas.first().map_or(0, |schema| schema.fields().len());
    let renames = matches!(plan, LogicalPlan::Projection(_))
        && exprs.len() == width
        && exprs.iter().enumerate().all(|(index, expr)| *expr == place(0, index));
    Ok(if renames { Node::Renamed } else { Node::Operator(kind, exprs) })
}

/// A column by its place: the number of the input, and that of the column in it.
fn place(input: usize, index: usize) -> Expr {
    Expr::Column(Column::new(Some(input.to_string()), index.to_string()))
}

/// An expression with columns by their places; nothing where it has a query in it.
fn without_names(expr: Expr, inputs: &[&DFSchema]) -> Result<Option<Expr>> {
    let mut plain = true;
    let renamed = expr.transform_up(|expr| {
        Ok(match expr {
            Expr::Alias(alias) => Transformed::yes(*alias.expr),
            Expr::Column(column) => {
                let place = inputs
                    .iter()
                    .enumerate()
                    .find_map(|(input, schema)| Some((input, schema.maybe_index_of_column(&column)?)));
                match place {
                    Some((input, index)) => Transformed::yes(self::place(input, index)),
                    None => Transformed::no(Expr::Column(column)),
                }
            }
            Expr::ScalarSubquery(_)
            | Expr::InSubquery(_)
            | Expr::Exists(_)
            | Expr::SetComparison(_)
            | Expr::OuterReferenceColumn(..) => {
                plain = false;
                Transformed::no(expr)
            }
            other => Transformed::no(other),
        })
    })?;
    Ok(plain.then_some(renamed.data))
}

/// DataFusion compares plans by the names of their tables alone.
fn same_exactly(a: &LogicalPlan, b: &LogicalPlan) -> bool {
    a == b
        && match (sources(a), sources(b)) {
            (Ok(a), Ok(b)) => a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| same_source(a, b)),
            _ => false,
        }
}

/// The tables a plan reads, in a fixed order.
fn sources(plan: &LogicalPlan) -> Result<Vec<Arc<dyn TableSource>>> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            found.push(Arc::clone(&scan.source));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

fn same_source(a: &Arc<dyn TableSource>, b: &Arc<dyn TableSource>) -> bool {
    if Arc::ptr_eq(a, b) {
        return true;
    }
    let (Ok(a), Ok(b)) = (source_as_provider(a), source_as_provider(b)) else { return false };
    if Arc::ptr_eq(&a, &b) {
        return true;
    }
    if let (Some(a), Some(b)) = (a.downcast_ref::<FileTable>(), b.downcast_ref::<FileTable>()) {
        return a.reads_the_same(b);
    }
    if let (Some(a), Some(b)) = (a.downcast_ref::<Numbers>(), b.downcast_ref::<Numbers>()) {
        return a.gives_the_same(b);
    }
    match (a.downcast_ref::<MemTable>(), b.downcast_ref::<MemTable>()) {
        (Some(a), Some(b)) => same_rows(a, b),
        _ => false,
    }
}

/// Whether two tables in memory hold equal rows in equal partitions. One that is being written to
/// equals no other.
fn same_rows(a: &MemTable, b: &MemTable) -> bool {
    a.batches.len() == b.batches.len()
        && a.batches.iter().zip(&b.batches).all(|(a, b)| match (a.try_read(), b.try_read()) {
            (Ok(a), Ok(b)) => {
                let columns = |batches: &[datafusion::arrow::record_batch::RecordBatch]| {
                    batches.iter().map(|batch| batch.columns().to_vec()).collect::<Vec<_>>()
                };
                columns(&a) == columns(&b)
            }
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int64Array, RecordBatch};
    use datafusion::datasource::provider_as_source;
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};

    use super::*;

    fn plan(name: &str, values: Vec<i64>, above: i64) -> LogicalPlan {
        let column = Arc::new(Int64Array::from(values));
        let batch = RecordBatch::try_from_iter([("a", column as _)]).unwrap();
        let table = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
        let scan = LogicalPlanBuilder::scan("t", provider_as_source(Arc::new(table)), None).unwrap();
        let named = scan.project([col("a").alias(name)]).unwrap();
        named.filter(col(name).gt(lit(above))).unwrap().build().unwrap()
    }

    fn same(a: &LogicalPlan, b: &LogicalPlan) -> bool {
        Identity::of(a).unwrap() == Identity::of(b).unwrap()
    }

    #[test]
    fn plans_are_one_only_if_they_read_the_same_rows() {
        assert!(same(&plan("a", vec![1, 2], 1), &plan("a", vec![1, 2], 1)));
        assert!(!same(&plan("a", vec![1, 2], 1), &plan("a", vec![1, 3], 1)));
        assert!(!same(&plan("a", vec![1, 2], 1), &plan("a", vec![1, 2], 0)));
    }

    #[test]
    fn the_names_of_columns_do_not_count() {
        assert!(same(&plan("a", vec![1, 2], 1), &plan("a#2", vec![1, 2], 1)));
    }

    #[test]
    fn parts_are_replaced_wherever_they_are() {
        let part = plan("a", vec![1], 0);
        let wanted = Identity::of(&part).unwrap();
        let right = plan("b", vec![1], 0);
        let whole = LogicalPlanBuilder::from(part).cross_join(right).unwrap().build().unwrap();
        let mut seen = 0;
        replace(whole, &mut |identity, node| {
            Ok((*identity == wanted).then(|| {
                seen += 1;
                node.clone()
            }))
        })
        .unwrap();
        assert_eq!(seen, 2);
    }
}
