//! The registry: every key Cerium knows, declared once, in groups as the documentation shows them.

use crate::conf::SparkConf;
use crate::key::{ConfError, KeyInfo};

/// Declares a group of keys: `NAME: Type = KIND, "key", default, "since", Effect;` where the default is a
/// text or `none`, and after `prefixes` keys that end in a name of the user's choice.
macro_rules! keys {
    (
        $title:literal;
        $($(#[doc = $doc:literal])+ $name:ident: $type:ty = $kind:ident, $key:literal, $default:tt, $since:literal, $effect:ident;)*
        $(prefixes $($(#[doc = $prefix_doc:literal])+ $prefix_name:ident = $prefix:literal, $prefix_since:literal, $prefix_effect:ident;)*)?
    ) => {
        $(
            $(#[doc = $doc])+
            pub const $name: keys!(@type $type, $default) = keys!(
                @value $kind, $default,
                $crate::key::KeyInfo {
                    name: $key,
                    default: keys!(@default $default),
                    kind: $crate::value::$kind.name,
                    doc: concat!($($doc),+),
                    since: $since,
                    effect: $crate::key::Effect::$effect,
                }
            );
        )*
        $($(
            $(#[doc = $prefix_doc])+
            pub const $prefix_name: &str = $prefix;
        )*)?

        /// The keys of this group.
        pub(super) const GROUP: super::Group = super::Group {
            title: $title,
            keys: &[$($name.info,)*],
            checks: &[$(|conf| conf.get(&$name).err(),)*],
            prefixes: &[$($($crate::key::KeyInfo {
                name: $prefix,
                default: None,
                kind: "string",
                doc: concat!($($prefix_doc),+),
                since: $prefix_since,
                effect: $crate::key::Effect::$prefix_effect,
            },)*)?],
        };
    };
    (@type $type:ty, none) => { $crate::key::OptionalConfKey<$type> };
    (@type $type:ty, $default:literal) => { $crate::key::ConfKey<$type> };
    (@default none) => { None };
    (@default $default:literal) => { Some($default) };
    (@value $kind:ident, none, $info:expr) => {
        $crate::key::OptionalConfKey { info: $info, kind: $crate::value::$kind }
    };
    (@value $kind:ident, $default:literal, $info:expr) => {
        $crate::key::ConfKey { info: $info, default: $default, kind: $crate::value::$kind }
    };
}

mod allocation;
mod application;
mod cerium;
mod connect;
mod ignored;
mod kubernetes;
mod runtime;
mod s3a;
mod sql;

pub use allocation::*;
pub use application::*;
pub use cerium::*;
pub use connect::*;
pub use ignored::{Family, IGNORED, Nature, ignored, ignored_reason};
pub use kubernetes::*;
pub use runtime::*;
pub use s3a::*;
pub use sql::*;

/// Keys that belong together.
#[derive(Clone, Copy, Debug)]
pub struct Group {
    /// Heading in the documentation.
    pub title: &'static str,
    /// The keys.
    pub keys: &'static [KeyInfo],
    /// Keys that end in a name of the user's choice.
    pub prefixes: &'static [KeyInfo],
    /// For each key: what is wrong with its value.
    checks: &'static [fn(&SparkConf) -> Option<ConfError>],
}

/// All groups, in the order of the documentation.
pub const GROUPS: &[Group] = &[
    application::GROUP,
    runtime::GROUP,
    allocation::GROUP,
    sql::GROUP,
    connect::GROUP,
    s3a::GROUP,
    kubernetes::GROUP,
    cerium::GROUP,
];

/// What is known about a key; nothing where Cerium does not know it.
pub fn info(name: &str) -> Option<&'static KeyInfo> {
    GROUPS
        .iter()
        .flat_map(|group| group.keys)
        .find(|info| info.name == name)
        .or_else(|| GROUPS.iter().flat_map(|group| group.prefixes).find(|info| name.starts_with(info.name)))
}

/// What is wrong with the values of keys Cerium knows, in the order of the documentation.
pub fn check(conf: &SparkConf) -> Vec<ConfError> {
    GROUPS.iter().flat_map(|group| group.checks).filter_map(|check| check(conf)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_is_declared_once() {
        let mut seen = BTreeSet::new();
        for info in GROUPS.iter().flat_map(|group| group.keys.iter().chain(group.prefixes)) {
            assert!(seen.insert(info.name), "{} is declared twice", info.name);
            assert!(info.name.starts_with("spark."), "{}", info.name);
            assert!(info.doc.trim().ends_with('.'), "{} has no full sentence", info.name);
            assert!(ignored_reason(info.name).is_none(), "{} is known and ignored", info.name);
        }
    }

    #[test]
    fn keys_are_found_by_name_and_by_prefix() {
        assert_eq!(info("spark.executor.cores").map(|i| i.since), Some("1.0.0"));
        assert_eq!(info("spark.executorEnv.HOME").map(|i| i.name), Some("spark.executorEnv."));
        assert!(info("spark.executor.kores").is_none());
    }

    #[test]
    fn defaults_are_valid_and_every_malformed_value_is_found() {
        assert_eq!(check(&SparkConf::new()), []);
        let conf: SparkConf =
            [("spark.sql.ansi.enabled", "perhaps"), ("spark.executor.memory", "lots"), ("my.own", "x")]
                .into_iter()
                .collect();
        let found: Vec<_> = check(&conf).into_iter().map(|error| error.key).collect();
        assert_eq!(found, ["spark.executor.memory", "spark.sql.ansi.enabled"]);
    }
}
