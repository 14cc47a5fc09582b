//! Hadoop's configuration files: `<configuration>` with a `<property>` of `<name>` and `<value>` for each entry.

/// A configuration file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HadoopFileError {
    /// A tag is not closed.
    #[error("line {line}: <{tag}> is not closed")]
    Unclosed {
        /// Line of the tag, counted from 1.
        line: usize,
        /// Its name.
        tag: &'static str,
    },
    /// A property without a name.
    #[error("line {line}: a <property> has no <name>")]
    Nameless {
        /// Line of the property, counted from 1.
        line: usize,
    },
    /// The file takes in another one.
    #[error("line {line}: <xi:include> is not supported; write the properties into one file")]
    Include {
        /// Line of the tag, counted from 1.
        line: usize,
    },
    /// A character written by a reference that is not known.
    #[error("\"&{reference};\" is not one of XML's five entities or a number of a character")]
    Reference {
        /// What stands between `&` and `;`.
        reference: String,
    },
}

/// All properties of a file, in its order. Those without a value are left out, as Hadoop does.
///
/// # Errors
/// [`HadoopFileError`] where the file has another form.
pub fn properties(text: &str) -> Result<Vec<(String, String)>, HadoopFileError> {
    let text = without_comments(text);
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    if let Some(at) = text.find("<xi:include") {
        return Err(HadoopFileError::Include { line: line(at) });
    }
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("<property>").map(|at| from + at) {
        let body = &text[at..];
        let end =
            body.find("</property>").ok_or(HadoopFileError::Unclosed { line: line(at), tag: "property" })?;
        let entry = &body[..end];
        let name = content(entry, "name", "<name>", "</name>", line(at))?
            .ok_or(HadoopFileError::Nameless { line: line(at) })?;
        if let Some(value) = content(entry, "value", "<value>", "</value>", line(at))? {
            found.push((name.trim().to_owned(), value.trim().to_owned()));
        }
        from = at + end;
    }
    Ok(found)
}

fn content(
    entry: &str,
    tag: &'static str,
    open: &str,
    close: &str,
    line: usize,
) -> Result<Option<String>, HadoopFileError> {
    let Some((_, behind)) = entry.split_once(open) else { return Ok(None) };
    let (text, _) = behind.split_once(close).ok_or(HadoopFileError::Unclosed { line, tag })?;
    unescaped(text).map(Some)
}

fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, comment)) = rest.split_once("<!--") {
        kept.push_str(before);
        let (comment, behind) = comment.split_once("-->").unwrap_or((comment, ""));
        // Lines keep their numbers.
        kept.extend(comment.chars().filter(|c| *c == '\n'));
        rest = behind;
    }
    kept + rest
}

fn unescaped(text: &str) -> Result<String, HadoopFileError> {
    if let Some((_, data)) = text.split_once("<![CDATA[")
        && let Some((data, _)) = data.split_once("]]>")
    {
        return Ok(data.to_owned());
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let (reference, behind) = behind.split_once(';').unwrap_or((behind, ""));
        plain.push(
            character(reference).ok_or_else(|| HadoopFileError::Reference {
                reference: reference.chars().take(20).collect(),
            })?,
        );
        rest = behind;
    }
    Ok(plain + rest)
}

fn character(reference: &str) -> Option<char> {
    match reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = reference.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_read_as_hadoop_writes_them() {
        let text = "<?xml version=\"1.0\"?>
            <configuration>
              <!-- <property><name>off</name><value>1</value></property> -->
              <property>
                <name>fs.s3a.endpoint</name>
                <value>http://minio:9000?a&amp;b&#x21;</value>
                <final>true</final>
              </property>
              <property><value><![CDATA[<a & b>]]></value><name> spaced </name></property>
              <property><name>no.value</name></property>
            </configuration>";
        let expected = [("fs.s3a.endpoint", "http://minio:9000?a&b!"), ("spaced", "<a & b>")];
        let found = properties(text).unwrap();
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            ("<configuration>\n<property><name>a</name>", "line 2: <property> is not closed"),
            ("<property><name>a</property>", "line 1: <name> is not closed"),
            ("<property><value>a</value></property>", "line 1: a <property> has no <name>"),
            ("\n<xi:include href='a'/>", "line 2: <xi:include> is not supported"),
            ("<property><name>&nbsp;</name></property>", "\"&nbsp;\" is not one of XML's"),
        ] {
            let error = properties(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
