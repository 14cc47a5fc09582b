//! Divides files among tasks as Spark does: splits of a target size, packed together.

use cerium_conf::{ConfError, SparkConf, keys};

/// What a session says of splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Splitting {
    /// Most bytes of one split.
    max_bytes: u64,
    /// What opening a file costs, in bytes that could be read meanwhile.
    open_cost: u64,
    /// Number of tasks that input is divided among, if it is large enough.
    tasks: usize,
}

impl Splitting {
    /// Reads the settings `spark.sql.files.*`, for `parallelism` tasks at a time.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn of(conf: &SparkConf, parallelism: usize) -> Result<Self, ConfError> {
        let tasks = conf.get(&keys::SQL_FILES_MIN_PARTITION_NUM)?.map_or(parallelism, |tasks| tasks as usize);
        Ok(Self {
            max_bytes: conf.get(&keys::SQL_FILES_MAX_PARTITION_BYTES)?.bytes().max(1) as u64,
            open_cost: conf.get(&keys::SQL_FILES_OPEN_COST_IN_BYTES)?.bytes().max(0) as u64,
            tasks: tasks.max(1),
        })
    }
}

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

/// Divides files into groups, one for each task.
pub fn divide(files: &[Splittable], by: &Splitting) -> Vec<Vec<Split>> {
    let total: u64 = files.iter().map(|file| file.size + by.open_cost).sum();
    let per_task = total / by.tasks as u64;
    let max = by.max_bytes.min(per_task.max(by.open_cost)).max(1);
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
        size += length + by.open_cost;
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

    fn by(parallelism: usize, settings: &[(&str, &str)]) -> Splitting {
        Splitting::of(&settings.iter().copied().collect(), parallelism).unwrap()
    }

    fn sizes(files: &[(u64, bool)], by: &Splitting) -> Vec<Vec<u64>> {
        let files: Vec<_> = files
            .iter()
            .map(|(size, splittable)| Splittable { size: *size, splittable: *splittable })
            .collect();
        divide(&files, by)
            .iter()
            .map(|group| group.iter().map(|s| (s.end - s.start) / MB).collect())
            .collect()
    }

    #[test]
    fn a_large_file_is_split_for_all_cores() {
        // (28 + 4) MB over 4 cores: 8 MB each.
        assert_eq!(sizes(&[(28 * MB, true)], &by(4, &[])), [[8], [8], [8], [4]]);
        // More than 128 MB a core: splits of 128 MB.
        assert_eq!(sizes(&[(300 * MB, true)], &by(1, &[])), [[128], [128], [44]]);
        assert_eq!(sizes(&[(300 * MB, false)], &by(4, &[])), [[300]]);
    }

    #[test]
    fn small_files_share_a_task() {
        // Ten files of 1 MB cost 5 MB each: 25 MB for each of two cores.
        assert_eq!(sizes(&[(MB, true); 10], &by(2, &[])), [vec![1; 5], vec![1; 5]]);
    }

    #[test]
    fn settings_of_the_session_say_how_large_splits_are() {
        let settings =
            [("spark.sql.files.maxPartitionBytes", "100m"), ("spark.sql.files.minPartitionNum", "1")];
        assert_eq!(sizes(&[(300 * MB, true)], &by(4, &settings)), [[100], [100], [100]]);
        // Nothing but the ten megabytes of data is divided among five tasks.
        let settings = [("spark.sql.files.openCostInBytes", "0"), ("spark.sql.files.minPartitionNum", "5")];
        assert_eq!(sizes(&[(MB, true); 10], &by(2, &settings)), vec![vec![1; 2]; 5]);
    }

    #[test]
    fn every_byte_is_in_one_split() {
        let files =
            [Splittable { size: 10 * MB + 7, splittable: true }, Splittable { size: 3, splittable: true }];
        let mut covered = [0, 0];
        for split in divide(&files, &by(3, &[])).concat() {
            covered[split.file] += split.end - split.start;
        }
        assert_eq!(covered, [10 * MB + 7, 3]);
    }

    #[test]
    fn an_empty_file_is_one_split() {
        assert_eq!(
            divide(&[Splittable { size: 0, splittable: true }], &by(2, &[])),
            [[Split { file: 0, start: 0, end: 0 }]]
        );
    }
}
