//! Which blocks are in memory, and which give way.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::record_batch::RecordBatch;

/// The blocks of this process.
static BLOCKS: LazyLock<BlockStore> = LazyLock::new(BlockStore::default);

/// Rows kept in memory, up to a limit.
#[derive(Debug, Default)]
pub struct BlockStore {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    /// Where the files are.
    folder: Option<PathBuf>,
    /// Bytes that tasks and blocks share.
    memory: usize,
    /// Bytes.
    used: usize,
    /// Grows by each use of a block.
    clock: u64,
    /// By the files that hold the same rows, with the clock at their last use.
    blocks: HashMap<PathBuf, (Block, u64)>,
}

/// Rows in memory.
#[derive(Debug)]
pub struct Block {
    /// The cached plan they are a part of.
    pub plan: String,
    /// The rows.
    pub rows: Arc<[RecordBatch]>,
    /// Bytes.
    pub size: usize,
}

impl BlockStore {
    /// That of this process. It takes nothing before it is opened.
    pub fn shared() -> &'static Self {
        &BLOCKS
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps rows of the files below a folder, in `memory` bytes that are shared with tasks.
    pub fn open(&self, folder: &Path, memory: usize) {
        let mut kept = self.kept();
        kept.folder = Some(folder.to_owned());
        kept.memory = memory;
    }

    /// Where the files are; nowhere in a process that keeps none.
    pub fn folder(&self) -> Option<PathBuf> {
        self.kept().folder.clone()
    }

    /// The most bytes that may be kept where blocks may take this share of the memory.
    pub fn limit(&self, share: f64) -> usize {
        (self.kept().memory as f64 * share) as usize
    }

    /// Bytes that are kept now.
    pub fn used(&self) -> usize {
        self.kept().used
    }

    /// The rows of a file, if they are kept.
    pub fn get(&self, file: &Path) -> Option<Arc<[RecordBatch]>> {
        let mut kept = self.kept();
        kept.clock += 1;
        let now = kept.clock;
        let (block, used_at) = kept.blocks.get_mut(file)?;
        *used_at = now;
        Some(Arc::clone(&block.rows))
    }

    /// Keeps a block if there is room within `limit` bytes. The blocks of other plans that were not used
    /// for longest give way; those of its own do not, else a plan that is larger than the memory would push
    /// out what its next reader begins with (Spark's `MemoryStore` does the same). Answers whether it is
    /// kept.
    pub fn put(&self, file: &Path, block: Block, limit: usize) -> bool {
        let Block { plan, size, .. } = &block;
        let (plan, size) = (plan.as_str(), *size);
        let mut kept = self.kept();
        if kept.blocks.contains_key(file) {
            return true;
        }
        let mut others: Vec<_> = kept.blocks.iter().filter(|(_, (block, _))| block.plan != plan).collect();
        others.sort_by_key(|(_, (_, used_at))| *used_at);
        let needed = (kept.used + size).saturating_sub(limit);
        let mut freed = 0;
        let enough = others.into_iter().take_while(|(_, (block, _))| {
            let more = freed < needed;
            freed += if more { block.size } else { 0 };
            more
        });
        let gone: Vec<PathBuf> = enough.map(|(file, _)| file.clone()).collect();
        if freed < needed {
            return false;
        }
        for file in gone {
            kept.forget(&file);
        }
        kept.clock += 1;
        let used_at = kept.clock;
        kept.used += size;
        kept.blocks.insert(file.to_owned(), (block, used_at));
        true
    }

    /// Forgets the blocks whose files are gone: their plans are not cached any more.
    pub fn sweep(&self, is_there: impl Fn(&Path) -> bool) {
        let mut kept = self.kept();
        let gone: Vec<PathBuf> = kept.blocks.keys().filter(|file| !is_there(file)).cloned().collect();
        for file in gone {
            kept.forget(&file);
        }
    }
}

impl Kept {
    fn forget(&mut self, file: &Path) {
        if let Some((block, _)) = self.blocks.remove(file) {
            self.used -= block.size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 100;

    fn put(store: &BlockStore, file: &str, plan: &str, size: usize) -> bool {
        let block = Block { plan: plan.to_owned(), rows: Arc::default(), size };
        store.put(Path::new(file), block, LIMIT)
    }

    fn has(store: &BlockStore, file: &str) -> bool {
        store.get(Path::new(file)).is_some()
    }

    #[test]
    fn blocks_have_a_share_of_the_memory() {
        let store = BlockStore::default();
        assert_eq!((store.folder(), store.limit(0.5)), (None, 0));
        store.open(Path::new("blocks"), 300);
        assert_eq!((store.folder(), store.limit(0.5)), (Some("blocks".into()), 150));
    }

    #[test]
    fn the_block_not_used_for_longest_gives_way() {
        let store = BlockStore::default();
        assert!(put(&store, "a", "one", 40));
        assert!(put(&store, "b", "one", 40));
        assert!(has(&store, "a"));
        assert!(put(&store, "c", "two", 30));
        assert!(has(&store, "a") && !has(&store, "b") && has(&store, "c"));
        assert_eq!(store.used(), 70);
    }

    #[test]
    fn blocks_of_a_plan_do_not_push_out_each_other() {
        let store = BlockStore::default();
        assert!(put(&store, "a", "one", 60));
        assert!(!put(&store, "b", "one", 60));
        assert!(has(&store, "a"));
    }

    #[test]
    fn what_finds_no_room_pushes_nothing_out() {
        let store = BlockStore::default();
        assert!(put(&store, "a", "one", 60));
        assert!(put(&store, "b", "two", 30));
        assert!(!put(&store, "c", "two", 75));
        assert!(has(&store, "a") && has(&store, "b"));
        assert!(!put(&store, "d", "three", 101));
        assert_eq!(store.used(), 90);
    }

    #[test]
    fn a_block_is_counted_once() {
        let store = BlockStore::default();
        assert!(put(&store, "a", "one", 60));
        assert!(put(&store, "a", "one", 60));
        assert_eq!(store.used(), 60);
    }

    #[test]
    fn blocks_go_with_their_files() {
        let store = BlockStore::default();
        assert!(put(&store, "a", "one", 60) && put(&store, "b", "one", 10));
        store.sweep(|file| file == Path::new("b"));
        assert!(!has(&store, "a") && has(&store, "b"));
        assert_eq!(store.used(), 10);
    }
}
