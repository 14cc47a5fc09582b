//! A planned relation: its columns, and those of the DataFrames below it that expressions may name.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::{Column, DFSchemaRef};
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::analysis::scope::{Relation, ScopeColumn};
use crate::analysis::select::replace;
use crate::error::Result;

/// The columns a DataFrame gave out.
///
/// All columns of one request's plans have names of their own, so that a column can be followed
/// from the DataFrame it comes from to where it is used.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    /// Its columns.
    pub columns: Arc<[ScopeColumn]>,
    /// How far above the leaves it stands, counted so that its whole plan has one top.
    pub height: usize,
}

/// The DataFrames of a plan by their ids.
#[derive(Debug, Clone, Default)]
pub(super) struct Frames {
    by_id: HashMap<i64, Vec<Frame>>,
    height: usize,
}

impl Frames {
    /// The frames of one id: several where a DataFrame is joined with itself.
    pub fn get(&self, id: i64) -> Option<&[Frame]> {
        self.by_id.get(&id).map(Vec::as_slice)
    }

    /// One operator further up.
    fn above(mut self) -> Self {
        self.height += 1;
        self
    }

    /// Those of both sides, seen from the operator that joins them.
    pub fn joined(mut self, mut other: Self) -> Self {
        let height = self.height.max(other.height);
        self.lift(height);
        other.lift(height);
        for (id, frames) in other.by_id {
            self.by_id.entry(id).or_default().extend(frames);
        }
        self.height = height + 1;
        self
    }

    fn lift(&mut self, height: usize) {
        let by = height - self.height;
        if by > 0 {
            self.by_id.values_mut().flatten().for_each(|frame| frame.height += by);
            self.height = height;
        }
    }

    /// Takes down columns of a DataFrame.
    pub fn add(&mut self, id: i64, columns: &[ScopeColumn]) {
        let frame = Frame { columns: columns.into(), height: self.height };
        self.by_id.entry(id).or_default().push(frame);
    }
}

/// Columns that a projection or aggregation leaves out, and a sort or filter above it may still name.
#[derive(Debug)]
pub(super) struct Below {
    /// The columns of its input.
    pub columns: Vec<ScopeColumn>,
    /// Their schema.
    pub schema: DFSchemaRef,
    /// What an aggregation makes of them, and its columns: only within these may they be named.
    pub made: Vec<(Expr, Column)>,
}

/// A planned relation.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    /// The plan. Its columns have no qualifier.
    pub plan: LogicalPlan,
    /// Its columns; hidden ones last.
    pub columns: Vec<ScopeColumn>,
    /// The DataFrames in it.
    pub frames: Frames,
    /// What the projection or aggregation at its top could also give out.
    pub below: Option<Arc<Below>>,
}

impl Scope {
    /// A relation without inputs.
    pub fn leaf(relation: Relation) -> Self {
        Self { plan: relation.plan, columns: relation.columns, frames: Frames::default(), below: None }
    }

    /// A relation over one input, whose frames it takes.
    pub fn over(frames: Frames, relation: Relation) -> Self {
        Self { plan: relation.plan, columns: relation.columns, frames: frames.above(), below: None }
    }

    /// The same columns from another plan.
    pub fn with_plan(self, plan: LogicalPlan) -> Self {
        Self { plan, frames: self.frames.above(), ..self }
    }

    /// Takes down the columns under the id of the DataFrame that the relation is.
    pub fn noted(mut self, id: Option<i64>) -> Self {
        if let Some(id) = id {
            self.frames.add(id, &self.columns);
        }
        self
    }

    /// An expression in which what the aggregation at the top made is its columns.
    pub fn above_groups(&self, expr: Expr) -> Result<Expr> {
        match &self.below {
            Some(below) if !below.made.is_empty() => replace(expr, &below.made),
            _ => Ok(expr),
        }
    }

    /// The columns of `*`.
    pub fn visible(&self) -> impl Iterator<Item = &ScopeColumn> {
        self.columns.iter().filter(|column| !column.hidden)
    }

    /// Plan and columns.
    pub fn into_relation(self) -> Relation {
        Relation { plan: self.plan, columns: self.columns }
    }
}
