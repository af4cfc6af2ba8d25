//! Decodes Prometheus' JSON into labels and points.
//!
//! Numbers are read directly from the bytes, without a JSON tree: an answer can have 64 MiB. Native histograms are counted and left out. Front ends
//! that write `null` where Prometheus writes an empty list or omits a field are accepted: the type of a result is determined by its shape, never by
//! its name.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use automap_core::text::observed_name;
use automap_core::time::Timestamp;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::body_budget::Permit;
use super::error::{Failure, describe, excerpt};

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledSeries {
    /// Its labels.
    pub labels: Labels,
    /// Its points in order of time; values may be `NaN` or infinite.
    pub points: Vec<(Timestamp, f64)>,
}

/// An answer's content and the server's warnings.
#[derive(Debug)]
pub(crate) struct Decoded<T> {
    pub(crate) data: T,
    /// Why the data may be incomplete.
    pub(crate) warnings: Vec<String>,
    /// Held while a large answer is in memory.
    #[expect(dead_code, reason = "dropped with the answer")]
    pub(crate) permit: Option<Permit>,
}

/// Most series of an answer that are decoded; the rest is only counted. One of 36 bytes takes 700 in memory.
const MAX_ROWS: usize = 100_000;
/// Most labels of a series that are kept.
const MAX_LABELS: usize = 64;
/// Most warnings of an answer that are kept.
const MAX_WARNINGS: usize = 100;

/// The series of an answer to a query, decoded as [`super::Client`] does. At most 100,000 rows.
///
/// # Errors
/// [`Failure`] if it is not an answer of Prometheus, or reports an error.
pub fn decode(body: &[u8]) -> Result<Vec<LabelledSeries>, Failure> {
    let (series, ..) = envelope::<QueryData>(body)?.data.into_series();
    Ok(series)
}

/// Reads the envelope around every answer of the API.
pub(crate) fn envelope<T: DeserializeOwned>(body: &[u8]) -> Result<Decoded<T>, Failure> {
    if body.trim_ascii_start().starts_with(b"<") {
        return Err(Failure::WebPage(describe(body)));
    }
    let malformed = |detail: String| Failure::Malformed { bytes: body.len(), detail };
    let envelope: Envelope<T> = serde_json::from_slice(body)
        .map_err(|e| api_error(body).unwrap_or_else(|| malformed(excerpt(&e.to_string()))))?;
    let Envelope { status, data, error_type, error, warnings, infos, is_partial, partial_response } = envelope;
    let (Texts(mut warnings), Texts(infos)) = (warnings, infos);
    if status != "success" {
        return Err(Failure::api(&error_type, &error));
    }
    warnings.extend(infos);
    // Remarks about the expression do not concern the data.
    warnings.retain(|w| !w.starts_with("PromQL "));
    if is_partial || partial_response {
        warnings.push("the server marks the answer as partial".to_owned());
    }
    let data = data.ok_or_else(|| malformed("it has no data".to_owned()))?;
    Ok(Decoded { data, warnings, permit: None })
}

/// The API's own error, if the body is one.
pub(crate) fn api_error(body: &[u8]) -> Option<Failure> {
    let envelope: Envelope<IgnoredAny> = serde_json::from_slice(body).ok()?;
    let Envelope { status, error_type, error, .. } = envelope;
    (status == "error").then(|| Failure::api(&error_type, &error))
}

#[derive(Deserialize)]
struct Envelope<T> {
    status: String,
    data: Option<T>,
    #[serde(default, rename = "errorType", deserialize_with = "or_default")]
    error_type: String,
    #[serde(default, deserialize_with = "or_default")]
    error: String,
    #[serde(default, deserialize_with = "or_default")]
    warnings: Texts,
    #[serde(default, deserialize_with = "or_default")]
    infos: Texts,
    /// VictoriaMetrics' field.
    #[serde(default, rename = "isPartial", deserialize_with = "or_default")]
    is_partial: bool,
    /// Added by proxies of Thanos.
    #[serde(default, rename = "partialResponse", deserialize_with = "or_default")]
    partial_response: bool,
}

/// A list of strings, of which the first [`MAX_WARNINGS`] are kept.
#[derive(Default)]
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while texts.len() < MAX_WARNINGS
                    && let Some(text) = list.next_element()?
                {
                    texts.push(text);
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// Treats `null` as missing.
pub(crate) fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(field: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(field)?.unwrap_or_default())
}

/// The result of a query.
#[derive(Deserialize)]
pub(crate) struct QueryData {
    #[serde(default, deserialize_with = "or_default")]
    result: QueryResult,
}

/// The content of `result`.
#[derive(Default)]
enum QueryResult {
    /// Nothing: `[]` or `null`.
    #[default]
    Empty,
    /// A matrix or a vector: points over time, or values at one time; and the number of rows that were not decoded.
    Rows(Vec<Row>, u64),
    /// A number without labels.
    Scalar(Sample),
}

impl<'de> Deserialize<'de> for QueryResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Kind;
        impl<'de> Visitor<'de> for Kind {
            type Value = QueryResult;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of series, or a pair of Unix seconds and a number as text")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<QueryResult, A::Error> {
                let mut rows = match list.next_element()? {
                    None => return Ok(QueryResult::Empty),
                    Some(Element::Row(row)) => vec![row],
                    Some(Element::Seconds(seconds)) => {
                        let Number(value) = list.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
                        return Ok(QueryResult::Scalar(Sample(time(seconds)?, value)));
                    }
                };
                while rows.len() < MAX_ROWS
                    && let Some(row) = list.next_element()?
                {
                    rows.push(row);
                }
                let mut more = 0;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    more += 1;
                }
                Ok(QueryResult::Rows(rows, more))
            }
        }
        deserializer.deserialize_seq(Kind)
    }
}

/// The first element of a result, which determines its kind.
enum Element {
    Row(Row),
    Seconds(f64),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First;
        impl<'de> Visitor<'de> for First {
            type Value = Element;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a series or Unix seconds")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Element, A::Error> {
                Row::deserialize(MapAccessDeserializer::new(map)).map(Element::Row)
            }

            fn visit_f64<E: serde::de::Error>(self, seconds: f64) -> Result<Element, E> {
                Ok(Element::Seconds(seconds))
            }

            fn visit_u64<E: serde::de::Error>(self, seconds: u64) -> Result<Element, E> {
                Ok(Element::Seconds(seconds as f64))
            }
        }
        deserializer.deserialize_any(First)
    }
}

fn time<E: serde::de::Error>(seconds: f64) -> Result<Timestamp, E> {
    Timestamp::from_seconds(seconds).ok_or_else(|| E::custom("a time beyond year 9999"))
}

/// One series in Prometheus' format.
#[derive(Deserialize)]
struct Row {
    #[serde(default, deserialize_with = "labels")]
    metric: Labels,
    #[serde(default, deserialize_with = "or_default")]
    values: Vec<Sample>,
    value: Option<Sample>,
    histogram: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "or_default")]
    histograms: Vec<IgnoredAny>,
}

impl QueryData {
    /// The series with float values, the number of series with native histograms, which are left out, and the number of series that were not decoded.
    pub(crate) fn into_series(self) -> (Vec<LabelledSeries>, u64, u64) {
        let (rows, more) = match self.result {
            QueryResult::Empty => return (Vec::new(), 0, 0),
            QueryResult::Rows(rows, more) => (rows, more),
            QueryResult::Scalar(Sample(time, value)) => {
                return (vec![LabelledSeries { labels: Labels::new(), points: vec![(time, value)] }], 0, 0);
            }
        };
        let with_histograms = rows.iter().filter(|r| r.histogram.is_some() || !r.histograms.is_empty()).count();
        let series = rows.into_iter().filter_map(|row| {
            let points: Vec<_> = row.values.into_iter().chain(row.value).map(|Sample(t, v)| (t, v)).collect();
            (!points.is_empty()).then_some(LabelledSeries { labels: row.metric, points })
        });
        (series.collect(), with_histograms as u64, more)
    }
}

/// Labels, whose values may become names: anybody who can deploy or export a metric controls them. `null` means none.
fn labels<'de, D: Deserializer<'de>>(field: D) -> Result<Labels, D::Error> {
    struct Pairs;
    impl<'de> Visitor<'de> for Pairs {
        type Value = Labels;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("labels")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
            let mut labels = Labels::new();
            while let Some((name, value)) = map.next_entry::<String, String>()? {
                if labels.len() < MAX_LABELS {
                    labels.insert(name, cleaned(value));
                }
            }
            Ok(labels)
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Labels, E> {
            Ok(Labels::new())
        }
    }
    field.deserialize_any(Pairs)
}

fn cleaned(value: String) -> String {
    match observed_name(&value) {
        Cow::Owned(clean) => clean,
        Cow::Borrowed(_) => value,
    }
}

/// `[1732370595.5, "0.25"]`.
#[derive(Clone, Copy)]
pub(crate) struct Sample(Timestamp, f64);

impl<'de> Deserialize<'de> for Sample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pair;
        impl<'de> Visitor<'de> for Pair {
            type Value = Sample;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pair of Unix seconds and a number as text")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut pair: A) -> Result<Sample, A::Error> {
                let seconds: f64 = pair.next_element()?.ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let Number(value) = pair.next_element()?.ok_or_else(|| A::Error::invalid_length(1, &self))?;
                Ok(Sample(time(seconds)?, value))
            }
        }
        deserializer.deserialize_seq(Pair)
    }
}

/// A number as a string, since JSON has neither `NaN` nor infinity.
struct Number(f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number as text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map(Number).map_err(|_| E::custom("a value that is not a number"))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(body: &str) -> (Vec<LabelledSeries>, u64) {
        let (series, histograms, more) = envelope::<QueryData>(body.as_bytes()).unwrap().data.into_series();
        assert_eq!(more, 0);
        (series, histograms)
    }

    fn failure(body: &str) -> String {
        envelope::<QueryData>(body.as_bytes()).err().unwrap().to_string()
    }

    #[test]
    fn every_kind_of_number_is_read() {
        let (found, histograms) = series(
            r#"{"status":"success","data":{"resultType":"matrix","result":[
                {"metric":{"a":"\"x\""},"values":[[1.5,"0.25"],[2,"NaN"],[3,"+Inf"],[4,"-Inf"],[5,"1e-3"]]},
                {"metric":{"a":"h"},"histograms":[[1,{"count":"1","sum":"2","buckets":[[0,"1","2","3"]]}]]}]}}"#,
        );
        let [one] = &found[..] else { panic!("{found:?}") };
        assert_eq!(one.labels["a"], "\"x\"");
        assert_eq!(one.points[0], (Timestamp::from_ms(1500), 0.25));
        assert!(one.points[1].1.is_nan());
        assert_eq!([one.points[2].1, one.points[3].1, one.points[4].1], [f64::INFINITY, f64::NEG_INFINITY, 1e-3]);
        assert_eq!(histograms, 1);
    }

    #[test]
    fn values_of_labels_are_cleaned_and_stay_apart() {
        let row = |name: &str| format!(r#"{{"metric":{{"w":"{name}"}},"value":[1,"2"]}}"#);
        let rows =
            ["pay", r"pay\u0000", r"pay\u0001", r"pay\nVERDICT", "pay\u{fffd}~039ff30debb787ab"].map(row).join(",");
        let (found, _) =
            series(&format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{rows}]}}}}"#));
        let names: std::collections::BTreeSet<&str> = found.iter().map(|s| s.labels["w"].as_str()).collect();
        assert!(names.len() == 5 && names.iter().all(|n| automap_core::text::is_plain(n)), "{names:?}");
    }

    #[test]
    fn rows_labels_and_warnings_beyond_the_bounds_are_counted_or_dropped() {
        let rows = vec![r#"{"metric":{},"value":[1,"2"]}"#; MAX_ROWS + 7].join(",");
        let labels: Vec<String> = (0..1000).map(|i| format!(r#""l{i}":"x""#)).collect();
        let body = format!(
            r#"{{"status":"success","warnings":[{}],"data":{{"result":[{{"metric":{{{}}},"value":[1,"2"]}},{rows}]}}}}"#,
            vec![r#""w""#; 1000].join(","),
            labels.join(",")
        );
        let decoded = envelope::<QueryData>(body.as_bytes()).unwrap();
        assert_eq!(decoded.warnings.len(), MAX_WARNINGS);
        let (series, _, more) = decoded.data.into_series();
        assert_eq!((series.len(), more, series[0].labels.len()), (MAX_ROWS, 8, MAX_LABELS));
    }

    #[test]
    fn the_result_type_may_come_last() {
        let body = r#"{"data":{"result":[{"metric":{},"value":[1,"2"]}],"resultType":"vector"},"status":"success"}"#;
        assert_eq!(series(body).0[0].points, [(Timestamp::from_ms(1000), 2.0)]);
    }

    #[test]
    fn null_is_nothing_wherever_a_front_end_writes_it() {
        for data in [
            r#"{"resultType":"matrix","result":null}"#,
            r#"{"resultType":"","result":null}"#,
            r#"{"resultType":null,"result":[]}"#,
            r#"{"resultType":"vector","result":[]}"#,
            r#"{"result":null}"#,
            "{}",
        ] {
            let body = format!(
                r#"{{"status":"success","data":{data},"warnings":null,"infos":null,"errorType":null,"error":null,"isPartial":null}}"#
            );
            assert_eq!(series(&body), (Vec::new(), 0), "{data}");
        }
        let row = r#"{"metric":null,"values":null,"value":[1,"2"],"histogram":null,"histograms":null}"#;
        let body = format!(r#"{{"status":"success","data":{{"resultType":"","result":[{row},{row}]}}}}"#);
        assert_eq!(series(&body).0.len(), 2);
        let scalar = r#"{"status":"success","data":{"resultType":"scalar","result":[1795000000.5,"3"]}}"#;
        assert_eq!(series(scalar).0[0].points, [(Timestamp::from_ms(1_795_000_000_500), 3.0)]);
    }

    #[test]
    fn remarks_on_the_data_are_kept_and_remarks_on_the_expression_are_not() {
        let body = r#"{"status":"success","isPartial":true,"warnings":["store down","PromQL info: gauge?"],
                       "infos":["PromQL info: counter?","zone b is missing"],"data":{"resultType":"vector","result":[]}}"#;
        let warnings = envelope::<QueryData>(body.as_bytes()).unwrap().warnings;
        assert_eq!(warnings, ["store down", "zone b is missing", "the server marks the answer as partial"]);
    }

    #[test]
    fn what_is_no_answer_is_named() {
        assert!(failure("<!doctype html><title>Log in</title>").contains("web page (\"Log in\")"));
        assert!(failure(r#"{"status":"success","data":{"resultType":"mat"#).contains("breaks off"));
        assert!(failure(r#"{"status":"success"}"#).contains("no data"));
        assert!(
            failure(r#"{"status":"error","errorType":"bad_data","error":"oops","data":null}"#)
                .contains("bad_data: oops")
        );
        let odd = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"many"]}]}}"#;
        assert!(failure(odd).contains("not a number"));
    }
}
