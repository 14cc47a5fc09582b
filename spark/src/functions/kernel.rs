//! Scalar functions made of a name, a rule for the type of the result, and a kernel over Arrow arrays.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BinaryBuilder, BooleanArray, BooleanBuilder,
    PrimitiveArray, PrimitiveBuilder, StringArray, StringBuilder,
};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    TypeSignature, Volatility,
};

/// The type of a kernel's result.
#[derive(Debug)]
pub enum Returns {
    /// Always this type.
    Type(DataType),
    /// The type of the argument with this index.
    Argument(usize),
    /// The type of the argument with this index, and what its column says beside it.
    Field(usize),
    /// Decided by the types of the arguments.
    Rule(fn(&[DataType]) -> Result<DataType>),
}

/// A scalar function. Analysis casts the arguments to the types that its kernel reads.
#[derive(Debug)]
pub struct Kernel {
    /// Name under which executors find it.
    pub name: &'static str,
    /// Type of the result.
    pub returns: Returns,
    /// Computes the column of results.
    pub run: fn(&Rows<'_>) -> Result<ArrayRef>,
    /// What takes its place while `spark.sql.ansi.enabled` is false.
    pub lenient: Option<&'static Kernel>,
    /// Whether the kernel sees rows in which an argument is null; else those are null.
    pub sees_nulls: bool,
    /// Whether equal arguments may give different results.
    pub volatile: bool,
}

impl Kernel {
    /// A function that gives null where an argument is null.
    pub const fn new(name: &'static str, returns: Returns, run: fn(&Rows<'_>) -> Result<ArrayRef>) -> Self {
        Self { name, returns, run, lenient: None, sees_nulls: false, volatile: false }
    }

    /// A function that also computes rows in which arguments are null.
    pub const fn null_aware(
        name: &'static str,
        returns: Returns,
        run: fn(&Rows<'_>) -> Result<ArrayRef>,
    ) -> Self {
        Self { name, returns, run, lenient: None, sees_nulls: true, volatile: false }
    }

    /// A function that fails by ANSI rules only; `lenient` takes its place without them.
    pub const fn ansi(
        name: &'static str,
        returns: Returns,
        run: fn(&Rows<'_>) -> Result<ArrayRef>,
        lenient: &'static Kernel,
    ) -> Self {
        Self { name, returns, run, lenient: Some(lenient), sees_nulls: false, volatile: false }
    }

    /// Both: fails by ANSI rules only, and computes rows in which arguments are null.
    pub const fn ansi_null_aware(
        name: &'static str,
        returns: Returns,
        run: fn(&Rows<'_>) -> Result<ArrayRef>,
        lenient: &'static Kernel,
    ) -> Self {
        Self { name, returns, run, lenient: Some(lenient), sees_nulls: true, volatile: false }
    }

    /// A function whose results differ from call to call.
    pub const fn volatile(
        name: &'static str,
        returns: Returns,
        run: fn(&Rows<'_>) -> Result<ArrayRef>,
    ) -> Self {
        Self { name, returns, run, lenient: None, sees_nulls: true, volatile: true }
    }

    /// The function for plans and registries.
    pub fn function(&'static self) -> Arc<ScalarUDF> {
        let volatility = if self.volatile { Volatility::Volatile } else { Volatility::Immutable };
        Arc::new(ScalarUDF::new_from_impl(KernelFunction {
            kernel: self,
            signature: Signature::one_of(
                vec![TypeSignature::VariadicAny, TypeSignature::Nullary],
                volatility,
            ),
        }))
    }
}

/// The functions of a family.
pub fn functions(kernels: &[&'static Kernel]) -> Vec<Arc<ScalarUDF>> {
    kernels.iter().map(|kernel| kernel.function()).collect()
}

#[derive(Debug)]
struct KernelFunction {
    kernel: &'static Kernel,
    signature: Signature,
}

impl PartialEq for KernelFunction {
    fn eq(&self, other: &Self) -> bool {
        self.kernel.name == other.kernel.name
    }
}

impl Eq for KernelFunction {}

impl Hash for KernelFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kernel.name.hash(state);
    }
}

impl ScalarUDFImpl for KernelFunction {
    fn name(&self) -> &str {
        self.kernel.name
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        super::schema_name::of(self.name(), args)
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, args: &[DataType]) -> Result<Vec<DataType>> {
        Ok(args.to_vec())
    }

    fn return_type(&self, args: &[DataType]) -> Result<DataType> {
        match &self.kernel.returns {
            Returns::Type(data_type) => Ok(data_type.clone()),
            Returns::Argument(index) | Returns::Field(index) => match args.get(*index) {
                Some(data_type) => Ok(data_type.clone()),
                None => exec_err!("{} has no argument {index}", self.kernel.name),
            },
            Returns::Rule(rule) => rule(args),
        }
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        let types: Vec<DataType> = args.arg_fields.iter().map(|field| field.data_type().clone()).collect();
        let field = Field::new(self.name(), self.return_type(&types)?, true);
        // What gives a value the field of another changes nothing else.
        Ok(Arc::new(match (&self.kernel.returns, args.arg_fields) {
            (Returns::Field(index), [value, ..]) => {
                let metadata = args.arg_fields.get(*index).map(|field| field.metadata().clone());
                field.with_nullable(value.is_nullable()).with_metadata(metadata.unwrap_or_default())
            }
            _ => field,
        }))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant =
            !self.kernel.volatile && args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let len = if constant { 1 } else { args.number_rows };
        let arrays: Vec<ArrayRef> = args.args.iter().map(|arg| arg.to_array(len)).collect::<Result<_>>()?;
        let nulls = if self.kernel.sees_nulls {
            None
        } else {
            arrays
                .iter()
                .fold(None, |nulls, array| NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref()))
        };
        let rows =
            Rows { name: self.kernel.name, args: &arrays, len, nulls, to: args.return_field.data_type() };
        let out = (self.kernel.run)(&rows)?;
        if constant {
            // A list taken out of its column would lose what its field says beside the type.
            return Ok(ColumnarValue::Scalar(match out.as_list_opt::<i32>() {
                Some(list) => ScalarValue::List(Arc::new(list.clone())),
                None => ScalarValue::try_from_array(&out, 0)?,
            }));
        }
        Ok(ColumnarValue::Array(out))
    }
}

/// The arguments of one call of a kernel.
pub struct Rows<'a> {
    name: &'static str,
    args: &'a [ArrayRef],
    /// Number of rows.
    pub len: usize,
    nulls: Option<NullBuffer>,
    /// Type of the result.
    pub to: &'a DataType,
}

impl Rows<'_> {
    /// The name of the kernel.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Number of arguments.
    pub fn count(&self) -> usize {
        self.args.len()
    }

    /// An argument.
    pub fn array(&self, index: usize) -> Result<&ArrayRef> {
        match self.args.get(index) {
            Some(array) => Ok(array),
            None => exec_err!("{} has no argument {index}", self.name),
        }
    }

    /// All arguments.
    pub fn arrays(&self) -> &[ArrayRef] {
        self.args
    }

    /// An argument that is a string.
    pub fn text(&self, index: usize) -> Result<&StringArray> {
        match self.array(index)?.as_string_opt() {
            Some(array) => Ok(array),
            None => self.wrong(index),
        }
    }

    /// An argument that is binary.
    pub fn bytes(&self, index: usize) -> Result<&BinaryArray> {
        match self.array(index)?.as_binary_opt() {
            Some(array) => Ok(array),
            None => self.wrong(index),
        }
    }

    /// An argument that is boolean.
    pub fn flags(&self, index: usize) -> Result<&BooleanArray> {
        match self.array(index)?.as_boolean_opt() {
            Some(array) => Ok(array),
            None => self.wrong(index),
        }
    }

    /// An argument that is a number, date or timestamp.
    pub fn values<T: ArrowPrimitiveType>(&self, index: usize) -> Result<&PrimitiveArray<T>> {
        match self.array(index)?.as_primitive_opt() {
            Some(array) => Ok(array),
            None => self.wrong(index),
        }
    }

    fn wrong<V>(&self, index: usize) -> Result<V> {
        let data_type = self.args.get(index).map(|array| array.data_type().clone());
        exec_err!("{} does not take {data_type:?} as argument {index}", self.name)
    }

    /// Whether a row has all its arguments.
    pub fn is_valid(&self, row: usize) -> bool {
        self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row))
    }

    /// A column of strings: `write` appends to the buffer, or gives false for null.
    pub fn write(&self, mut write: impl FnMut(usize, &mut String) -> Result<bool>) -> Result<ArrayRef> {
        let mut out = StringBuilder::with_capacity(self.len, self.len * 8);
        let mut buffer = String::new();
        for row in 0..self.len {
            buffer.clear();
            if self.is_valid(row) && write(row, &mut buffer)? {
                out.append_value(&buffer);
            } else {
                out.append_null();
            }
        }
        Ok(Arc::new(out.finish()))
    }

    /// A column of strings that exist already.
    pub fn slices<'s>(&self, mut slice: impl FnMut(usize) -> Result<Option<&'s str>>) -> Result<ArrayRef> {
        let mut out = StringBuilder::with_capacity(self.len, self.len * 8);
        for row in 0..self.len {
            out.append_option(if self.is_valid(row) { slice(row)? } else { None });
        }
        Ok(Arc::new(out.finish()))
    }

    /// A column of bytes: `write` appends to the buffer, or gives false for null.
    pub fn write_bytes(
        &self,
        mut write: impl FnMut(usize, &mut Vec<u8>) -> Result<bool>,
    ) -> Result<ArrayRef> {
        let mut out = BinaryBuilder::with_capacity(self.len, self.len * 8);
        let mut buffer = Vec::new();
        for row in 0..self.len {
            buffer.clear();
            if self.is_valid(row) && write(row, &mut buffer)? {
                out.append_value(&buffer);
            } else {
                out.append_null();
            }
        }
        Ok(Arc::new(out.finish()))
    }

    /// A column of numbers, dates or timestamps, of the type of the result.
    pub fn primitives<T: ArrowPrimitiveType>(
        &self,
        mut value: impl FnMut(usize) -> Result<Option<T::Native>>,
    ) -> Result<ArrayRef> {
        let mut out = PrimitiveBuilder::<T>::with_capacity(self.len).with_data_type(self.to.clone());
        for row in 0..self.len {
            out.append_option(if self.is_valid(row) { value(row)? } else { None });
        }
        Ok(Arc::new(out.finish()))
    }

    /// A column of booleans.
    pub fn booleans(&self, mut value: impl FnMut(usize) -> Result<Option<bool>>) -> Result<ArrayRef> {
        let mut out = BooleanBuilder::with_capacity(self.len);
        for row in 0..self.len {
            out.append_option(if self.is_valid(row) { value(row)? } else { None });
        }
        Ok(Arc::new(out.finish()))
    }
}

/// Something compiled from a string, kept while the string stays the same.
#[derive(Debug)]
pub struct Compiled<T> {
    last: Option<(String, T)>,
}

impl<T> Compiled<T> {
    /// Nothing compiled yet.
    pub const fn new() -> Self {
        Self { last: None }
    }

    /// What `compile` makes of `source`.
    pub fn get(&mut self, source: &str, compile: impl FnOnce(&str) -> Result<T>) -> Result<&T> {
        if self.last.as_ref().is_none_or(|(known, _)| known != source) {
            self.last = Some((source.to_owned(), compile(source)?));
        }
        match &self.last {
            Some((_, compiled)) => Ok(compiled),
            None => exec_err!("nothing was compiled of {source}"),
        }
    }
}

impl<T> Default for Compiled<T> {
    fn default() -> Self {
        Self::new()
    }
}
