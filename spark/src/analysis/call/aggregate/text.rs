//! The name of an aggregate's column: its call as Spark prints it.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Sort;

use super::{AggregateOptions, Call};
use crate::analysis::Named;
use crate::analysis::call::list;
use crate::analysis::scope::display_name;

impl Call<'_> {
    /// The keys after WITHIN GROUP.
    fn sort_text(&self, sorts: &[Sort]) -> String {
        let percentile = self.name.starts_with("percentile");
        let keys = sorts.iter().map(|sort| {
            let key = match &sort.expr {
                Expr::Column(column) => display_name(&column.name).to_owned(),
                other => other.schema_name().to_string(),
            };
            let direction = if sort.asc { "ASC" } else { "DESC" };
            let nulls = if sort.nulls_first { "FIRST" } else { "LAST" };
            match percentile {
                true if sort.asc => key,
                true => format!("{key} DESC"),
                false => format!("{key} {direction} NULLS {nulls}"),
            }
        });
        keys.collect::<Vec<_>>().join(", ")
    }

    /// The whole call.
    pub(super) fn text(&self, options: &AggregateOptions) -> String {
        let distinct = if options.distinct { "DISTINCT " } else { "" };
        let name = self.name;
        let shown = match name {
            "array_agg" => "collect_list",
            "string_agg" if !options.order_by.is_empty() => "listagg",
            other => other,
        };
        let default = match (name, self.args.len()) {
            ("percentile", 2) => ", 1",
            ("percentile_approx" | "approx_percentile", 2) => ", 10000",
            ("listagg" | "string_agg", 1) => ", NULL",
            _ => self.sketch_default(),
        };
        let args: Vec<Named> = match name {
            "first" | "last" | "first_value" | "last_value" | "any_value" => {
                self.args.iter().take(1).cloned().collect()
            }
            _ => self.args.to_vec(),
        };
        let call = format!("{shown}({distinct}{}{default})", list(&args));
        let call = match options.order_by.as_slice() {
            // Spark turns the order round in what it prints.
            [sort] if name == "mode" => {
                let key = match &sort.expr {
                    Expr::Column(column) => display_name(&column.name).to_owned(),
                    other => other.schema_name().to_string(),
                };
                format!("mode() WITHIN GROUP (ORDER BY {key}{})", if sort.asc { " DESC" } else { "" })
            }
            [] if name == "mode" && self.args.len() == 2 => {
                if matches!(&self.args[1].expr, Expr::Literal(ScalarValue::Boolean(Some(true)), _)) {
                    format!("mode() WITHIN GROUP (ORDER BY {} DESC)", self.args[0].name)
                } else {
                    format!("mode({})", self.args[0].name)
                }
            }
            [] => call,
            sorts => format!("{call} WITHIN GROUP (ORDER BY {})", self.sort_text(sorts)),
        };
        match &options.filter {
            Some(filter) => format!("{call} FILTER (WHERE {})", filter.name),
            None => call,
        }
    }
}
