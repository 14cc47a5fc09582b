//! Pod groups of batch schedulers: made before the driver, gone with the end.

use super::*;

fn on_volcano(spec: Value) -> Stage {
    let mut spec = spec;
    spec["batchScheduler"] = json!("volcano");
    Stage { batch: Some(BatchSchedulers::default()), ..Stage::new(spec) }
}

#[tokio::test]
async fn a_pod_group_is_there_before_the_driver_and_gone_with_the_end() {
    for write in 0..9 {
        for cut in [Cut::Before(write), Cut::After(write)] {
            let stage = on_volcano(json!({}));
            stage.api.world().cut = Some(cut);
            stage.play(0).await;
            assert_eq!(stage.state(), Phase::Completed, "{cut:?}");
            assert!(stage.api.get("podgroups", "spark-pi-pg").is_none(), "{cut:?}");
        }
    }
    let stage = on_volcano(json!({}));
    stage.play(0).await;
    let writes = stage.api.world().writes.clone();
    let at = |line: &str| writes.iter().position(|write| write == line).unwrap();
    assert!(at("POST podgroups/spark-pi-pg") < at("POST pods/pi-driver"));
    assert_eq!(at("DELETE podgroups/spark-pi-pg") + 2, writes.len(), "{writes:?}");
}

#[tokio::test]
async fn a_strangers_pod_group_of_that_name_is_left_alone() {
    let stage = on_volcano(json!({}));
    stage.api.put(
        "podgroups",
        json!({
            "apiVersion": "scheduling.volcano.sh/v1beta1", "kind": "PodGroup",
            "metadata": {"name": "spark-pi-pg", "namespace": "ns"}, "spec": {"minMember": 5},
        }),
    );
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    assert!(stage.error_message().contains("belongs to something else"), "{}", stage.error_message());
    assert_eq!(stage.api.get("podgroups", "spark-pi-pg").unwrap()["spec"]["minMember"], 5);
    assert!(stage.api.world().drivers.is_empty());
}

#[tokio::test]
async fn without_the_definition_of_pod_groups_the_submission_fails_with_its_name() {
    let stage = on_volcano(json!({}));
    let text = "the server could not find the requested resource";
    stage.api.world().refuse = Some(("POST podgroups", 404, "NotFound", text));
    stage.play(0).await;
    assert_eq!(stage.state(), Phase::Failed);
    assert!(
        stage.error_message().starts_with(
            "failed during batch scheduler setup or check: CRD PodGroup does not exist: scheduling.volcano.sh/v1beta1"
        ),
        "{}",
        stage.error_message()
    );
}
