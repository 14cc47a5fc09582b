//! The columns that names can mean, and how a name finds its column.

use datafusion::common::{Column, DFSchema};
use datafusion::logical_expr::LogicalPlan;

use crate::error::{Result, SparkError};

/// Set between a name and a number where several columns of one plan share a name.
///
/// Spark lets columns share a name, DataFusion does not. The mark is a private-use character,
/// so that [`display_name`] can take it off again wherever the name is shown.
const DUPLICATE_MARK: char = '\u{E0C1}';

/// The name to show for a column of a plan.
pub fn display_name(name: &str) -> &str {
    name.split_once(DUPLICATE_MARK).map_or(name, |(shown, _)| shown)
}

/// A text in which names of columns stand, the marks on them shown as Spark numbers attributes.
pub fn without_marks(text: &str) -> String {
    text.replace(DUPLICATE_MARK, "#")
}

/// Names for the columns of one plan: each as wanted where it is free, marked where it is taken.
#[derive(Debug, Default)]
pub struct UniqueNames {
    taken: std::collections::HashMap<String, usize>,
}

impl UniqueNames {
    /// The name under which a column called `wanted` goes into the plan.
    pub fn claim(&mut self, wanted: &str) -> String {
        let count = self.taken.entry(wanted.to_owned()).or_insert(0);
        *count += 1;
        if *count == 1 { wanted.to_owned() } else { format!("{wanted}{DUPLICATE_MARK}{count}") }
    }
}

impl UniqueNames {
    /// Takes a name that a plan has already.
    pub fn take(&mut self, name: &str) {
        let (shown, number) = match name.split_once(DUPLICATE_MARK) {
            Some((shown, number)) => (shown, number.parse().unwrap_or(1)),
            None => (name, 1),
        };
        let count = self.taken.entry(shown.to_owned()).or_insert(0);
        *count = number.max(*count);
    }
}

/// A column that names can mean.
#[derive(Debug, Clone, PartialEq)]
pub struct ScopeColumn {
    /// Parts before its name, as in `spark_catalog.default.t`; empty if it has none.
    pub qualifier: Vec<String>,
    /// Its name as shown.
    pub name: String,
    /// The column of the plan.
    pub column: Column,
    /// Not part of `*`: the other side's key of a USING join.
    pub hidden: bool,
}

impl ScopeColumn {
    /// Qualifier and name.
    pub fn parts(&self) -> Vec<String> {
        let mut parts = self.qualifier.clone();
        parts.push(self.name.clone());
        parts
    }
}

/// A plan and the names of its columns.
#[derive(Debug, Clone)]
pub struct Relation {
    /// The plan.
    pub plan: LogicalPlan,
    /// Its columns; hidden ones last.
    pub columns: Vec<ScopeColumn>,
}

impl Relation {
    /// A plan whose columns have no qualifier and show their display names.
    pub fn unqualified(plan: LogicalPlan) -> Self {
        let columns = plan
            .schema()
            .columns()
            .into_iter()
            .map(|column| ScopeColumn {
                qualifier: Vec::new(),
                name: display_name(&column.name).to_owned(),
                column,
                hidden: false,
            })
            .collect();
        Self { plan, columns }
    }

    /// The columns of `*`.
    pub fn visible(&self) -> impl Iterator<Item = &ScopeColumn> {
        self.columns.iter().filter(|column| !column.hidden)
    }

    /// The schema of the plan.
    pub fn schema(&self) -> &DFSchema {
        self.plan.schema()
    }
}

/// Whether names differing in case are one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaseRule {
    /// `spark.sql.caseSensitive`.
    pub sensitive: bool,
}

impl CaseRule {
    /// Whether two names are one.
    pub fn same(self, a: &str, b: &str) -> bool {
        if self.sensitive { a == b } else { a == b || a.to_lowercase() == b.to_lowercase() }
    }
}

/// What a name found: the column and the parts left over, which are fields of a struct.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<'a> {
    /// The column.
    pub column: &'a ScopeColumn,
    /// Field names after the column's, outermost first.
    pub fields: &'a [String],
}

/// Finds the column a name means; `None` if there is none, an error if there are several.
///
/// The longest qualifier wins: `a.b.c` is column `c` of `a.b` before it is field `c` of column
/// `b` of `a`.
pub fn find<'a>(columns: &'a [ScopeColumn], name: &'a [String], case: CaseRule) -> Result<Option<Found<'a>>> {
    for length in (1..=name.len().min(4)).rev() {
        let (qualifier, column_name) = (&name[..length - 1], &name[length - 1]);
        let matches: Vec<&ScopeColumn> = columns
            .iter()
            .filter(|column| {
                case.same(&column.name, column_name)
                    && ends_with(&column.qualifier, qualifier, case)
                    && !(column.hidden && qualifier.is_empty())
            })
            .collect();
        match matches.as_slice() {
            [] => {}
            [column] => return Ok(Some(Found { column, fields: &name[length..] })),
            several => {
                let candidates: Vec<_> = several.iter().map(|column| column.parts()).collect();
                return Err(SparkError::ambiguous_reference(&name[..length], &candidates));
            }
        }
    }
    Ok(None)
}

/// Whether a column's qualifier ends with the one written.
pub fn ends_with(qualifier: &[String], written: &[String], case: CaseRule) -> bool {
    written.len() <= qualifier.len()
        && qualifier[qualifier.len() - written.len()..].iter().zip(written).all(|(a, b)| case.same(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(qualifier: &[&str], name: &str) -> ScopeColumn {
        ScopeColumn {
            qualifier: qualifier.iter().map(|q| (*q).to_owned()).collect(),
            name: name.to_owned(),
            column: Column::from_name(name),
            hidden: false,
        }
    }

    fn name(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|p| (*p).to_owned()).collect()
    }

    const ANY_CASE: CaseRule = CaseRule { sensitive: false };

    #[test]
    fn names_match_without_regard_to_case_unless_told() {
        let columns = [column(&["t"], "Id")];
        assert!(find(&columns, &name(&["T", "ID"]), ANY_CASE).is_ok_and(|f| f.is_some()));
        let strict = CaseRule { sensitive: true };
        assert_eq!(find(&columns, &name(&["id"]), strict), Ok(None));
    }

    #[test]
    fn parts_after_the_column_are_fields() {
        let columns = [column(&["t"], "s")];
        let n = name(&["t", "s", "x"]);
        let found = find(&columns, &n, ANY_CASE).expect("unambiguous").expect("found");
        assert_eq!(found.fields, ["x"]);
    }

    #[test]
    fn two_columns_of_one_name_are_ambiguous() {
        let columns = [column(&["a"], "id"), column(&["b"], "id")];
        let error = find(&columns, &name(&["id"]), ANY_CASE).expect_err("ambiguous");
        assert_eq!(
            error.to_string(),
            "[AMBIGUOUS_REFERENCE] Reference `id` is ambiguous, could be: [`a`.`id`, `b`.`id`]. SQLSTATE: 42704"
        );
        assert!(find(&columns, &name(&["b", "id"]), ANY_CASE).is_ok_and(|f| f.is_some()));
    }

    #[test]
    fn duplicates_show_one_name() {
        let mut names = UniqueNames::default();
        assert_eq!(names.claim("a"), "a");
        let second = names.claim("a");
        assert_ne!(second, "a");
        assert_eq!(display_name(&second), "a");
    }
}
