//! Updates of accumulators among what a successful task reports to the scheduler.
//!
//! The report has no place for them. But of columns that a stage does not have the scheduler keeps the
//! statistics with the task and looks no further; when the task is computed again they go with it.

use ballista_core::serde::protobuf::{ColumnSketch, SketchType, TaskColumnStats};
use bytes::Bytes;

/// A column that no stage has.
const NO_COLUMN: u32 = u32::MAX;

/// The updates as statistics; nothing where there are none.
pub fn pack(updates: Vec<Bytes>) -> Option<TaskColumnStats> {
    let sketch = |update: Bytes| ColumnSketch { r#type: SketchType::Unspecified.into(), data: update.into() };
    let sketches: Vec<_> = updates.into_iter().map(sketch).collect();
    (!sketches.is_empty()).then_some(TaskColumnStats { column: NO_COLUMN, null_count: 0, sketches })
}

/// The updates among the statistics of a task.
pub fn unpack(stats: &[TaskColumnStats]) -> impl Iterator<Item = Bytes> {
    let own = stats.iter().filter(|stats| stats.column == NO_COLUMN);
    own.flat_map(|stats| &stats.sketches).map(|sketch| Bytes::from(sketch.data.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn updates_are_found_beside_true_statistics() {
        assert_eq!(pack(vec![]), None);
        let updates = vec![Bytes::from_static(b"a"), Bytes::from_static(b"b")];
        let mut stats = vec![TaskColumnStats { column: 0, null_count: 3, sketches: vec![] }];
        stats.extend(pack(updates.clone()));
        assert_eq!(unpack(&stats).collect::<Vec<_>>(), updates);
    }
}
