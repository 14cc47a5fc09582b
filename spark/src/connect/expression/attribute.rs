//! Names: columns of the input, of one of the DataFrames below it, of an outer query.

use std::sync::Arc;

use datafusion::common::{DFSchema, ExprSchema};
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::Resolver;
use crate::analysis::scope::{Found, ScopeColumn, find};
use crate::analysis::{Named, call, fields};
use crate::connect::proto::expression::UnresolvedAttribute;
use crate::connect::scope::Frames;
use crate::error::{Result, SparkError, quote_parts};

impl Resolver<'_> {
    /// A column, or a field of a struct in one.
    pub(super) fn attribute(&self, attribute: &UnresolvedAttribute) -> Result<Named> {
        if attribute.is_metadata_column() {
            return Err(SparkError::unsupported("metadata columns"));
        }
        let parts = name_parts(&attribute.unparsed_identifier)?;
        self.column(&parts, attribute.plan_id)
    }

    /// The column a name means, in the DataFrame with this id if there is one.
    pub(super) fn column(&self, parts: &[String], plan_id: Option<i64>) -> Result<Named> {
        if let Some(id) = plan_id {
            return self.column_of(parts, id);
        }
        let case = self.planner.session.case;
        if let Some(found) = find(self.columns, parts, case)? {
            return self.found(parts, &found);
        }
        if let Some(found) = find(self.below(), parts, case)? {
            return self.found(parts, &found);
        }
        if let [name] = parts
            && let Some(alias) = self.earlier.iter().find(|item| case.same(&item.name, name))
        {
            return Ok(Named::new(alias.expr.clone().unalias(), name.clone()));
        }
        for outer in self.planner.outer.iter().rev() {
            if let Some(found) = find(&outer.columns, parts, case)? {
                return self.outer_reference(parts, &found, &outer.schema);
            }
        }
        if let [name] = parts
            && matches!(
                name.to_ascii_lowercase().as_str(),
                "current_date" | "current_timestamp" | "current_user" | "user"
            )
        {
            return call::scalar(&self.context(), &name.to_ascii_lowercase(), vec![]);
        }
        Err(SparkError::column_not_found(parts, &candidates(self.columns)))
    }

    /// The column of one DataFrame.
    fn column_of(&self, parts: &[String], id: i64) -> Result<Named> {
        let given = |column: &ScopeColumn| self.schema.has_column(&column.column);
        if let Some(found) = self.in_frames(self.frames, parts, id, &given)? {
            return self.found(parts, &found);
        }
        for outer in self.planner.outer.iter().rev() {
            let given = |column: &ScopeColumn| outer.schema.has_column(&column.column);
            if let Some(found) = self.in_frames(&outer.frames, parts, id, &given)? {
                return self.outer_reference(parts, &found, &outer.schema);
            }
        }
        match self.frames.get(id) {
            // The DataFrame is there, and does not give the column out, or no longer.
            Some(_) => Err(SparkError::column_not_found(parts, &candidates(self.columns))),
            None => Err(out_of_reach(&parts.join("."))),
        }
    }

    /// The column of the nearest DataFrame with this id that the input still gives out.
    fn in_frames<'f>(
        &self,
        frames: &'f Frames,
        parts: &'f [String],
        id: i64,
        given: &dyn Fn(&ScopeColumn) -> bool,
    ) -> Result<Option<Found<'f>>> {
        let mut nearest: Option<(usize, Found<'f>)> = None;
        let mut tie = false;
        for frame in frames.get(id).unwrap_or_default() {
            let Some(found) = find(&frame.columns, parts, self.planner.session.case)? else { continue };
            if !given(found.column) {
                continue;
            }
            match &nearest {
                Some((height, other)) if *height == frame.height => {
                    tie = other.column.column != found.column.column;
                }
                Some((height, _)) if *height > frame.height => {}
                _ => {
                    tie = false;
                    nearest = Some((frame.height, found));
                }
            }
        }
        if tie {
            return Err(ambiguous(parts));
        }
        Ok(nearest.map(|(_, found)| found))
    }

    /// A found column with the fields after it. Its name is the last part.
    fn found(&self, parts: &[String], found: &Found<'_>) -> Result<Named> {
        let shown = parts[parts.len() - found.fields.len() - 1].clone();
        let column = Named::new(Expr::Column(found.column.column.clone()), shown);
        self.nested(column, found.fields)
    }

    fn outer_reference(&self, parts: &[String], found: &Found<'_>, schema: &DFSchema) -> Result<Named> {
        let column = found.column.column.clone();
        let field = schema.field_from_column(&column)?;
        let expr = Expr::OuterReferenceColumn(Arc::clone(field), column);
        let shown = parts[parts.len() - found.fields.len() - 1].clone();
        self.nested(Named::new(expr, shown), found.fields)
    }

    fn nested(&self, mut value: Named, path: &[String]) -> Result<Named> {
        for name in path {
            let data_type = value.expr.get_type(self.schema)?;
            let taken = if data_type.is_list()
                || matches!(data_type, datafusion::arrow::datatypes::DataType::Map(_, _))
            {
                let key = Named::new(datafusion::logical_expr::lit(name.clone()), name.clone());
                fields::extract(&self.context(), value, key, self.planner.session.case)?
            } else {
                fields::field(&self.context(), value, name, self.planner.session.case)?
            };
            value = Named::new(taken.expr, name.clone());
        }
        Ok(value)
    }
}

/// A column of a DataFrame that is not in the plan.
pub(super) fn out_of_reach(name: &str) -> SparkError {
    SparkError::new(
        "CANNOT_RESOLVE_DATAFRAME_COLUMN",
        "42704",
        format!(
            "Cannot resolve dataframe column \"{name}\". It's probably because of illegal references like `df1.select(df2.col(\"a\"))`."
        ),
    )
    .with_param("name", format!("\"{name}\""))
}

/// A column of a DataFrame that is in the plan more than once.
pub(super) fn ambiguous(parts: &[String]) -> SparkError {
    SparkError::new(
        "AMBIGUOUS_COLUMN_REFERENCE",
        "42702",
        format!(
            "Column {} is ambiguous. It's because you joined several DataFrame together, and some of these DataFrames are the same.\n\
             This column points to one of the DataFrames but Spark is unable to figure out which one.\n\
             Please alias the DataFrames with different names via `DataFrame.alias` before joining them,\n\
             and specify the column using qualified name, e.g. `df.alias(\"a\").join(df.alias(\"b\"), col(\"a.id\") > col(\"b.id\"))`.",
            quote_parts(parts)
        ),
    )
    .with_param("name", parts.join("."))
}

/// The names of columns, to propose from.
pub(super) fn candidates(columns: &[ScopeColumn]) -> Vec<Vec<String>> {
    columns.iter().filter(|column| !column.hidden).map(ScopeColumn::parts).collect()
}

/// The parts of a name as written: separated by dots, in backquotes where they hold some.
///
/// # Errors
/// INVALID_ATTRIBUTE_NAME_SYNTAX.
pub(in crate::connect) fn name_parts(text: &str) -> Result<Vec<String>> {
    let bad = || {
        SparkError::new(
            "INVALID_ATTRIBUTE_NAME_SYNTAX",
            "42601",
            format!(
                "Syntax error in the attribute name: {text}. Check that backticks appear in pairs, a quoted string is a complete name part and use a backtick only inside quoted name parts."
            ),
        )
        .with_param("name", text)
    };
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    let mut closed = false;
    while let Some(c) = chars.next() {
        match c {
            '`' if quoted && chars.peek() == Some(&'`') => {
                chars.next();
                part.push('`');
            }
            '`' if quoted => {
                quoted = false;
                closed = true;
                if chars.peek().is_some_and(|next| *next != '.') {
                    return Err(bad());
                }
            }
            '`' if part.is_empty() && !closed => quoted = true,
            '`' => return Err(bad()),
            '.' if !quoted => {
                if part.is_empty() && !closed {
                    return Err(bad());
                }
                parts.push(std::mem::take(&mut part));
                closed = false;
                if chars.peek().is_none() {
                    return Err(bad());
                }
            }
            other => part.push(other),
        }
    }
    if quoted {
        return Err(bad());
    }
    parts.push(part);
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::name_parts;

    #[test]
    fn backquotes_hold_dots_together() {
        let parts = |text: &str| name_parts(text).ok();
        let owned = |parts: &[&str]| Some(parts.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
        assert_eq!(parts("a.b"), owned(&["a", "b"]));
        assert_eq!(parts("a.`b.c`"), owned(&["a", "b.c"]));
        assert_eq!(parts("`a``b`"), owned(&["a`b"]));
        for bad in ["a.", "`a", "a`b`", ".a", "`a`b"] {
            assert_eq!(parts(bad), None, "{bad}");
        }
    }
}
