//! Learns the schema of text files by reading them.

use std::sync::Arc;

use bytes::Bytes;
use chrono::NaiveDate;
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use super::chunks::{TextFile, line_chunks, splittable, whole};
use super::columns::Formats;
use super::csv::infer::{self, Guess, Inference};
use super::csv::options::CsvOptions;
use super::csv::tokenizer::Tokenizer;
use super::datetime::parse_zone;
use super::errors;
use super::json::infer::Inferred;
use super::json::options::JsonOptions;
use super::scan::TextFormat;
use super::table::TableFile;
use super::text::{Lines, decode, is_blank};
use crate::error::{Result, SparkError};

/// Bytes of a file that one task looks at.
const PART: u64 = 8 << 20;

/// What applies to all files of a read.
#[derive(Clone)]
pub struct Reader {
    pub format: TextFormat,
    pub sampling_ratio: f64,
    pub prefer_date: bool,
    pub today: NaiveDate,
    /// Tasks at a time.
    pub parallelism: usize,
}

impl Reader {
    /// The chunks of whole records of a file, or of a part of it.
    async fn chunks(&self, file: TextFile) -> Result<BoxStream<'static, Result<Bytes>>> {
        let url = file.location.to_string();
        let fail = move |error: DataFusionError| {
            let root = match error.find_root() {
                DataFusionError::ObjectStore(inner) => inner.to_string(),
                DataFusionError::IoError(inner) => inner.to_string(),
                other => other.to_string(),
            };
            errors::failed_read_file(&url, root)
        };
        if self.format.line_based() {
            let chunks = line_chunks(file, self.format.separator()).await.map_err(&fail)?;
            return Ok(chunks.map_err(fail).boxed());
        }
        let all = whole(file).await.map_err(fail)?;
        Ok(stream::once(async move { Ok(Bytes::from(all)) }).boxed())
    }

    /// The files in parts that can be read at the same time.
    fn parts(&self, files: &[TableFile]) -> Vec<TextFile> {
        files
            .iter()
            .flat_map(|file| {
                let size = file.meta.size;
                let parted = self.format.line_based() && splittable(&file.meta.location);
                let step = if parted { PART } else { size.max(1) };
                (0..size.max(1)).step_by(step as usize).map(move |start| TextFile {
                    store: Arc::clone(&file.store),
                    location: file.meta.location.clone(),
                    size,
                    range: parted.then(|| start..(start + step).min(size)),
                })
            })
            .collect()
    }
}

fn whole_file(file: &TableFile) -> TextFile {
    TextFile {
        store: Arc::clone(&file.store),
        location: file.meta.location.clone(),
        size: file.meta.size,
        range: None,
    }
}

/// Runs `learn` on every part, several at a time, and joins the results with `merge`.
async fn learn<T, F, Fut>(parts: Vec<TextFile>, parallelism: usize, learn: F) -> Result<Vec<T>>
where
    T: Send + 'static,
    F: Fn(TextFile) -> Fut,
    Fut: Future<Output = Result<T>> + Send + 'static,
{
    stream::iter(parts)
        .map(|part| {
            let task = SpawnedTask::spawn(learn(part));
            async move {
                task.join()
                    .await
                    .map_err(|error| SparkError::new("INTERNAL_ERROR", "XX000", error.to_string()))?
            }
        })
        .buffered(parallelism.max(1))
        .try_collect()
        .await
}

/// Whether the record at this place is looked at. Spread evenly and the same in every run.
fn sampled(place: u64, ratio: f64) -> bool {
    if ratio >= 1.0 {
        return true;
    }
    let hash = place.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 11;
    (hash as f64) < ratio * (1u64 << 53) as f64
}

/// The schema of CSV files: names from the first line, types as [`infer`] finds them, else strings.
pub async fn csv(reader: &Reader, options: &CsvOptions, files: &[TableFile], types: bool) -> Result<Schema> {
    let zone = parse_zone(&options.time_zone)
        .ok_or_else(|| errors::bad_option("timeZone", &options.time_zone, "a time zone"))?;
    let mut first: Option<(Vec<u8>, Vec<Option<String>>)> = None;
    for file in files {
        first = first_record(reader, options, whole_file(file)).await?;
        if first.is_some() {
            break;
        }
    }
    let Some((header, fields)) = first else { return Ok(Schema::empty()) };
    let names = infer::column_names(&fields, options.header);
    let guesses = if types {
        let width = names.len();
        let header: Option<Arc<[u8]>> = options.header.then(|| header.into());
        let formats = infer::formats(options, zone, reader.today);
        let parts = learn(reader.parts(files), reader.parallelism, |part| {
            let (reader, options) = (reader.clone(), options.clone());
            csv_types(reader, options, formats.clone(), part, width, header.clone())
        })
        .await?;
        parts.into_iter().fold(vec![Guess::Null; width], |all, part| {
            all.into_iter().zip(part).map(|(a, b)| infer::merge(a, b)).collect()
        })
    } else {
        vec![Guess::Text; names.len()]
    };
    let fields = names
        .into_iter()
        .zip(guesses)
        .map(|(name, guess)| Field::new(name, infer::data_type(guess, &options.time_zone), true))
        .collect::<Vec<_>>();
    Ok(Schema::new(fields))
}

/// The first record of a file that is neither blank nor a comment, and its fields.
async fn first_record(
    reader: &Reader,
    options: &CsvOptions,
    file: TextFile,
) -> Result<Option<(Vec<u8>, Vec<Option<String>>)>> {
    let mut chunks = reader.chunks(file).await?;
    let mut start = true;
    while let Some(chunk) = chunks.try_next().await? {
        let chunk = without_mark(&chunk, std::mem::take(&mut start));
        let mut found = None;
        each_record(chunk, options, |record, tokenizer| {
            let fields = (0..tokenizer.width())
                .map(|i| {
                    tokenizer.get(record, i).and_then(|token| super::csv::decoder::value(token, options))
                })
                .map(|name| name.filter(|n| !n.is_empty()).map(std::borrow::Cow::into_owned))
                .collect();
            found = Some((record.to_vec(), fields));
            false
        });
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn without_mark(chunk: &[u8], start: bool) -> &[u8] {
    if start { chunk.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(chunk) } else { chunk }
}

/// Calls `with` for each record until it returns false.
fn each_record(chunk: &[u8], options: &CsvOptions, mut with: impl FnMut(&[u8], &Tokenizer) -> bool) {
    let mut tokenizer = Tokenizer::new(options);
    let comment = |line: &[u8]| options.comment.is_some() && line.first() == options.comment.as_ref();
    if options.multi_line {
        let mut rest = chunk;
        while !rest.is_empty() {
            let length = tokenizer.record(rest);
            let record = &rest[..length];
            if !is_blank(record) && !comment(record) && !with(record, &tokenizer) {
                return;
            }
            rest = &rest[length..];
        }
        return;
    }
    let separator = options.line_separator.as_ref().map(String::as_bytes);
    for line in Lines::new(chunk, separator) {
        if is_blank(line) || comment(line) {
            continue;
        }
        tokenizer.record(line);
        if !with(line, &tokenizer) {
            return;
        }
    }
}

async fn csv_types(
    reader: Reader,
    options: CsvOptions,
    formats: Formats,
    part: TextFile,
    width: usize,
    header: Option<Arc<[u8]>>,
) -> Result<Vec<Guess>> {
    let mut guesses = vec![Guess::Null; width];
    let inference = Inference { options: &options, formats: &formats, prefer_date: reader.prefer_date };
    let mut place = part.range.as_ref().map_or(0, |range| range.start);
    let mut start = place == 0;
    let mut chunks = reader.chunks(part).await?;
    while let Some(chunk) = chunks.try_next().await? {
        let chunk = without_mark(&chunk, std::mem::take(&mut start));
        each_record(chunk, &options, |record, tokenizer| {
            place += 1;
            let is_header = header.as_deref().is_some_and(|header| header == record);
            if !is_header && sampled(place, reader.sampling_ratio) {
                inference.add(&mut guesses, tokenizer, record);
            }
            true
        });
    }
    Ok(guesses)
}

/// The schema of JSON files.
pub async fn json(reader: &Reader, options: &JsonOptions, files: &[TableFile]) -> Result<Schema> {
    let parts = learn(reader.parts(files), reader.parallelism, |part| {
        json_types(reader.clone(), options.clone(), part)
    })
    .await?;
    let mut all = Inferred::default();
    for part in parts {
        all.merge(part);
    }
    all.schema(options)
}

async fn json_types(reader: Reader, options: JsonOptions, part: TextFile) -> Result<Inferred> {
    let mut inferred = Inferred::default();
    let mut place = part.range.as_ref().map_or(0, |range| range.start);
    let mut start = place == 0;
    let mut chunks = reader.chunks(part).await?;
    while let Some(chunk) = chunks.try_next().await? {
        let chunk = without_mark(&chunk, std::mem::take(&mut start));
        if options.multi_line {
            inferred.add(decode(chunk, options.encoding).trim(), &options, reader.today)?;
            continue;
        }
        let separator = options.line_separator.as_ref().map(String::as_bytes);
        for line in Lines::new(chunk, separator).filter(|line| !is_blank(line)) {
            place += 1;
            if sampled(place, reader.sampling_ratio) {
                inferred.add(decode(line, options.encoding).trim(), &options, reader.today)?;
            }
        }
    }
    Ok(inferred)
}
