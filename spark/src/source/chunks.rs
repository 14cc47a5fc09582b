//! Byte streams of text files, cut at line ends.

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::parsers::CompressionTypeVariant;
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::error::{DataFusionError, Result};
use datafusion::object_store::path::Path;
use datafusion::object_store::{self, GetOptions, GetRange, GetResultPayload, ObjectStore};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use memchr::memmem;

/// Bytes read from a local file at once.
const LOCAL_CHUNK: usize = 1 << 20;
/// Bytes asked for beyond a range, to find the end of its last line.
const LOOK_AHEAD: u64 = 64 * 1024;

/// A text file, or a range of one.
#[derive(Debug, Clone)]
pub struct TextFile {
    pub store: Arc<dyn ObjectStore>,
    pub location: Path,
    /// Size of the whole file in bytes.
    pub size: u64,
    /// Lines that start in this range are read; all where none is given.
    pub range: Option<Range<u64>>,
}

/// The compression that a file's name tells.
pub fn compression(location: &Path) -> FileCompressionType {
    let variant = match location.extension().map(str::to_ascii_lowercase).as_deref() {
        Some("gz" | "gzip") => CompressionTypeVariant::GZIP,
        Some("bz2") => CompressionTypeVariant::BZIP2,
        Some("xz") => CompressionTypeVariant::XZ,
        Some("zst" | "zstd") => CompressionTypeVariant::ZSTD,
        _ => CompressionTypeVariant::UNCOMPRESSED,
    };
    FileCompressionType::from(variant)
}

/// Whether a file can be read in parts.
pub fn splittable(location: &Path) -> bool {
    !compression(location).is_compressed()
}

/// Chunks of whole lines. Every chunk but the last ends with `separator`.
pub async fn line_chunks(file: TextFile, separator: Vec<u8>) -> Result<BoxStream<'static, Result<Bytes>>> {
    let kind = compression(&file.location);
    let range = if kind.is_compressed() { 0..file.size } else { file.range.clone().unwrap_or(0..file.size) };
    let whole = kind.is_compressed() || range.end >= file.size;
    // The byte before the range tells whether a line starts with it.
    let start = range.start.saturating_sub(separator.len() as u64);
    let bytes = read(&file, start..range.end.min(file.size)).await?;
    let bytes = kind.convert_stream(bytes)?;
    let state = Aligned {
        file,
        separator,
        bytes,
        position: start,
        end: if whole { u64::MAX } else { range.end },
        skip_first: range.start > 0,
        carry: vec![],
        done: false,
    };
    let chunks =
        stream::try_unfold(
            state,
            |mut state| async move { Ok(state.next().await?.map(|chunk| (chunk, state))) },
        );
    Ok(chunks.boxed())
}

/// The whole of a file, uncompressed.
pub async fn whole(file: TextFile) -> Result<Vec<u8>> {
    let kind = compression(&file.location);
    let bytes = read(&file, 0..file.size).await?;
    kind.convert_stream(bytes)?
        .try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        })
        .await
}

async fn read(file: &TextFile, range: Range<u64>) -> Result<BoxStream<'static, Result<Bytes>>> {
    if range.is_empty() {
        return Ok(stream::empty().boxed());
    }
    let options = GetOptions { range: Some(GetRange::Bounded(range.clone())), ..GetOptions::default() };
    let result = file.store.get_opts(&file.location, options).await?;
    match result.payload {
        GetResultPayload::File(mut local, _) => {
            local.seek(SeekFrom::Start(range.start)).map_err(local_error)?;
            let chunks =
                stream::try_unfold((local, range.end - range.start), |(mut local, left)| async move {
                    let mut chunk = vec![0; LOCAL_CHUNK.min(left as usize)];
                    let read = local.read(&mut chunk).map_err(local_error)?;
                    chunk.truncate(read);
                    Ok((read > 0).then(|| (Bytes::from(chunk), (local, left - read as u64))))
                });
            Ok(chunks.boxed())
        }
        GetResultPayload::Stream(chunks) => Ok(chunks.map_err(DataFusionError::from).boxed()),
    }
}

fn local_error(error: std::io::Error) -> DataFusionError {
    object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(error) }.into()
}

struct Aligned {
    file: TextFile,
    separator: Vec<u8>,
    bytes: BoxStream<'static, Result<Bytes>>,
    /// Offset of the next byte of `bytes`; without meaning in a compressed file.
    position: u64,
    /// Lines from here on belong to the next range.
    end: u64,
    /// The line at the start belongs to the range before.
    skip_first: bool,
    /// The beginning of a line whose end has not been read yet.
    carry: Vec<u8>,
    done: bool,
}

impl Aligned {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.done {
            let Some(chunk) = self.bytes.try_next().await? else {
                if self.end == u64::MAX || self.position >= self.file.size {
                    self.done = true;
                    break;
                }
                // A range that ends with a line needs nothing of the next one.
                if self.carry.is_empty() || self.skip_first {
                    self.done = true;
                    self.carry.clear();
                    break;
                }
                let until = (self.position + LOOK_AHEAD).min(self.file.size);
                self.bytes = read(&self.file, self.position..until).await?;
                continue;
            };
            let ahead = self.position >= self.end;
            self.position += chunk.len() as u64;
            if let Some(lines) = self.take(&chunk, ahead) {
                return Ok(Some(lines));
            }
        }
        let carry = std::mem::take(&mut self.carry);
        let rest = if self.skip_first { None } else { Some(carry).filter(|carry| !carry.is_empty()) };
        Ok(rest.map(Bytes::from))
    }

    /// Whole lines out of what was left and this chunk; one line only where it is read ahead.
    fn take(&mut self, chunk: &Bytes, ahead: bool) -> Option<Bytes> {
        // A separator of several bytes may be cut in two by the chunks: look at both together.
        let bytes = if self.carry.is_empty() {
            chunk.clone()
        } else {
            let mut all = std::mem::take(&mut self.carry);
            all.extend_from_slice(chunk);
            Bytes::from(all)
        };
        let mut from = 0;
        if self.skip_first {
            let Some(at) = memmem::find(&bytes, &self.separator) else {
                // Only the last bytes can be the start of a separator.
                let keep = bytes.len().saturating_sub(self.separator.len() - 1);
                self.carry = bytes[keep..].to_vec();
                return None;
            };
            from = at + self.separator.len();
            self.skip_first = false;
        }
        let found = if ahead {
            memmem::find(&bytes[from..], &self.separator)
        } else {
            memmem::rfind(&bytes[from..], &self.separator)
        };
        let Some(at) = found else {
            self.carry = bytes[from..].to_vec();
            return None;
        };
        let end = from + at + self.separator.len();
        if ahead {
            self.done = true;
        } else {
            self.carry = bytes[end..].to_vec();
        }
        Some(bytes.slice(from..end))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::object_store::ObjectStoreExt;
    use datafusion::object_store::memory::InMemory;

    use super::*;

    async fn ranges(text: &str, separator: &str, cut: u64) -> Vec<String> {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let location = Path::from("a.csv");
        store.put(&location, text.to_owned().into()).await.unwrap();
        let size = text.len() as u64;
        let mut read = vec![];
        for range in [0..cut, cut..size] {
            let file =
                TextFile { store: store.clone(), location: location.clone(), size, range: Some(range) };
            let chunks: Vec<Bytes> =
                line_chunks(file, separator.into()).await.unwrap().try_collect().await.unwrap();
            read.push(String::from_utf8(chunks.concat()).unwrap());
        }
        read
    }

    #[tokio::test]
    async fn each_line_is_in_exactly_one_range() {
        for text in ["one\ntwo\nthree\n", "one\ntwo\nthree", "\n\n\n", "x", "longlonglong\ny\n"] {
            for cut in 0..=text.len() as u64 {
                let read = ranges(text, "\n", cut).await;
                assert_eq!(read.concat(), text, "cut at {cut}: {read:?}");
                let whole_lines = read[0].is_empty() || read[0].ends_with('\n') || read[0] == text;
                assert!(whole_lines, "cut at {cut}: {read:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_line_belongs_to_the_range_in_which_it_starts() {
        assert_eq!(ranges("ab\ncd\n", "\n", 3).await, ["ab\n", "cd\n"]);
        assert_eq!(ranges("ab\ncd\n", "\n", 4).await, ["ab\ncd\n", ""]);
    }

    #[tokio::test]
    async fn separators_may_have_several_bytes() {
        for cut in 0..=10 {
            assert_eq!(ranges("ab||cd||ef", "||", cut).await.concat(), "ab||cd||ef", "cut at {cut}");
        }
    }
}
