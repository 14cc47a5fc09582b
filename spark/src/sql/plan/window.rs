//! Window calls: `f(...) OVER (...)`.

use std::sync::Arc;

use datafusion::logical_expr::WindowFrame;
use datafusion::sql::sqlparser::ast::{self, NamedWindowExpr, WindowType};

use super::Planner;
use super::expr::Names;
use crate::analysis::Named;
use crate::analysis::window::{self, Window};
use crate::error::{Result, SparkError};

impl Planner<'_> {
    pub(super) fn window_call(
        &mut self,
        function: &ast::Function,
        name: &str,
        args: Vec<Named>,
        over: &WindowType,
        names: &Names<'_>,
    ) -> Result<Named> {
        let spec = self.window_spec(over)?;
        let mut partitions = Vec::new();
        for key in &spec.partition_by {
            partitions.push(self.expr(key, names)?);
        }
        let keys = self.sort_keys(&spec.order_by, names)?;
        let frame = match &spec.window_frame {
            Some(frame) => Some((WindowFrame::try_from(frame.clone())?, frame_text(frame))),
            None => None,
        };
        let window = Window { partitions, keys, frame };
        let options = self.aggregate_options(function, names)?;
        window::over(&self.context(names), name, args, options, window)
    }

    fn window_spec(&self, over: &WindowType) -> Result<Arc<ast::WindowSpec>> {
        let (name, spec) = match over {
            WindowType::NamedWindow(name) => (Some(name), None),
            WindowType::WindowSpec(spec) => (spec.window_name.as_ref(), Some(spec)),
        };
        let Some(name) = name else {
            return spec
                .map(|s| Arc::new(s.clone()))
                .ok_or_else(|| SparkError::internal("a window without a specification"));
        };
        let missing = || {
            SparkError::new(
                "MISSING_WINDOW_SPECIFICATION",
                "42P20",
                format!(
                    "Window specification is not defined in the WINDOW clause for {}. \
                     For more information about WINDOW clauses, please refer to \
                     'https://spark.apache.org/docs/latest/sql-ref-syntax-qry-select-window.html'.",
                    name.value
                ),
            )
        };
        let base = self
            .windows
            .iter()
            .rev()
            .find(|w| self.session.case.same(&w.0.value, &name.value))
            .ok_or_else(missing)?;
        match &base.1 {
            NamedWindowExpr::NamedWindow(other) => self.window_spec(&WindowType::NamedWindow(other.clone())),
            NamedWindowExpr::WindowSpec(base) => {
                let mut merged = base.clone();
                if let Some(spec) = spec {
                    if !spec.order_by.is_empty() {
                        merged.order_by.clone_from(&spec.order_by);
                    }
                    if spec.window_frame.is_some() {
                        merged.window_frame.clone_from(&spec.window_frame);
                    }
                }
                Ok(Arc::new(merged))
            }
        }
    }
}

fn frame_text(frame: &ast::WindowFrame) -> String {
    let bound = |b: &ast::WindowFrameBound| b.to_string();
    let end = frame.end_bound.as_ref().map_or_else(|| "CURRENT ROW".to_owned(), bound);
    format!("{} BETWEEN {} AND {end}", frame.units, bound(&frame.start_bound))
}
