//! Headers byte by byte, as PySpark's own code reads them.

use super::*;

#[test]
fn versions_choose_dialects() {
    assert_eq!(Dialect::of("3.5.9").unwrap(), Dialect::V3_5);
    assert_eq!(Dialect::of("4.2.0.dev1").unwrap(), Dialect::V4_2);
    let error = Dialect::of("5.0.0").unwrap_err().to_string();
    assert!(error.starts_with("PySpark 5.0.0 on executors is not supported"), "{error}");
    assert!(Dialect::of("3.4.1").is_err());
}

/// The end of a table function's header, written down from PySpark's `read_udtf`.
#[test]
fn table_functions_are_told_their_partitions_and_what_analyze_said() {
    let table = TableFunction {
        arguments: vec![(1, None)],
        command: Bytes::from_static(b"P"),
        schema: "{}".into(),
        name: "f".into(),
        tables: vec![1],
        partition_fields: vec![2],
        analyzed: Some(Bytes::from_static(b"A")),
    };
    let mut out = Writer::default();
    table_function(&mut out, Dialect::V4_1, &table);
    let mut expected = Writer::default();
    expected.ints(&[1]); // one argument, its column
    expected.bool(false); // without a keyword
    expected.ints(&[2]);
    expected.bool(true);
    for bytes in [&b"A"[..], b"P", b"{}", b"f"] {
        expected.bytes(bytes);
    }
    assert_eq!(out.into_bytes(), expected.into_bytes());
}

/// Written down from PySpark's `setup_broadcasts` and `read_udfs` of 4.1.
#[test]
fn broadcasts_and_profilers_are_told() {
    let mut out = Writer::default();
    out.files("", &[], &BTreeMap::from([(3, "/b".to_owned())]));
    let mut expected = Writer::default();
    expected.text("");
    expected.int(0); // no includes
    expected.bool(false); // no server
    expected.int(1);
    expected.long(3);
    expected.text("/b");
    assert_eq!(out.into_bytes(), expected.into_bytes());

    let header = Header { profiler: Some("perf".into()), ..plain() };
    let mut expected = Writer::default();
    expected.bool(true);
    expected.text("perf");
    expected.int(1); // one function
    expected.int(1); // of one argument
    expected.int(0);
    expected.bool(false);
    expected.int(1); // one command
    expected.bytes(b"P");
    expected.long(9); // the result id
    assert!(header.encode(Dialect::V4_1).ends_with(&expected.into_bytes()));
}

fn plain() -> Header {
    Header {
        ids: TaskIds::default(),
        python_version: "3.11".into(),
        files: String::new(),
        includes: vec![],
        broadcasts: BTreeMap::new(),
        eval_type: eval_type::SCALAR_PANDAS,
        profiler: None,
        conf: BTreeMap::new(),
        window_bounds: None,
        input_schema: None,
        body: Body::Functions(vec![FunctionCall {
            arguments: vec![(0, None)],
            command: Bytes::from_static(b"P"),
            result_id: 9,
        }]),
    }
}

/// The layout of a pandas function in each version, written down from PySpark's `worker.py`.
#[test]
fn dialects_differ_where_pyspark_does() {
    let header = Header {
        ids: TaskIds { stage: 1, partition: 2, attempt: 0, task: 2 },
        python_version: "3.11".into(),
        files: "/f".into(),
        includes: vec![],
        broadcasts: BTreeMap::new(),
        eval_type: eval_type::SCALAR_PANDAS,
        profiler: None,
        conf: BTreeMap::new(),
        window_bounds: None,
        input_schema: None,
        body: Body::Functions(vec![FunctionCall {
            arguments: vec![(0, Some("x".into()))],
            command: Bytes::from_static(b"P"),
            result_id: 0,
        }]),
    };
    let hex = |dialect| {
        header.encode(dialect).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
    };
    let start = "0000000200000004332e3131";
    let context = "000000010000000200000000000001000000020000000001" // stage, partition, attempt, id, cpus
        .to_owned()
        + "0000000000000001" // resources, properties
        + "0000001f737061726b2e63657269756d2e696e7465726e616c2e706172746974696f6e"
        + "0000000132"; // the name and value of one
    let files = "000000022f66000000000000000000"; // files, includes, broadcasts
    let kind = "000000c8";
    let named = "0000000100000000010000000178";
    let command = "000000010000000150";
    assert_eq!(
        hex(Dialect::V3_5),
        format!("{start}000000000000000000{context}{files}{kind}00000000000000010000000100000000{command}")
    );
    assert_eq!(
        hex(Dialect::V4_1),
        format!("{start}00{context}{files}{kind}000000000000000001{named}{command}")
    );
    let newest = hex(Dialect::V4_3);
    assert!(newest.starts_with("fffffff8"), "{newest}");
    let tail = format!("{files}{kind}000000000000000000000001{named}{command}0000000000000000");
    assert!(newest.ends_with(&tail), "{newest}");
    assert!(hex(Dialect::V4_2).starts_with(start));
}
