//! A call of a grouped aggregate Python function as a DataFusion function that only stands for it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::{Accumulator, AggregateUDFImpl, Signature};

use super::PythonFunction;
use super::scalar::{any_arguments, misplaced};

/// Stands for a Python function in aggregates and windows until a rule of the engine takes it out.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PythonAggregate {
    /// The function.
    pub function: Arc<PythonFunction>,
    /// The keyword of each argument.
    pub keywords: Vec<Option<String>>,
    signature: Signature,
}

impl PythonAggregate {
    /// A stand-in for calls with these keywords.
    pub fn new(function: Arc<PythonFunction>, keywords: Vec<Option<String>>) -> Self {
        Self { function, keywords, signature: any_arguments() }
    }
}

impl AggregateUDFImpl for PythonAggregate {
    fn name(&self) -> &str {
        &self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.function.output.clone())
    }

    fn return_field(&self, _arg_fields: &[FieldRef]) -> Result<FieldRef> {
        Ok(Arc::new(self.function.field(self.name())))
    }

    fn accumulator(&self, _args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        Err(misplaced(&self.function.name).into())
    }
}
