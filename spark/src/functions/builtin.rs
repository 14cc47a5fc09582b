//! The functions that Spark 4.1.1 has built in; recorded by `spark/tests/record_functions.py`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Names and the classes that implement them in Spark; a few are words of the grammar and have none.
static FUNCTIONS: LazyLock<BTreeMap<&'static str, Option<&'static str>>> = LazyLock::new(|| {
    let lines = include_str!("builtin.tsv").lines();
    lines
        .map(|line| line.split_once('\t').map_or((line, None), |(name, class)| (name, Some(class))))
        .collect()
});

/// All names, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    FUNCTIONS.keys().copied()
}

/// Whether a name is that of a built-in function.
pub fn contains(name: &str) -> bool {
    FUNCTIONS.contains_key(name.to_lowercase().as_str())
}

/// The class of a built-in function in Spark.
pub fn class(name: &str) -> Option<&'static str> {
    FUNCTIONS.get(name.to_lowercase().as_str()).copied().flatten()
}
