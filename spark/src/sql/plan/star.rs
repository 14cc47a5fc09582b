//! The select list: stars, generators, aliases.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, ExprSchemable, lit};
use datafusion::sql::sqlparser::ast::{
    self, ExcludeSelectItem, SelectItem, SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::Planner;
use super::expr::Names;
use super::generate::{generator_of, renamed};
use crate::analysis::Named;
use crate::analysis::scope::{Relation, ScopeColumn, ends_with, find};
use crate::error::{Result, SparkError, quote};
use crate::sql::statement::Name;

impl Planner<'_> {
    /// The select list: stars expanded, generators made columns of the input.
    pub(super) fn items(
        &mut self,
        input: Relation,
        projection: &[SelectItem],
    ) -> Result<(Relation, Vec<Named>)> {
        let mut input = input;
        let mut items: Vec<Named> = Vec::new();
        let own = input.columns.clone();
        for item in projection {
            let (expr, alias) = match item {
                SelectItem::Wildcard(options) => {
                    items.extend(self.star(&own, &[], options)?);
                    continue;
                }
                SelectItem::QualifiedWildcard(kind, options) => {
                    let schema = input.plan.schema().clone();
                    let names = Names::input(&own, &schema);
                    items.extend(match kind {
                        SelectItemQualifiedWildcardKind::ObjectName(name) => {
                            self.qualified_star(&Name::new(name).parts, options, &names)?
                        }
                        SelectItemQualifiedWildcardKind::Expr(expr) => {
                            let value = self.expr(expr, &names)?;
                            let shown = vec![value.name.clone()];
                            let fields = struct_fields(value, &names);
                            self.without(fields.ok_or_else(|| no_expansion(&shown, &own))?, options)?
                        }
                    });
                    continue;
                }
                SelectItem::UnnamedExpr(expr) => (expr, Vec::new()),
                SelectItem::ExprWithAlias { expr, alias } => (expr, vec![alias.value.clone()]),
                SelectItem::ExprWithAliases { expr, aliases } => {
                    (expr, aliases.iter().map(|alias| alias.value.clone()).collect())
                }
            };
            if let Some((name, args)) = generator_of(expr) {
                let (relation, made) = self.generate(input, &name, args, false)?;
                input = Relation { plan: relation.plan, columns: own.clone() };
                items.extend(renamed(made, &alias)?);
                continue;
            }
            let names = Names { select: &items, ..Names::input(&own, input.plan.schema()) };
            let mut named = self.expr(expr, &names)?;
            if alias.len() > 1 {
                return Err(SparkError::new(
                    "MULTI_ALIAS_WITHOUT_GENERATOR",
                    "42K0E",
                    format!(
                        "Multi part aliasing ({}) is not supported with {} as it is not a generator function.",
                        alias.join(", "),
                        named.name
                    ),
                ));
            }
            if let Some(alias) = alias.into_iter().next() {
                named.name = alias;
            } else if let Some(name) = cast_name(expr) {
                named.name = name;
            }
            items.push(named);
        }
        Ok((input, items))
    }

    /// The columns of `*` or `qualifier.*`, or the fields of a struct, without those after EXCEPT.
    pub(super) fn star(
        &self,
        columns: &[ScopeColumn],
        qualifier: &[String],
        options: &WildcardAdditionalOptions,
    ) -> Result<Vec<Named>> {
        let case = self.session.case;
        let found: Vec<Named> = columns
            .iter()
            .filter(|c| !c.hidden || !qualifier.is_empty())
            .filter(|c| qualifier.is_empty() || ends_with(&c.qualifier, qualifier, case))
            .map(|c| Named::new(Expr::Column(c.column.clone()), c.name.clone()))
            .collect();
        if found.is_empty() && !qualifier.is_empty() {
            return Err(no_expansion(qualifier, columns));
        }
        self.without(found, options)
    }

    /// `name.*`: the columns of a relation, else the fields of a struct.
    fn qualified_star(
        &mut self,
        qualifier: &[String],
        options: &WildcardAdditionalOptions,
        names: &Names<'_>,
    ) -> Result<Vec<Named>> {
        let case = self.session.case;
        let of_relation = names.columns.iter().any(|c| ends_with(&c.qualifier, qualifier, case));
        if !of_relation && find(names.columns, qualifier, case)?.is_some() {
            let value = self.column(qualifier, names)?;
            let fields = struct_fields(value, names).ok_or_else(|| no_expansion(qualifier, names.columns))?;
            return self.without(fields, options);
        }
        if !of_relation
            && let Some(outer) = self.outer.last()
            && let Some(columns) = outer.star(qualifier, case)?
        {
            return self.without(columns, options);
        }
        self.star(names.columns, qualifier, options)
    }

    /// The columns not named after EXCEPT; a name below a struct takes the field out of it.
    fn without(&self, columns: Vec<Named>, options: &WildcardAdditionalOptions) -> Result<Vec<Named>> {
        let Some(ExcludeSelectItem::Multiple(names)) = &options.opt_exclude else {
            return Ok(columns);
        };
        let case = self.session.case;
        let mut left = columns;
        for name in names {
            let parts = Name::new(name).parts;
            let [column] = parts.as_slice() else {
                return Err(SparkError::unsupported("EXCEPT of fields of structs after a star"));
            };
            let before = left.len();
            left.retain(|named| !case.same(&named.name, column));
            if left.len() == before {
                let candidates: Vec<_> = left.iter().map(|named| vec![named.name.clone()]).collect();
                return Err(SparkError::column_not_found(&parts, &candidates));
            }
        }
        Ok(left)
    }
}

/// A cast column keeps its name.
pub(super) fn cast_name(expr: &ast::Expr) -> Option<String> {
    let ast::Expr::Cast { expr: inner, .. } = expr else { return None };
    match inner.as_ref() {
        ast::Expr::Identifier(ident) => Some(ident.value.clone()),
        ast::Expr::CompoundIdentifier(idents) => idents.last().map(|ident| ident.value.clone()),
        _ => None,
    }
}

/// The fields of a struct as columns.
fn struct_fields(value: Named, names: &Names<'_>) -> Option<Vec<Named>> {
    let Ok(DataType::Struct(fields)) = value.expr.get_type(names.schema) else { return None };
    let get = |name: &str| {
        datafusion::functions::core::get_field().call(vec![value.expr.clone(), lit(name.to_owned())])
    };
    Some(fields.iter().map(|field| Named::new(get(field.name()), field.name().clone())).collect())
}

fn no_expansion(target: &[String], columns: &[ScopeColumn]) -> SparkError {
    let target = quote(&target.join("."));
    let columns: Vec<_> = columns.iter().map(|c| quote(&c.name)).collect();
    let columns = columns.join(", ");
    SparkError::new(
        "CANNOT_RESOLVE_STAR_EXPAND",
        "42704",
        format!(
            "Cannot resolve {target}.* given input columns {columns}. Please check that the specified table or struct exists and is accessible in the input columns."
        ),
    )
    .with_param("targetString", target)
    .with_param("columns", columns)
}
