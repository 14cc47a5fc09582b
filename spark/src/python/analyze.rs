//! What the method `analyze` of a Python table function is asked, and what it answers.

use bytes::Bytes;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Expr;

use super::PythonFunction;
use crate::connect::data_type::json;
use crate::error::{Result, SparkError};

/// A call to be analyzed.
#[derive(Debug)]
pub struct AnalyzeCall<'a> {
    /// The function.
    pub function: &'a PythonFunction,
    /// Its arguments in their order.
    pub arguments: Vec<AnalyzeArgument>,
}

/// What `analyze` learns of an argument.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalyzeArgument {
    /// Its type as Spark's JSON.
    pub data_type: String,
    /// Its value, if it is a constant.
    pub value: Option<ScalarValue>,
    /// Whether it is a table.
    pub is_table: bool,
    /// The keyword it is passed by.
    pub keyword: Option<String>,
}

impl AnalyzeArgument {
    /// A value of this type.
    ///
    /// # Errors
    /// What computing a constant raises.
    pub(super) fn value(keyword: Option<String>, expr: &Expr, data_type: &DataType) -> Result<Self> {
        let value = if is_constant(expr)? { Some(crate::sql::plan::fold(expr.clone())?) } else { None };
        Ok(Self { data_type: json::text(data_type), value, is_table: false, keyword })
    }

    /// A table of these columns.
    pub(super) fn table(keyword: Option<String>, columns: &DataType) -> Self {
        Self { data_type: json::text(columns), value: None, is_table: true, keyword }
    }
}

/// Whether an expression has the same value wherever it stands.
fn is_constant(expr: &Expr) -> Result<bool> {
    let mut constant = !expr.is_volatile();
    expr.apply(|part| {
        let varies = matches!(
            part,
            Expr::Column(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::AggregateFunction(_)
                | Expr::WindowFunction(_)
        );
        constant &= !varies;
        Ok(if varies { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(constant)
}

/// What `analyze` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analyzed {
    /// The columns as Spark's JSON.
    pub schema: String,
    /// The pickled answer, which each instance of the function may ask for.
    pub result: Bytes,
    /// Whether all rows of the table are for one instance.
    pub single_partition: bool,
    /// Expressions over the table's columns: rows of equal values are for one instance.
    pub partition_by: Vec<String>,
    /// The order of rows within a partition.
    pub order_by: Vec<OrderingColumn>,
    /// Expressions over the table's columns and their aliases, empty where there is none: what the
    /// function wants of a row. All columns if there are none.
    pub select: Vec<(String, String)>,
}

/// A sort key that `analyze` asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderingColumn {
    /// An expression over the table's columns.
    pub name: String,
    /// From small to large.
    pub ascending: bool,
    /// Nulls before values; where nothing is said, where the direction has them.
    pub nulls_first: Option<bool>,
}

impl Analyzed {
    /// The struct of the function's columns.
    pub(super) fn output(&self, time_zone: &str) -> Result<DataType> {
        let schema = serde_json::from_str(&self.schema)
            .map_err(|error| SparkError::internal(format!("the schema of a table function: {error}")))?;
        json::data_type(&schema, time_zone)
    }

    /// Fails where the answer contradicts itself or what the call says. `laid_out` tells whether the
    /// call itself says how the rows of its table are to come.
    pub(super) fn check(&self, function: &str, laid_out: bool) -> Result<()> {
        let partitions = !self.partition_by.is_empty();
        let reason = if self.single_partition && partitions {
            "the 'with_single_partition' field cannot be assigned to true if the 'partition_by' list is non-empty"
        } else if !self.order_by.is_empty() && !self.single_partition && !partitions {
            "the 'order_by' field cannot be non-empty unless the 'with_single_partition' field is set to true or \
             the 'partition_by' list is non-empty"
        } else if laid_out && (self.single_partition || partitions) {
            return Err(twice_laid_out(function));
        } else {
            return Ok(());
        };
        Err(SparkError::new(
            "TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INVALID",
            "22023",
            format!(
                "Failed to evaluate the table function {function} because its table metadata was invalid; {reason}."
            ),
        )
        .with_param("functionName", function)
        .with_param("reason", reason))
    }
}

fn twice_laid_out(function: &str) -> SparkError {
    let metadata = "specified its own required partitioning of the input table";
    let property = "specified the WITH SINGLE PARTITION or PARTITION BY clause; please remove these clauses and \
                    retry the query again.";
    SparkError::new(
        "TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INCOMPATIBLE_WITH_CALL",
        "22023",
        format!(
            "Failed to evaluate the table function {function} because its table metadata {metadata}, but the \
             function call {property}."
        ),
    )
    .with_param("functionName", function)
    .with_param("requestedMetadata", metadata)
    .with_param("invalidFunctionCallProperty", property)
}

/// The error of an `analyze` that fails.
pub fn failed_to_analyze(message: &str) -> SparkError {
    SparkError::new(
        "TABLE_VALUED_FUNCTION_FAILED_TO_ANALYZE_IN_PYTHON",
        "38000",
        format!("Failed to analyze the Python user defined table function: {message}"),
    )
    .with_param("msg", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(single_partition: bool, partition_by: &[&str], order_by: &[&str]) -> Analyzed {
        Analyzed {
            schema: String::new(),
            result: Bytes::new(),
            single_partition,
            partition_by: partition_by.iter().map(|name| (*name).to_owned()).collect(),
            order_by: order_by
                .iter()
                .map(|name| OrderingColumn { name: (*name).to_owned(), ascending: true, nulls_first: None })
                .collect(),
            select: vec![],
        }
    }

    /// Spark 4.1.1 answers the same calls with these classes.
    #[test]
    fn answers_may_not_contradict_themselves_or_the_call() {
        let class = |answer: Analyzed, laid_out| {
            answer.check("f", laid_out).err().map(|error| error.class().to_owned())
        };
        let invalid = Some("TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INVALID".to_owned());
        assert_eq!(class(answer(true, &["x"], &[]), false), invalid);
        assert_eq!(class(answer(false, &[], &["x"]), false), invalid);
        assert_eq!(class(answer(false, &["x"], &["y"]), false), None);
        assert_eq!(class(answer(false, &[], &[]), true), None);
        let twice = Some("TABLE_VALUED_FUNCTION_REQUIRED_METADATA_INCOMPATIBLE_WITH_CALL".to_owned());
        assert_eq!(class(answer(false, &["x"], &[]), true), twice);
        assert_eq!(class(answer(true, &[], &[]), true), twice);
    }
}
