//! Groups of rows with equal keys, out of input sorted by these keys.

use std::cmp::Ordering;

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::compute::{SortOptions, partition};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::row::{OwnedRow, RowConverter, SortField};
use datafusion::error::Result;
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

/// The order of keys that groups are read in.
pub const KEY_ORDER: SortOptions = SortOptions { descending: false, nulls_first: true };

/// A group: at least one batch, none of them empty.
#[derive(Debug)]
pub struct Group {
    key: OwnedRow,
    /// Its rows.
    pub parts: Vec<RecordBatch>,
}

/// Reads groups one by one.
pub struct GroupReader {
    input: SendableRecordBatchStream,
    keys: Vec<usize>,
    converter: RowConverter,
    /// Slices of one key each, in order, that were read but not given out.
    slices: std::vec::IntoIter<(OwnedRow, RecordBatch)>,
    open: Option<Group>,
}

impl GroupReader {
    /// Reads `input`, which is sorted by the columns `keys`; without keys all of it is one group.
    pub fn new(input: SendableRecordBatchStream, keys: &[u32]) -> Result<Self> {
        let schema = input.schema();
        let keys: Vec<_> = keys.iter().map(|key| *key as usize).collect();
        Ok(Self {
            converter: converter(&schema, &keys)?,
            input,
            keys,
            slices: vec![].into_iter(),
            open: None,
        })
    }

    /// The next group.
    pub async fn next(&mut self) -> Result<Option<Group>> {
        loop {
            for (key, rows) in self.slices.by_ref() {
                match self.open.as_mut() {
                    Some(open) if open.key == key => open.parts.push(rows),
                    _ => {
                        let begun = Group { key, parts: vec![rows] };
                        if let Some(complete) = self.open.replace(begun) {
                            return Ok(Some(complete));
                        }
                    }
                }
            }
            let Some(batch) = self.input.try_next().await? else { return Ok(self.open.take()) };
            if batch.num_rows() > 0 {
                self.slices = self.split(&batch)?.into_iter();
            }
        }
    }

    /// All groups as a stream.
    pub fn into_stream(self) -> BoxStream<'static, Result<Group>> {
        stream::try_unfold(
            self,
            |mut reader| async move { Ok(reader.next().await?.map(|group| (group, reader))) },
        )
        .boxed()
    }

    fn split(&mut self, batch: &RecordBatch) -> Result<Vec<(OwnedRow, RecordBatch)>> {
        let keys: Vec<ArrayRef> = self.keys.iter().map(|key| batch.column(*key).clone()).collect();
        if keys.is_empty() {
            let key = self.converter.convert_columns(&[new_null_array(&DataType::Null, 1)])?;
            return Ok(vec![(key.row(0).owned(), batch.clone())]);
        }
        let rows = self.converter.convert_columns(&keys)?;
        let slices = partition(&keys)?
            .ranges()
            .into_iter()
            .map(|range| (rows.row(range.start).owned(), batch.slice(range.start, range.len())));
        Ok(slices.collect())
    }
}

fn converter(schema: &Schema, keys: &[usize]) -> Result<RowConverter> {
    // Where there are no keys, all rows have the key null.
    if keys.is_empty() {
        return Ok(RowConverter::new(vec![SortField::new(DataType::Null)])?);
    }
    let fields = keys
        .iter()
        .map(|key| SortField::new_with_options(schema.field(*key).data_type().clone(), KEY_ORDER))
        .collect();
    Ok(RowConverter::new(fields)?)
}

/// The groups of two inputs by equal keys, with `None` where an input has none.
pub fn pairs(
    left: GroupReader,
    right: GroupReader,
) -> BoxStream<'static, Result<(Option<Group>, Option<Group>)>> {
    let start = (left, right, None::<Group>, None::<Group>);
    stream::try_unfold(start, |(mut left, mut right, mut a, mut b)| async move {
        if a.is_none() {
            a = left.next().await?;
        }
        if b.is_none() {
            b = right.next().await?;
        }
        let order = match (&a, &b) {
            (None, None) => return Ok(None),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.key.cmp(&b.key),
        };
        let pair = match order {
            Ordering::Less => (a.take(), None),
            Ordering::Greater => (None, b.take()),
            Ordering::Equal => (a.take(), b.take()),
        };
        Ok(Some((pair, (left, right, a, b))))
    })
    .boxed()
}
