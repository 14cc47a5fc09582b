//! Divides files among tasks as Spark does: splits of a target size, packed together.

/// Most bytes of one split: `spark.sql.files.maxPartitionBytes`.
const MAX_PARTITION_BYTES: u64 = 128 << 20;
/// What opening a file costs, in bytes that could be read meanwhile: `spark.sql.files.openCostInBytes`.
const OPEN_COST: u64 = 4 << 20;

/// A part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Split {
    /// Position of the file in the list.
    pub file: usize,
    pub start: u64,
    pub end: u64,
}

/// A file to divide.
#[derive(Debug, Clone, Copy)]
pub struct Splittable {
    /// In bytes.
    pub size: u64,
    /// Whether it can be read in parts.
    pub splittable: bool,
}

/// Divides files into groups, one for each task, for `parallelism` tasks at a time.
pub fn divide(files: &[Splittable], parallelism: usize) -> Vec<Vec<Split>> {
    let total: u64 = files.iter().map(|file| file.size + OPEN_COST).sum();
    let per_core = total / parallelism.max(1) as u64;
    let max = MAX_PARTITION_BYTES.min(per_core.max(OPEN_COST));
    let mut splits: Vec<Split> = files
        .iter()
        .enumerate()
        .flat_map(|(file, f)| {
            let step = if f.splittable { max } else { f.size.max(1) };
            (0..f.size.max(1)).step_by(step as usize).map(move |start| Split {
                file,
                start,
                end: (start + step).min(f.size),
            })
        })
        .collect();
    // Large ones first, so that small ones fill the gaps.
    splits.sort_by_key(|split| std::cmp::Reverse(split.end - split.start));
    let mut groups: Vec<Vec<Split>> = vec![];
    let mut current: Vec<Split> = vec![];
    let mut size = 0;
    for split in splits {
        let length = split.end - split.start;
        if !current.is_empty() && size + length > max {
            groups.push(std::mem::take(&mut current));
            size = 0;
        }
        size += length + OPEN_COST;
        current.push(split);
    }
    if !current.is_empty() {
        groups.push(current);
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1 << 20;

    fn sizes(files: &[(u64, bool)], parallelism: usize) -> Vec<Vec<u64>> {
        let files: Vec<_> = files
            .iter()
            .map(|(size, splittable)| Splittable { size: *size, splittable: *splittable })
            .collect();
        divide(&files, parallelism)
            .iter()
            .map(|group| group.iter().map(|s| (s.end - s.start) / MB).collect())
            .collect()
    }

    #[test]
    fn a_large_file_is_split_for_all_cores() {
        // (28 + 4) MB over 4 cores: 8 MB each.
        assert_eq!(sizes(&[(28 * MB, true)], 4), [[8], [8], [8], [4]]);
        // More than 128 MB a core: splits of 128 MB.
        assert_eq!(sizes(&[(300 * MB, true)], 1), [[128], [128], [44]]);
        assert_eq!(sizes(&[(300 * MB, false)], 4), [[300]]);
    }

    #[test]
    fn small_files_share_a_task() {
        // Ten files of 1 MB cost 5 MB each: 25 MB for each of two cores.
        assert_eq!(sizes(&[(MB, true); 10], 2), [vec![1; 5], vec![1; 5]]);
    }

    #[test]
    fn every_byte_is_in_one_split() {
        let files =
            [Splittable { size: 10 * MB + 7, splittable: true }, Splittable { size: 3, splittable: true }];
        let mut covered = [0, 0];
        for split in divide(&files, 3).concat() {
            covered[split.file] += split.end - split.start;
        }
        assert_eq!(covered, [10 * MB + 7, 3]);
    }

    #[test]
    fn an_empty_file_is_one_split() {
        assert_eq!(
            divide(&[Splittable { size: 0, splittable: true }], 2),
            [[Split { file: 0, start: 0, end: 0 }]]
        );
    }
}
