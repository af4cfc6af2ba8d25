//! Profiles as tables: CSV and Parquet, one row per service, one column per dimension.

use std::sync::Arc;

use automap_core::profile::{Profile, ProfileTable};
use automap_core::text::spreadsheet_cell;
use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

const CREATED_BY: &str = concat!("automap ", env!("CARGO_PKG_VERSION"));
/// Key of the metadata that holds the dimensions with their meanings.
const METADATA_KEY: &str = "automap.profile";

/// Why a table could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write the profiles: {0}")]
pub struct ProfileError(String);

/// Comma-separated values with a header; an empty field is not observed. Fields are escaped so that no spreadsheet reads one as a formula.
///
/// # Errors
/// Never for what [`automap_core::profile::profiles`] makes.
pub fn csv(table: &ProfileTable) -> Result<String, ProfileError> {
    let failed = |e: &dyn std::fmt::Display| ProfileError(e.to_string());
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header =
        ["service", "class", "incident_class"].into_iter().chain(table.dimensions.iter().map(|d| d.name.as_str()));
    writer.write_record(header).map_err(|e| failed(&e))?;
    for profile in &table.services {
        let class = |c: &Option<String>| c.clone().unwrap_or_default();
        let names = [profile.service.clone(), class(&profile.class), class(&profile.incident_class)];
        let names = names.map(|name| spreadsheet_cell(&name).into_owned());
        let values = profile.values.iter().map(|v| v.map_or_else(String::new, |v| v.to_string()));
        writer.write_record(names.into_iter().chain(values)).map_err(|e| failed(&e))?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(&e))?;
    String::from_utf8(bytes).map_err(|e| failed(&e))
}

/// A Parquet file: `service`, `class`, `incident_class`, then one nullable double for each dimension; their meanings are in the
/// metadata `automap.profile`.
///
/// # Errors
/// Never for what [`automap_core::profile::profiles`] makes.
pub fn parquet(table: &ProfileTable) -> Result<Vec<u8>, ProfileError> {
    let meanings = serde_json::to_string(&table.dimensions).map_err(|e| ProfileError(e.to_string()))?;
    write(table, meanings).map_err(|e| ProfileError(e.to_string()))
}

fn write(table: &ProfileTable, meanings: String) -> Result<Vec<u8>, ParquetError> {
    let doubles: String = table.dimensions.iter().map(|d| format!(" optional double {};", d.name)).collect();
    let schema = format!(
        "message profiles {{ required binary service (UTF8); optional binary class (UTF8); \
         optional binary incident_class (UTF8);{doubles} }}"
    );
    let properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::SNAPPY)
        .set_key_value_metadata(Some(vec![KeyValue::new(METADATA_KEY.to_owned(), meanings)]))
        .build();
    let mut writer =
        SerializedFileWriter::new(Vec::new(), Arc::new(parse_message_type(&schema)?), Arc::new(properties))?;
    if !table.services.is_empty() {
        let mut group = writer.next_row_group()?;
        let text = |t: &str| ByteArray::from(t);
        let names: Vec<ByteArray> = table.services.iter().map(|p| text(&p.service)).collect();
        column::<ByteArrayType>(&mut group, &names, None)?;
        let classes: [fn(&Profile) -> &Option<String>; 2] = [|p| &p.class, |p| &p.incident_class];
        for class in classes {
            optional::<ByteArrayType>(&mut group, table.services.iter().map(|p| class(p).as_deref().map(text)))?;
        }
        for i in 0..table.dimensions.len() {
            optional::<DoubleType>(&mut group, table.services.iter().map(|p| p.values[i]))?;
        }
        group.close()?;
    }
    writer.into_inner()
}

/// Writes a nullable column.
fn optional<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: impl Iterator<Item = Option<T::T>>,
) -> Result<(), ParquetError> {
    let values: Vec<Option<T::T>> = values.collect();
    let levels: Vec<i16> = values.iter().map(|v| i16::from(v.is_some())).collect();
    column::<T>(group, &values.into_iter().flatten().collect::<Vec<_>>(), Some(&levels))
}

fn column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("the schema has too few columns".to_owned()));
    };
    column.typed::<T>().write_batch(values, levels, None)?;
    column.close()
}
