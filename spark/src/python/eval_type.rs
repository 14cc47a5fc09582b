//! PySpark's numbers of the kinds of Python functions.

/// Row at a time, pickled by Spark.
pub const BATCHED: i32 = 100;
/// Row at a time over Arrow.
pub const ARROW_BATCHED: i32 = 101;
/// Series to Series.
pub const SCALAR_PANDAS: i32 = 200;
/// pandas group to pandas rows.
pub const GROUPED_MAP_PANDAS: i32 = 201;
/// Series to a scalar.
pub const GROUPED_AGG_PANDAS: i32 = 202;
/// The same over windows; clients send the grouped kind.
pub const WINDOW_AGG_PANDAS: i32 = 203;
/// Iterator of Series to iterator of Series.
pub const SCALAR_PANDAS_ITER: i32 = 204;
/// `mapInPandas`.
pub const MAP_PANDAS_ITER: i32 = 205;
/// Two pandas groups to pandas rows.
pub const COGROUPED_MAP_PANDAS: i32 = 206;
/// `mapInArrow`.
pub const MAP_ARROW_ITER: i32 = 207;
/// Arrow group to Arrow rows.
pub const GROUPED_MAP_ARROW: i32 = 209;
/// Two Arrow groups to Arrow rows.
pub const COGROUPED_MAP_ARROW: i32 = 210;
/// Iterators of Arrow batches of a group.
pub const GROUPED_MAP_ARROW_ITER: i32 = 215;
/// Iterators of pandas frames of a group.
pub const GROUPED_MAP_PANDAS_ITER: i32 = 216;
/// Arrow array to Arrow array.
pub const SCALAR_ARROW: i32 = 250;
/// Iterator of Arrow arrays to iterator of Arrow arrays.
pub const SCALAR_ARROW_ITER: i32 = 251;
/// Arrow array to a scalar.
pub const GROUPED_AGG_ARROW: i32 = 252;
/// The same over windows.
pub const WINDOW_AGG_ARROW: i32 = 253;
/// Table function, pickled by Spark.
pub const TABLE: i32 = 300;
/// Table function over Arrow.
pub const ARROW_TABLE: i32 = 301;
/// Table function of Arrow batches.
pub const ARROW_UDTF: i32 = 302;

/// Whether a value comes of each row.
pub fn is_scalar(eval_type: i32) -> bool {
    matches!(
        eval_type,
        BATCHED | ARROW_BATCHED | SCALAR_PANDAS | SCALAR_PANDAS_ITER | SCALAR_ARROW | SCALAR_ARROW_ITER
    )
}

/// Whether the function takes an iterator, and so has a task of its own.
pub fn is_iterator(eval_type: i32) -> bool {
    matches!(eval_type, SCALAR_PANDAS_ITER | SCALAR_ARROW_ITER)
}

/// Whether a value comes of each group.
pub fn is_aggregate(eval_type: i32) -> bool {
    matches!(eval_type, GROUPED_AGG_PANDAS | GROUPED_AGG_ARROW)
}
