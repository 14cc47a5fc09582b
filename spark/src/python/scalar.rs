//! A call of a scalar Python function as a DataFusion function that only stands for it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::PythonFunction;
use crate::error::SparkError;

/// Stands for a Python function in expressions until a rule of the engine takes it out.
///
/// It counts as volatile whatever the user says, so that no rule copies it or moves it about.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct PythonScalar {
    /// The function.
    pub function: Arc<PythonFunction>,
    /// The keyword of each argument.
    pub keywords: Vec<Option<String>>,
    signature: Signature,
}

impl PythonScalar {
    /// A stand-in for calls with these keywords.
    pub fn new(function: Arc<PythonFunction>, keywords: Vec<Option<String>>) -> Self {
        Self { function, keywords, signature: any_arguments() }
    }
}

/// Any number of arguments of any type.
pub(super) fn any_arguments() -> Signature {
    Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Volatile)
}

impl ScalarUDFImpl for PythonScalar {
    fn name(&self) -> &str {
        &self.function.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> Result<DataType> {
        Ok(self.function.output.clone())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs) -> Result<FieldRef> {
        Ok(Arc::new(self.function.field(self.name())))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(misplaced(&self.function.name).into())
    }
}

/// A Python function at a place where it cannot run.
pub(super) fn misplaced(name: &str) -> SparkError {
    SparkError::unsupported(format!("the Python function {name} at this place of a query"))
}
