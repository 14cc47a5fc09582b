//! What a row can tell of its task and file. These stand in plans only: the engine has them read from
//! columns that it adds below, for no function knows which partition it computes.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, internal_err};

use super::kernel::{Kernel, Returns, Rows};

/// `spark_partition_id()`: the number of the partition, counted from 0 where the call stands.
pub static PARTITION_ID: Kernel =
    Kernel::volatile("spark_partition_id", Returns::Type(DataType::Int32), refuse);
/// `monotonically_increasing_id()`: the partition in the upper 31 bits, the row's number in it below.
pub static ROW_ID: Kernel =
    Kernel::volatile("spark_monotonically_increasing_id", Returns::Type(DataType::Int64), refuse);
/// `input_file_name()`: the URL of the file the row was read from, else empty.
pub static FILE_NAME: Kernel =
    Kernel::volatile("spark_input_file_name", Returns::Type(DataType::Utf8), refuse);
/// `input_file_block_start()`: the first byte of the part of the file a task reads, else -1.
pub static FILE_BLOCK_START: Kernel =
    Kernel::volatile("spark_input_file_block_start", Returns::Type(DataType::Int64), refuse);
/// `input_file_block_length()`: the length of that part in bytes, else -1.
pub static FILE_BLOCK_LENGTH: Kernel =
    Kernel::volatile("spark_input_file_block_length", Returns::Type(DataType::Int64), refuse);

/// The functions of this family.
pub(super) const KERNELS: &[&Kernel] =
    &[&PARTITION_ID, &ROW_ID, &FILE_NAME, &FILE_BLOCK_START, &FILE_BLOCK_LENGTH];

fn refuse(_rows: &Rows<'_>) -> Result<ArrayRef> {
    internal_err!("a function of the partition was not made a column")
}
