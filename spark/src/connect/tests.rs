//! Messages planned and run on plain DataFusion.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cerium_conf::SparkConf;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::registry::FunctionRegistry;
use datafusion::prelude::{DataFrame, SessionConfig};
use datafusion_spark::SessionStateBuilderSpark;

use super::proto::expression::{
    Alias, ExprType, Literal, UnresolvedAttribute, UnresolvedFunction, UnresolvedStar, literal::LiteralType,
};
use super::proto::relation::RelType;
use super::{Artifacts, ConnectPlan, Environment, QueryRunner, proto, relation};
use crate::error::Result;
use crate::functions;
use crate::session::SparkSession;
use crate::show::show_string;

/// Runs plans on plain DataFusion.
struct Local;

#[async_trait]
impl QueryRunner for Local {
    async fn collect(&self, state: &SessionState, plan: LogicalPlan) -> Result<Vec<RecordBatch>> {
        Ok(DataFrame::new(state.clone(), plan).collect().await?)
    }
}

impl Artifacts for Local {
    fn cached(&self, _: &str) -> Option<Bytes> {
        None
    }

    fn checkpoint(&self, _: &str) -> Option<LogicalPlan> {
        None
    }
}

fn session() -> SparkSession {
    let config = SessionConfig::new().with_target_partitions(2);
    let mut state =
        SessionStateBuilder::new().with_config(config).with_default_features().with_spark_features().build();
    for function in functions::all_scalar() {
        state.register_udf(function).expect("scalar function");
    }
    for function in functions::all_aggregate() {
        state.register_udaf(function).expect("aggregate function");
    }
    SparkSession::new(state, SparkConf::new())
}

async fn shown(message: &proto::Relation) -> String {
    let session = session();
    let env = Environment { session: &session, runner: &Local, artifacts: &Local };
    let answer = async {
        match relation(&env, message).await? {
            ConnectPlan::Query(plan) => {
                let schema = Arc::clone(plan.schema().inner());
                show_string(&schema, &Local.collect(&session.state()?, plan).await?, 20, 20)
            }
            ConnectPlan::Local(batches, schema) => show_string(&schema, &batches, 20, 20),
        }
    };
    answer.await.unwrap_or_else(|error| error.to_string())
}

fn frame(id: i64, rel_type: RelType) -> proto::Relation {
    let common = proto::RelationCommon { plan_id: Some(id), ..Default::default() };
    proto::Relation { common: Some(common), rel_type: Some(rel_type) }
}

fn range(id: i64, end: i64) -> proto::Relation {
    frame(id, RelType::Range(proto::Range { start: Some(0), end, step: 1, num_partitions: Some(2) }))
}

fn expression(kind: ExprType) -> proto::Expression {
    proto::Expression { common: None, expr_type: Some(kind) }
}

fn column(name: &str, id: Option<i64>) -> proto::Expression {
    expression(ExprType::UnresolvedAttribute(UnresolvedAttribute {
        unparsed_identifier: name.to_owned(),
        plan_id: id,
        is_metadata_column: None,
    }))
}

fn number(value: i64) -> proto::Expression {
    let literal_type = Some(LiteralType::Long(value));
    expression(ExprType::Literal(Literal { literal_type, ..Default::default() }))
}

fn call(name: &str, arguments: Vec<proto::Expression>) -> proto::Expression {
    expression(ExprType::UnresolvedFunction(UnresolvedFunction {
        function_name: name.to_owned(),
        arguments,
        ..Default::default()
    }))
}

fn alias(expr: proto::Expression, name: &str) -> proto::Expression {
    let alias = Alias { expr: Some(Box::new(expr)), name: vec![name.to_owned()], metadata: None };
    expression(ExprType::Alias(Box::new(alias)))
}

fn project(id: i64, input: proto::Relation, expressions: Vec<proto::Expression>) -> proto::Relation {
    frame(id, RelType::Project(Box::new(proto::Project { input: Some(Box::new(input)), expressions })))
}

fn join(left: proto::Relation, right: proto::Relation, condition: proto::Expression) -> proto::Relation {
    let join = proto::Join {
        left: Some(Box::new(left)),
        right: Some(Box::new(right)),
        join_condition: Some(condition),
        join_type: proto::join::JoinType::Inner.into(),
        ..Default::default()
    };
    frame(99, RelType::Join(Box::new(join)))
}

#[tokio::test]
async fn columns_mean_those_of_their_data_frame() {
    // df1 = range(3); df2 = df1.select("id", (df1.id + 1).alias("next"))
    let next = alias(call("+", vec![column("id", Some(1)), number(1)]), "next");
    let second = || project(2, range(1, 3), vec![column("id", None), next.clone()]);
    // df1.join(df2, df1.id == df2.next): the nearest df1 is meant, not the one below df2.
    let condition = call("==", vec![column("id", Some(1)), column("next", Some(2))]);
    // A join promises no order.
    let table = shown(&join(range(1, 3), second(), condition)).await;
    let mut lines: Vec<_> = table.lines().collect();
    lines[3..5].sort_unstable();
    assert_eq!(
        lines,
        [
            "+---+---+----+",
            "| id| id|next|",
            "+---+---+----+",
            "|  1|  0|   1|",
            "|  2|  1|   2|",
            "+---+---+----+"
        ]
    );
    // df1.join(df1, df1.id == df1.id)
    let condition = call("==", vec![column("id", Some(1)), column("id", Some(1))]);
    let error = shown(&join(range(1, 3), range(1, 3), condition)).await;
    assert!(error.starts_with("[AMBIGUOUS_COLUMN_REFERENCE] Column `id` is ambiguous."), "{error}");
    // df1.select(df2.next)
    let error = shown(&project(3, range(1, 3), vec![column("next", Some(2))])).await;
    assert!(error.starts_with("[CANNOT_RESOLVE_DATAFRAME_COLUMN]"), "{error}");
    // df2.select("id").select(df2.next)
    let narrow = || project(3, second(), vec![column("id", None)]);
    let error = shown(&project(4, narrow(), vec![column("next", Some(2))])).await;
    assert!(error.starts_with("[UNRESOLVED_COLUMN.WITH_SUGGESTION]"), "{error}");
}

#[tokio::test]
async fn a_star_means_all_columns_of_one_data_frame() {
    let star = |id| {
        expression(ExprType::UnresolvedStar(UnresolvedStar { unparsed_target: None, plan_id: Some(id) }))
    };
    // df1.crossJoin(df2).select(df2["*"])
    let two = || alias(call("*", vec![column("id", None), number(2)]), "double");
    let second = || project(2, range(7, 1), vec![column("id", None), two()]);
    let condition = || call("==", vec![number(1), number(1)]);
    let both = join(range(1, 1), second(), condition());
    assert_eq!(
        shown(&project(3, both, vec![star(2)])).await,
        "+---+------+\n| id|double|\n+---+------+\n|  0|     0|\n+---+------+\n"
    );
    // df2.select("id").select(df2["*"])
    let narrow = project(3, second(), vec![column("id", None)]);
    let error = shown(&project(4, narrow, vec![star(2)])).await;
    assert!(error.starts_with("[CANNOT_RESOLVE_DATAFRAME_COLUMN]"), "{error}");
    // df1.crossJoin(df1).select(df1["*"])
    let twice = join(range(1, 1), range(1, 1), condition());
    let error = shown(&project(3, twice, vec![star(1)])).await;
    assert!(error.starts_with("[AMBIGUOUS_COLUMN_REFERENCE]"), "{error}");
}

#[tokio::test]
async fn a_sort_may_name_what_the_projection_leaves_out() {
    // df = range(3); df.select((df.id * 2).alias("double")).sort(df.id.desc())
    let double = alias(call("*", vec![column("id", Some(1)), number(2)]), "double");
    let order = proto::expression::SortOrder {
        child: Some(Box::new(column("id", Some(1)))),
        direction: proto::expression::sort_order::SortDirection::Descending.into(),
        null_ordering: proto::expression::sort_order::NullOrdering::SortNullsLast.into(),
    };
    let input = Some(Box::new(project(2, range(1, 3), vec![double])));
    let sort = frame(3, RelType::Sort(Box::new(proto::Sort { input, order: vec![order], is_global: None })));
    assert_eq!(shown(&sort).await, "+------+\n|double|\n+------+\n|     4|\n|     2|\n|     0|\n+------+\n");
}

#[tokio::test]
async fn a_sort_may_name_what_groups_are_made_of() {
    // df = range(3); df.groupBy(df.id % 2).agg(sum(df.id))
    let key = || call("%", vec![column("id", Some(1)), number(2)]);
    let sum = |of| call("sum", vec![of]);
    let grouped = |aggregate: proto::Expression| {
        frame(
            2,
            RelType::Aggregate(Box::new(proto::Aggregate {
                input: Some(Box::new(range(1, 3))),
                group_type: proto::aggregate::GroupType::Groupby.into(),
                grouping_expressions: vec![key()],
                aggregate_expressions: vec![aggregate],
                ..Default::default()
            })),
        )
    };
    let sorted = |by: proto::Expression| {
        let order = proto::expression::SortOrder {
            child: Some(Box::new(by)),
            direction: proto::expression::sort_order::SortDirection::Descending.into(),
            null_ordering: proto::expression::sort_order::NullOrdering::SortNullsLast.into(),
        };
        let input = Some(Box::new(grouped(sum(column("id", Some(1))))));
        frame(3, RelType::Sort(Box::new(proto::Sort { input, order: vec![order], is_global: None })))
    };
    let rows = |first: &str, second: &str| {
        let rule = "+--------+-------+\n";
        format!("{rule}|(id % 2)|sum(id)|\n{rule}|       {first}|      {second}|\n")
    };
    let (by_key, by_sum) = (shown(&sorted(key())).await, shown(&sorted(sum(column("id", None)))).await);
    assert!(by_key.starts_with(&rows("1", "1")), "{by_key}");
    assert!(by_sum.starts_with(&rows("0", "2")), "{by_sum}");
    // What is not within these is gone.
    let gone = shown(&sorted(column("id", Some(1)))).await;
    assert!(gone.starts_with("[UNRESOLVED_COLUMN.WITH_SUGGESTION]"), "{gone}");
    let nested = shown(&grouped(sum(sum(column("id", None))))).await;
    assert!(nested.starts_with("[NESTED_AGGREGATE_FUNCTION]"), "{nested}");
}

#[tokio::test]
async fn errors_know_the_call_in_the_program() {
    let origin = |fragment: &str| {
        let python = proto::PythonOrigin { fragment: fragment.into(), call_site: "/app/main.py:7".into() };
        let function = Some(proto::origin::Function::PythonOrigin(python));
        Some(proto::ExpressionCommon { origin: Some(proto::Origin { function }) })
    };
    let inner = proto::Expression { common: origin("col"), ..column("idd", None) };
    let sum = call("+", vec![column("id", None), inner]);
    let outer = proto::Expression { common: origin("__add__"), ..sum };
    let session = session();
    let env = Environment { session: &session, runner: &Local, artifacts: &Local };
    let Err(error) = relation(&env, &project(2, range(1, 3), vec![outer])).await else {
        panic!("there is no such column");
    };
    let site = error.call_site().expect("a call");
    assert_eq!((site.fragment.as_str(), site.call_site.as_str()), ("col", "/app/main.py:7"));
}

#[tokio::test]
async fn depth_costs_no_stack() {
    let mut deep = range(0, 2);
    let mut sum = column("id", None);
    for id in 1..60 {
        deep = project(id, deep, vec![column("id", None)]);
        sum = call("+", vec![sum, number(1)]);
    }
    let deep = project(60, deep, vec![alias(sum, "sum")]);
    assert_eq!(shown(&deep).await, "+---+\n|sum|\n+---+\n| 59|\n| 60|\n+---+\n");
}
