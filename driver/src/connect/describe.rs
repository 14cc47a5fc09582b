//! What a request is for, in the words by which the web UI and the log name its jobs.

use spark_connect_proto as proto;
use spark_connect_proto::command::CommandType;
use spark_connect_proto::relation::RelType;
use spark_connect_proto::write_operation::SaveType;

use super::plan::Asked;

/// As Spark begins the descriptions of such jobs.
const PREFIX: &str = "Spark Connect - ";
/// Longer texts are cut off, as Spark does.
const MOST_CHARACTERS: usize = 128;

/// The description of a request's jobs.
pub fn describe(asked: &Asked) -> String {
    let what = match asked {
        Asked::Relation(relation) => of_relation(relation),
        Asked::Command(command) => of_command(command),
    };
    format!("{PREFIX}{}", abbreviated(&what))
}

fn of_relation(relation: &proto::Relation) -> String {
    match &relation.rel_type {
        Some(RelType::Sql(sql)) => sql.query.clone(),
        Some(RelType::ShowString(_) | RelType::HtmlString(_)) => "show".to_owned(),
        Some(RelType::Tail(_)) => "tail".to_owned(),
        Some(RelType::Limit(limit)) => format!("collect {} rows", limit.limit),
        _ => "collect".to_owned(),
    }
}

fn of_command(command: &proto::Command) -> String {
    match &command.command_type {
        Some(CommandType::SqlCommand(sql)) => of_sql(sql),
        Some(CommandType::WriteOperation(write)) => {
            let target = match &write.save_type {
                Some(SaveType::Path(path)) => path.as_str(),
                Some(SaveType::Table(table)) => table.table_name.as_str(),
                None => "",
            };
            format!("write {} {target}", write.source())
        }
        Some(CommandType::WriteOperationV2(write)) => format!("write {}", write.table_name),
        Some(CommandType::CreateDataframeView(view)) => format!("create view {}", view.name),
        Some(CommandType::CheckpointCommand(_)) => "checkpoint".to_owned(),
        Some(CommandType::MergeIntoTableCommand(merge)) => format!("merge into {}", merge.target_table_name),
        // Of Cerium's own operations, that which runs jobs.
        Some(CommandType::Extension(_)) => "collect".to_owned(),
        _ => "command".to_owned(),
    }
}

/// The text of a query; clients before 4.0 send it in a field of its own.
#[expect(deprecated, reason = "clients before 4.0 send it there")]
fn of_sql(command: &proto::SqlCommand) -> String {
    match command.input.as_ref().map(of_relation) {
        Some(text) => text,
        None => command.sql.clone(),
    }
}

fn abbreviated(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match one_line.char_indices().nth(MOST_CHARACTERS) {
        Some((end, _)) => format!("{}...", &one_line[..end]),
        None => one_line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> proto::Relation {
        let sql = proto::Sql { query: text.to_owned(), ..proto::Sql::default() };
        proto::Relation { rel_type: Some(RelType::Sql(sql)), ..proto::Relation::default() }
    }

    #[test]
    fn a_query_is_its_text_on_one_line() {
        assert_eq!(
            describe(&Asked::Relation(query("select 1\n  from t"))),
            "Spark Connect - select 1 from t"
        );
        let long = describe(&Asked::Relation(query(&"ü".repeat(200))));
        assert_eq!(long, format!("Spark Connect - {}...", "ü".repeat(128)));
    }

    #[test]
    fn a_write_says_what_and_where() {
        let write = proto::WriteOperation {
            source: Some("parquet".into()),
            save_type: Some(SaveType::Path("s3a://bucket/out".into())),
            ..proto::WriteOperation::default()
        };
        let command = proto::Command { command_type: Some(CommandType::WriteOperation(write)) };
        assert_eq!(describe(&Asked::Command(command)), "Spark Connect - write parquet s3a://bucket/out");
    }
}
