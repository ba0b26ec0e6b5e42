//! How large a store may become and how long it keeps what nobody uses, and how users say so.

use std::time::Duration;

use crate::build::Env;

/// What a store keeps at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all entries; None: any number.
    pub max_bytes: Option<u64>,
    /// How long an entry stays that nobody uses; None: for ever.
    pub max_age: Option<Duration>,
}

impl Default for Limits {
    /// 1 GB, some 50,000 kernels; 90 days.
    fn default() -> Limits {
        Limits { max_bytes: Some(1_000_000_000), max_age: Some(Duration::from_secs(90 * DAY)) }
    }
}

const DAY: u64 = 24 * 60 * 60;

/// Variables of the environment with limits.
const MAX_SIZE: &str = "SALTUS_CACHE_MAX_SIZE";
const MAX_AGE: &str = "SALTUS_CACHE_MAX_AGE";

const SIZES: [(&str, u64); 9] = [
    ("", 1),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
];
const AGES: [(&str, u64); 5] = [("s", 1), ("m", 60), ("h", 60 * 60), ("d", DAY), ("w", 7 * DAY)];

/// A text that is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: expected {expected}, or `none`")]
pub struct LimitError {
    text: String,
    what: &'static str,
    expected: &'static str,
}

impl Limits {
    /// A size such as `500M`; None: no limit.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse_size(text: &str) -> Result<Option<u64>, LimitError> {
        let plain = text.trim();
        parse(text, plain.strip_suffix('B').unwrap_or(plain), &SIZES).ok_or_else(|| LimitError {
            text: text.to_string(),
            what: "size",
            expected: "bytes, or a number with `kB`, `MB`, `GB` or `TB`, such as `500MB`",
        })
    }

    /// An age such as `90d`; None: no limit.
    ///
    /// # Errors
    /// If it is none.
    pub fn parse_age(text: &str) -> Result<Option<Duration>, LimitError> {
        let seconds = parse(text, text.trim(), &AGES).ok_or_else(|| LimitError {
            text: text.to_string(),
            what: "age",
            expected: "a number with `s`, `m`, `h`, `d` or `w`, such as `90d`",
        })?;
        Ok(seconds.map(Duration::from_secs))
    }

    /// Those that the environment names, and the usual ones where it names none, or nonsense.
    pub fn from_env(env: &Env) -> (Limits, Vec<(&'static str, LimitError)>) {
        let mut limits = Limits::default();
        let mut errors = Vec::new();
        let text = |name: &str| env.get(name).map(|value| value.to_string_lossy().into_owned());
        match text(MAX_SIZE).map(|text| Limits::parse_size(&text)) {
            Some(Ok(size)) => limits.max_bytes = size,
            Some(Err(error)) => errors.push((MAX_SIZE, error)),
            None => {}
        }
        match text(MAX_AGE).map(|text| Limits::parse_age(&text)) {
            Some(Ok(age)) => limits.max_age = age,
            Some(Err(error)) => errors.push((MAX_AGE, error)),
            None => {}
        }
        (limits, errors)
    }
}

/// A whole number times a unit.
fn parse(text: &str, plain: &str, units: &[(&str, u64)]) -> Option<Option<u64>> {
    if text.trim().eq_ignore_ascii_case("none") {
        return Some(None);
    }
    let digits = plain.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = plain.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    number.parse::<u64>().ok()?.checked_mul(*factor).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_ages() {
        let sizes = [
            ("0", Some(Some(0))),
            ("123", Some(Some(123))),
            ("500M", Some(Some(500_000_000))),
            ("2 GiB", Some(Some(2 << 30))),
            ("1 tB", Some(Some(1_000_000_000_000))),
            ("3B", Some(Some(3))),
            ("3BB", None),
            ("none", Some(None)),
            ("", None),
            ("M", None),
            ("-1", None),
            ("1.5G", None),
            ("99999999999T", None),
            ("5 parsecs", None),
        ];
        for (text, expected) in sizes {
            assert_eq!(Limits::parse_size(text).ok(), expected, "{text}");
        }
        let ages = [
            ("90d", Some(Some(90 * DAY))),
            ("12h", Some(Some(12 * 3600))),
            ("0s", Some(Some(0))),
            ("2 w", Some(Some(14 * DAY))),
            ("none", Some(None)),
            ("90", None),
            ("d", None),
            ("1y", None),
        ];
        for (text, expected) in ages {
            let found = Limits::parse_age(text).ok().map(|age| age.map(|age| age.as_secs()));
            assert_eq!(found, expected, "{text}");
        }
        let error = Limits::parse_age("a while").unwrap_err().to_string();
        assert_eq!(
            error,
            "`a while` is no age: expected a number with `s`, `m`, `h`, `d` or `w`, such as `90d`, or `none`"
        );
    }

    #[test]
    fn nonsense_in_the_environment_leaves_the_usual_limits() {
        let env = Env::new([("SALTUS_CACHE_MAX_SIZE", "1M"), ("SALTUS_CACHE_MAX_AGE", "soon")]);
        let (limits, errors) = Limits::from_env(&env);
        assert_eq!(limits, Limits { max_bytes: Some(1_000_000), ..Limits::default() });
        assert_eq!(errors.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["SALTUS_CACHE_MAX_AGE"]);
    }
}
