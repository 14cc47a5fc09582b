//! Which client speaks, as far as answers depend on it.

/// A client, by what it calls itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Major and minor version; nothing where it does not say.
    version: Option<(u32, u32)>,
    python: bool,
}

impl Client {
    /// Reads a `client_type` such as `_SPARK_CONNECT_PYTHON spark/4.1.1 os/linux python/3.11.7`.
    pub fn parse(client_type: Option<&str>) -> Self {
        let words = || client_type.unwrap_or_default().split_whitespace();
        let version = words().find_map(|word| {
            let mut numbers = word.strip_prefix("spark/")?.split('.').map(str::parse);
            Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
        });
        Self { version, python: words().any(|word| word.starts_with("python/")) }
    }

    /// Whether its Python functions take Arrow data where nothing else is said.
    pub fn wants_arrow(self) -> bool {
        self.python && self.version.is_some_and(|version| version >= (4, 2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_clients_say() {
        let wants_arrow = |text| Client::parse(Some(text)).wants_arrow();
        assert!(!wants_arrow("_SPARK_CONNECT_PYTHON spark/4.1.1 os/linux python/3.11.7"));
        assert!(wants_arrow("my-app spark/4.2.0 os/linux python/3.11.7"));
        assert!(!wants_arrow("_SPARK_CONNECT_SCALA spark/4.2.0 scala/2.13.17 jvm/17 os/linux"));
        assert!(!wants_arrow("spark/x python/3"));
        assert!(!Client::parse(None).wants_arrow());
    }
}
