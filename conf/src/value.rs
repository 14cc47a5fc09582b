//! The kinds of values a key can have: their names in the documentation and how they are read.

use crate::size::{ByteSize, SizeUnit};
use crate::time::{SparkDuration, TimeUnit};

/// How the text of a value is read. The error says what was expected.
pub type Parse<T> = fn(&str) -> Result<T, String>;

/// A kind of value.
#[derive(Clone, Copy)]
pub struct Kind<T> {
    /// Name in the documentation.
    pub name: &'static str,
    /// How its text is read.
    pub parse: Parse<T>,
}

/// A text that says something.
pub const NAME: Kind<String> = Kind {
    name: "string",
    parse: |text| match text.trim() {
        "" => Err("must not be empty".to_owned()),
        name => Ok(name.to_owned()),
    },
};

/// A list, separated by commas; blanks around its entries do not count.
pub const LIST: Kind<Vec<String>> = Kind {
    name: "list",
    parse: |text| {
        Ok(text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect())
    },
};

/// `true` or `false`.
pub const BOOL: Kind<bool> = Kind {
    name: "boolean",
    parse: |text| match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    },
};

/// A whole number of 0 or more.
pub const COUNT: Kind<u32> = Kind { name: "integer", parse: |text| whole(text, 0) };

/// A whole number of 1 or more.
pub const POSITIVE: Kind<u32> = Kind { name: "integer", parse: |text| whole(text, 1) };

/// A whole number, also negative.
pub const LONG: Kind<i64> = Kind {
    name: "integer",
    parse: |text| text.trim().parse().map_err(|_| "expected a whole number".to_owned()),
};

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockCodec {
    /// Quick.
    Lz4,
    /// Small.
    Zstd,
}

impl BlockCodec {
    /// Its name in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// One of Spark's codecs, by its short name or its class. Blocks are Arrow's, which knows two of the four: the
/// quick ones are all lz4.
pub const CODEC: Kind<BlockCodec> = Kind {
    name: "string",
    parse: |text| {
        let name = text.trim().to_ascii_lowercase();
        let class =
            name.strip_prefix("org.apache.spark.io.").and_then(|name| name.strip_suffix("compressioncodec"));
        match class.unwrap_or(&name) {
            "lz4" | "lzf" | "snappy" => Ok(BlockCodec::Lz4),
            "zstd" | "zstandard" => Ok(BlockCodec::Zstd),
            _ => Err("expected lz4, lzf, snappy or zstd".to_owned()),
        }
    },
};

/// A TCP port; 0 lets the system choose.
pub const PORT: Kind<u16> = Kind {
    name: "port",
    parse: |text| text.trim().parse().map_err(|_| "expected a port between 0 and 65535".to_owned()),
};

/// A number from 0 to 1.
pub const FRACTION: Kind<f64> = Kind {
    name: "number",
    parse: |text| match text.trim().parse::<f64>() {
        Ok(number) if (0.0..=1.0).contains(&number) => Ok(number),
        _ => Err("expected a number from 0 to 1".to_owned()),
    },
};

/// A number above 0, at most 1.
pub const RATIO: Kind<f64> = Kind {
    name: "number",
    parse: |text| match text.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && number <= 1.0 => Ok(number),
        _ => Err("expected a number above 0 and at most 1".to_owned()),
    },
};

/// A number above 0.
pub const FACTOR: Kind<f64> = Kind {
    name: "number",
    parse: |text| match text.trim().parse::<f64>() {
        Ok(number) if number > 0.0 && number.is_finite() => Ok(number),
        _ => Err("expected a number above 0".to_owned()),
    },
};

/// A size; a number alone counts bytes.
pub const BYTES: Kind<ByteSize> = Kind {
    name: "size (bytes)",
    parse: |text| ByteSize::parse(text, SizeUnit::Bytes).map_err(|error| error.to_string()),
};

/// A size of at least 1 MiB; a number alone counts MiB.
pub const MEMORY: Kind<ByteSize> = Kind {
    name: "size (MiB)",
    parse: |text| match ByteSize::parse(text, SizeUnit::Mebibytes) {
        Ok(size) if size.mebibytes() < 1 => Err("must be at least 1 MiB".to_owned()),
        Ok(size) => Ok(size),
        Err(error) => Err(error.to_string()),
    },
};

/// A size of 0 or more; a number alone counts MiB.
pub const OVERHEAD: Kind<ByteSize> = Kind {
    name: "size (MiB)",
    parse: |text| match ByteSize::parse(text, SizeUnit::Mebibytes) {
        Ok(size) if size.bytes() < 0 => Err("must not be negative".to_owned()),
        Ok(size) => Ok(size),
        Err(error) => Err(error.to_string()),
    },
};

/// A duration; a number alone counts seconds.
pub const SECONDS: Kind<SparkDuration> = Kind {
    name: "duration (s)",
    parse: |text| SparkDuration::parse(text, TimeUnit::Seconds).map_err(|error| error.to_string()),
};

/// A duration; a number alone counts milliseconds.
pub const MILLIS: Kind<SparkDuration> = Kind {
    name: "duration (ms)",
    parse: |text| SparkDuration::parse(text, TimeUnit::Milliseconds).map_err(|error| error.to_string()),
};

/// A duration, or `-1` for one without end; a number alone counts milliseconds.
pub const TIMEOUT: Kind<Option<SparkDuration>> = Kind {
    name: "duration (ms)",
    parse: |text| match text.trim() {
        "-1" => Ok(None),
        text => {
            SparkDuration::parse(text, TimeUnit::Milliseconds).map(Some).map_err(|error| error.to_string())
        }
    },
};

fn whole(text: &str, at_least: u32) -> Result<u32, String> {
    match text.trim().parse::<u32>() {
        Ok(number) if number >= at_least && i32::try_from(number).is_ok() => Ok(number),
        _ => Err(format!("expected a whole number from {at_least} to {}", i32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codecs_go_by_their_short_names_or_classes() {
        for (text, codec) in [
            ("lz4", BlockCodec::Lz4),
            ("ZSTD", BlockCodec::Zstd),
            ("snappy", BlockCodec::Lz4),
            ("org.apache.spark.io.ZStdCompressionCodec", BlockCodec::Zstd),
            ("org.apache.spark.io.LZ4CompressionCodec", BlockCodec::Lz4),
        ] {
            assert_eq!((CODEC.parse)(text), Ok(codec), "{text}");
        }
        assert!((CODEC.parse)("brotli").is_err());
    }
}
