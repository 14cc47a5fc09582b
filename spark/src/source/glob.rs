//! Path patterns as Hadoop knows them: `*`, `?`, `[a-c]`, `[^a]`, `{a,b}` and `\` before any of them.

/// Whether a path holds a pattern.
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '{'])
}

/// Writes out the alternatives `{a,b}` of a pattern.
pub fn alternatives(pattern: &str) -> Vec<String> {
    let Some(open) = unescaped(pattern, '{') else { return vec![pattern.to_owned()] };
    let mut depth = 0;
    let mut parts = vec![];
    let mut start = open + 1;
    let mut escaped = false;
    for (at, c) in pattern[open..].char_indices() {
        let at = open + at;
        if std::mem::take(&mut escaped) {
            continue;
        }
        match c {
            '\\' => escaped = true,
            '{' => depth += 1,
            ',' if depth == 1 => {
                parts.push(&pattern[start..at]);
                start = at + 1;
            }
            '}' => {
                depth -= 1;
                if depth == 0 {
                    parts.push(&pattern[start..at]);
                    let (before, after) = (&pattern[..open], &pattern[at + 1..]);
                    return parts
                        .iter()
                        .flat_map(|part| alternatives(&format!("{before}{part}{after}")))
                        .collect();
                }
            }
            _ => {}
        }
    }
    vec![pattern.to_owned()]
}

fn unescaped(pattern: &str, wanted: char) -> Option<usize> {
    let mut escaped = false;
    pattern.char_indices().find_map(|(at, c)| {
        let literal = escaped;
        escaped = c == '\\' && !literal;
        (!literal && c == wanted).then_some(at)
    })
}

/// Whether a name matches a pattern without alternatives.
pub fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    // The last `*` and where in the name it stopped, to try again one character later.
    let (mut p, mut n) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, n));
            p += 1;
        } else if let Some(width) = one(&pattern[p..], name[n]) {
            p += width;
            n += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            (p, n) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Matches one character and returns the length of the part of the pattern used for it.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['\\', escaped, ..] => (*escaped == c).then_some(2),
        ['[', rest @ ..] => {
            let (negated, rest, skip) = match rest {
                ['^' | '!', rest @ ..] => (true, rest, 2),
                _ => (false, rest, 1),
            };
            let close = rest.iter().skip(1).position(|x| *x == ']')? + 1;
            let set = &rest[..close];
            let mut found = false;
            let mut at = 0;
            while at < set.len() {
                if let [low, '-', high, ..] = &set[at..] {
                    found |= (*low..=*high).contains(&c);
                    at += 3;
                } else {
                    found |= set[at] == c;
                    at += 1;
                }
            }
            (found != negated).then_some(skip + close + 1)
        }
        [exact, ..] => (*exact == c).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_hadoop_does() {
        for (pattern, name, expected) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("a?.csv", "a1.csv", true),
            ("a?.csv", "a.csv", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[]a]x", "]x", true),
            ("a*b*c", "aXbYbZc", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("[a", "[a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn alternatives_are_written_out() {
        assert_eq!(alternatives("a{b,c{d,e}}f"), ["abf", "acdf", "acef"]);
        assert_eq!(alternatives("a{b"), ["a{b"]);
        assert_eq!(alternatives("a\\{b,c}"), ["a\\{b,c}"]);
        assert_eq!(alternatives("{x/y,z}/*"), ["x/y/*", "z/*"]);
    }
}
