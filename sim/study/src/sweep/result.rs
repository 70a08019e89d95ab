//! The result of a sweep as CSV and as Parquet: the same rows and columns in both.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parquet::basic::{ConvertedType, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::Type;

use super::failed;
use super::merge::Merged;
use super::row::Kind;
use crate::StudyError;

/// Rows in a row group.
const GROUP: usize = 1 << 16;

/// Writes `sweep.csv` and `sweep.parquet` into a folder; each is whole or not there.
pub fn write(folder: &Path, merged: &Merged) -> Result<Vec<PathBuf>, StudyError> {
    std::fs::create_dir_all(folder).map_err(|e| failed(folder, &format!("cannot be created: {e}")))?;
    let mut paths = Vec::new();
    for (name, bytes) in [("sweep.csv", csv(merged)), ("sweep.parquet", parquet(merged))] {
        let path = folder.join(name);
        record::write_whole(&path, &bytes.map_err(|why| failed(&path, &why))?)?;
        paths.push(path);
    }
    Ok(paths)
}

fn csv(merged: &Merged) -> Result<Vec<u8>, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let words = |e: csv::Error| e.to_string();
    writer.write_record(merged.columns.iter().map(|(name, ..)| name)).map_err(words)?;
    for row in &merged.rows {
        writer.write_record(row).map_err(words)?;
    }
    writer.into_inner().map_err(|e| e.to_string())
}

fn parquet(merged: &Merged) -> Result<Vec<u8>, String> {
    let words = |e: parquet::errors::ParquetError| e.to_string();
    let fields = merged.columns.iter().map(|column| field(column).map(Arc::new)).collect::<Result<Vec<_>, _>>();
    let schema = Type::group_type_builder("sweep").with_fields(fields.map_err(words)?).build().map_err(words)?;
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), properties).map_err(words)?;
    for rows in merged.rows.chunks(GROUP) {
        let mut group = writer.next_row_group().map_err(words)?;
        for (i, (_, kind, optional)) in merged.columns.iter().enumerate() {
            let texts: Vec<&str> = rows.iter().map(|row| row[i].as_str()).collect();
            match kind {
                Kind::Text => put::<ByteArrayType>(&mut group, &texts, *optional, |text| Some(ByteArray::from(text)))?,
                Kind::Whole => put::<Int64Type>(&mut group, &texts, *optional, whole)?,
                Kind::Number => put::<DoubleType>(&mut group, &texts, *optional, |text| text.parse().ok())?,
                Kind::Flag => put::<BoolType>(&mut group, &texts, *optional, |text| text.parse().ok())?,
            }
        }
        group.close().map_err(words)?;
    }
    writer.into_inner().map_err(words)
}

/// Seeds may be larger than what is signed: those keep their bits.
fn whole(text: &str) -> Option<i64> {
    text.parse::<u64>().ok().map(u64::cast_signed)
}

fn field((name, kind, optional): &(String, Kind, bool)) -> parquet::errors::Result<Type> {
    let physical = match kind {
        Kind::Text => Physical::BYTE_ARRAY,
        Kind::Whole => Physical::INT64,
        Kind::Number => Physical::DOUBLE,
        Kind::Flag => Physical::BOOLEAN,
    };
    let repetition = if *optional { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(repetition);
    match kind {
        Kind::Text => builder.with_converted_type(ConvertedType::UTF8).with_logical_type(Some(LogicalType::String)),
        Kind::Whole => builder.with_converted_type(ConvertedType::UINT_64),
        Kind::Number | Kind::Flag => builder,
    }
    .build()
}

/// Writes the next column. An empty text is null where that may be.
fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<Vec<u8>>,
    texts: &[&str],
    optional: bool,
    read: impl Fn(&str) -> Option<T::T>,
) -> Result<(), String> {
    let words = |e: parquet::errors::ParquetError| e.to_string();
    let mut column = group.next_column().map_err(words)?.ok_or("a column is missing")?;
    let null = |text: &str| optional && text.is_empty();
    let value = |text: &&str| read(text).ok_or_else(|| format!("found `{text}` in a column of another kind"));
    let values: Vec<T::T> = texts.iter().filter(|text| !null(text)).map(value).collect::<Result<_, _>>()?;
    let levels: Vec<i16> = texts.iter().map(|text| i16::from(!null(text))).collect();
    column.typed::<T>().write_batch(&values, optional.then_some(&levels[..]), None).map_err(words)?;
    column.close().map_err(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    #[test]
    fn both_files_hold_the_same_rows() {
        let column = |name: &str, kind, optional| (name.to_owned(), kind, optional);
        let merged = Merged {
            title: "t".into(),
            columns: vec![
                column("model, with a comma", Kind::Text, false),
                column("seed", Kind::Whole, false),
                column("x", Kind::Number, true),
                column("hit", Kind::Flag, false),
            ],
            rows: vec![
                ["a \"b\"", "18446744073709551615", "", "true"].map(String::from).to_vec(),
                ["ü", "7", "0.1", "false"].map(String::from).to_vec(),
            ],
        };
        let text = String::from_utf8(csv(&merged).unwrap()).unwrap();
        assert_eq!(
            text,
            "\"model, with a comma\",seed,x,hit\n\"a \"\"b\"\"\",18446744073709551615,,true\nü,7,0.1,false\n"
        );
        let mut file = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut file, &parquet(&merged).unwrap()).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0].get_string(0).unwrap().as_str(), rows[0].get_ulong(1).unwrap()), ("a \"b\"", u64::MAX));
        assert!(rows[0].get_double(2).is_err() && rows[0].get_bool(3).unwrap(), "{:?}", rows[0]);
        assert_eq!((rows[1].get_double(2).unwrap(), rows[1].get_string(0).unwrap().as_str()), (0.1, "ü"));
        let wrong = Merged { rows: vec![["a", "b", "", "true"].map(String::from).to_vec()], ..merged };
        assert_eq!(parquet(&wrong).unwrap_err(), "found `b` in a column of another kind");
    }
}
