//! The reference of all keys, as Markdown.

use std::fmt::Write as _;

use crate::key::KeyInfo;
use crate::keys::{GROUPS, IGNORED, Nature};

const HEAD: &str = "\
# Configuration

<!-- Generated from the registry in conf/src/keys. To change it, change the registry and run
     UPDATE_GOLDEN=1 cargo test -p cerium-conf -->

Properties are set in `spec.sparkConf` of a SparkApplication, by `--conf` of `cerium-driver run`, or, where the
last column says *session*, by `SET` in SQL. *submission*: the operator reads it to make the pods. *start*: driver
and executors read it once, when they start. *not yet*: the value is accepted and checked, and has no effect so far.

Sizes are whole numbers with one of the units `b`, `k`, `m`, `g`, `t`, `p` (powers of 1024); durations are whole
numbers with one of `us`, `ms`, `s`, `m` or `min`, `h`, `d`. A number alone counts what the column *Type* says.
*Since* names the version of Spark that brought the key; for `spark.cerium.*`, that of Cerium.
";

const IGNORED_HEAD: &str = "
## Without effect

Accepted, so that manifests need no change, and without effect in programs that Cerium's own engine runs. The
operator tells them in an event and in the condition `Valid`, first those of which *protection* is missing. Keys of
*Kind* feature and protection that are set to `false` are not told. A longer name, here or above, goes before a shorter
one.

| Keys | Kind | Why |
|---|---|---|
";

/// The reference: one table for each group of keys, and the keys without effect.
pub fn reference_markdown() -> String {
    let mut text = HEAD.to_owned();
    for group in GROUPS {
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "\n## {}\n\n| Key | Default | Type | Meaning | Since | Effect |\n|---|---|---|---|---|---|\n",
            group.title
        );
        group.keys.iter().for_each(|info| row(&mut text, info, ""));
        group.prefixes.iter().for_each(|info| row(&mut text, info, "<name>"));
    }
    text.push_str(IGNORED_HEAD);
    for family in IGNORED {
        let star = |key: &str| if key.ends_with('.') { "*" } else { "" };
        let keys: Vec<_> = family.keys.iter().map(|key| format!("`{key}{}`", star(key))).collect();
        let kind = match family.nature {
            Nature::Protection => "protection",
            Nature::Feature => "feature",
            Nature::Means => "means",
        };
        let _ = writeln!(text, "| {} | {kind} | {} |", keys.join(", "), family.reason);
    }
    text
}

fn row(text: &mut String, info: &KeyInfo, suffix: &str) {
    let default = match info.default {
        Some(value) if !value.is_empty() => format!("`{value}`"),
        _ => "(none)".to_owned(),
    };
    let KeyInfo { name, kind, doc, since, effect, .. } = info;
    let doc = doc.trim().replace('|', "\\|");
    let _ =
        writeln!(text, "| `{name}{suffix}` | {default} | {kind} | {doc} | {since} | {} |", effect.as_str());
}
