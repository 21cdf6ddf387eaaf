//! All keys of a line and their values, whatever they mean: for finding out what they mean. Slow; for
//! the few lines of a sample.

use std::collections::BTreeMap;

use super::logfmt;

/// Keys with their values; a nested key as a path, `request.uri`. `None` where the line is not of the
/// syntax.
type Keys = Option<BTreeMap<String, String>>;

/// Of a JSON object.
#[must_use]
pub fn of_json(line: &[u8]) -> Keys {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(line).ok()?;
    let mut keys = BTreeMap::new();
    flatten("", &object, &mut keys);
    Some(keys)
}

fn flatten(
    path: &str,
    object: &serde_json::Map<String, serde_json::Value>,
    keys: &mut BTreeMap<String, String>,
) {
    for (key, value) in object {
        let path = format!("{path}{key}");
        match value {
            serde_json::Value::Object(inner) => flatten(&format!("{path}."), inner, keys),
            serde_json::Value::String(text) => drop(keys.insert(path, text.clone())),
            serde_json::Value::Number(number) => drop(keys.insert(path, number.to_string())),
            _ => {}
        }
    }
}

/// Of labelled tab-separated values.
#[must_use]
pub fn of_ltsv(line: &[u8]) -> Keys {
    let line = std::str::from_utf8(line).ok()?;
    line.split('\t')
        .map(|field| {
            let (label, value) = field.split_once(':')?;
            Some((label.to_owned(), value.to_owned()))
        })
        .collect()
}

/// Of `key=value` pairs.
#[must_use]
pub fn of_logfmt(line: &[u8]) -> Keys {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let keys = logfmt::pairs(line)
        .map(|pair| pair.ok().map(|(key, value)| (text(key), text(value))))
        .collect::<Option<BTreeMap<_, _>>>()?;
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_with_their_values() {
        let want = |rows: &[(&str, &str)]| -> Keys {
            let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
            Some(rows.iter().map(own).collect())
        };
        assert_eq!(
            of_json(br#"{"a":{"b":"x"},"c":0.5,"d":null,"e":[1]}"#),
            want(&[("a.b", "x"), ("c", "0.5")])
        );
        assert_eq!(of_ltsv(b"a:1\tb:x:y"), want(&[("a", "1"), ("b", "x:y")]));
        assert_eq!(
            of_logfmt(b"info a=1 b=\"x y\""),
            want(&[("a", "1"), ("b", "x y")])
        );
        assert_eq!(of_json(b"no"), None);
        assert_eq!(of_ltsv(b"no"), None);
        assert_eq!(of_logfmt(b"no"), None);
    }
}
