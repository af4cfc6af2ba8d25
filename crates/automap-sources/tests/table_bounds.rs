//! Small files that expand to large data: dictionaries and runs of long words are rejected before they are expanded.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray};
use automap_core::time::WindowHint;
use automap_sources::table::{self, TableOptions};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;

const ROWS: i64 = 2_000;

/// Rows of one service with a name of this many bytes; a dictionary contains it once.
fn rows(name_bytes: usize) -> RecordBatch {
    let names = StringArray::from(vec!["x".repeat(name_bytes)]);
    let keys = Int32Array::from(vec![0; ROWS as usize]);
    let names = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(names)).unwrap();
    let times = Int64Array::from_iter_values((0..ROWS).map(|i| 1_795_000_000 + i));
    let values = Float64Array::from(vec![1.0; ROWS as usize]);
    RecordBatch::try_from_iter([
        ("time", Arc::new(times) as ArrayRef),
        ("service", Arc::new(names)),
        ("latency_ms", Arc::new(values)),
    ])
    .unwrap()
}

fn parquet(batch: &RecordBatch, as_dictionary: bool) -> Vec<u8> {
    let options = ArrowWriterOptions::new().with_skip_arrow_metadata(!as_dictionary);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), batch.schema(), options).unwrap();
    writer.write(batch).unwrap();
    writer.into_inner().unwrap()
}

fn arrow(batch: &RecordBatch) -> Vec<u8> {
    let mut writer = arrow_ipc::writer::FileWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    writer.write(batch).unwrap();
    writer.finish().unwrap();
    writer.into_inner().unwrap()
}

fn read(bytes: Vec<u8>) -> Result<usize, String> {
    let seen = table::from_bytes(bytes, "bomb", WindowHint::default(), &TableOptions::default());
    seen.map(|seen| seen.frame.times().len()).map_err(|e| e.to_string())
}

#[test]
fn words_that_a_dictionary_repeats_are_bounded() {
    let (honest, bomb) = (rows(20), rows(300 << 10));
    for (form, honest, bomb) in [
        ("Parquet, dictionary", parquet(&honest, true), parquet(&bomb, true)),
        ("Parquet, words", parquet(&honest, false), parquet(&bomb, false)),
        ("Arrow", arrow(&honest), arrow(&bomb)),
    ] {
        assert_eq!(read(honest), Ok(ROWS as usize), "{form}");
        assert!(bomb.len() < 4 << 20, "{form}: {} bytes", bomb.len());
        // Expanded, it would be 600 MB.
        let error = read(bomb).unwrap_err();
        assert!(error.contains("more than 65536 bytes in a word") && error.len() < 300, "{form}: {error}");
    }
}
