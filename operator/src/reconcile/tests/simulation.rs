//! A month of chance: pods vanish, the API server refuses, the process is killed, caches are behind, clocks are
//! set, users change their minds. In the end every application is where it belongs.
//!
//! The seed is in every message; `CERIUM_SIMULATION_SEED` runs that one again.

use std::collections::BTreeMap;

use super::*;
use crate::error::Retry;
use crate::fixtures::{START, restart_clock};

const MONTH: i64 = 30 * 24 * 3600;
const APPLICATIONS: usize = 40;

/// Numbers that look random and follow from the seed: SplitMix64.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below the limit.
    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn seconds(&mut self, limit: usize) -> i64 {
        i64::try_from(1 + self.below(limit)).unwrap()
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What is known of an application besides what the operator knows.
#[derive(Default)]
struct Fate {
    /// Runs it may have at most; `None`: it was suspended or changed.
    most: Option<usize>,
    /// Its drivers, and whether they ended well.
    drivers: BTreeMap<String, Option<bool>>,
}

struct Month {
    seed: u64,
    chance: Chance,
    api: FakeApi,
    fates: BTreeMap<String, Fate>,
    context: Context,
    /// The applications as the watch showed them last.
    watched: BTreeMap<String, SparkApplication>,
    seen_drivers: usize,
}

impl Month {
    fn new(seed: u64) -> Month {
        let api = FakeApi::default();
        let context = context(&api);
        Month {
            seed,
            chance: Chance(seed),
            api,
            fates: BTreeMap::new(),
            context,
            watched: BTreeMap::new(),
            seen_drivers: 0,
        }
    }

    fn objects(&self, wanted: &str) -> Vec<(String, Value)> {
        let world = self.api.world();
        let of_kind = world.objects.iter().filter(|((plural, _, _), _)| plural == wanted);
        of_kind.map(|((_, _, name), object)| (name.clone(), object.clone())).collect()
    }

    fn replace(&self, plural: &str, name: &str, object: Value) {
        self.api.world().objects.insert((plural.into(), "ns".into(), name.into()), object);
    }

    fn create(&mut self) {
        let name = format!("app-{:02}", self.fates.len());
        let retries = self.chance.below(3);
        let policy = match self.chance.below(3) {
            0 => json!({"type": "Never"}),
            _ => json!({
                "type": "OnFailure", "onFailureRetries": retries, "onFailureRetryInterval": self.chance.seconds(600),
                "onSubmissionFailureRetries": 50, "onSubmissionFailureRetryInterval": 1,
            }),
        };
        let most = if policy["type"] == "Never" { 1 } else { 1 + retries };
        self.api.put(
            "sparkapplications",
            json!({
                "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
                "metadata": {"name": name, "namespace": "ns", "generation": 1},
                "spec": {
                    "type": "SQL", "sparkVersion": "4.1.1", "mainApplicationFile": "local:///opt/app/pi.sql",
                    "driver": {}, "executor": {}, "restartPolicy": policy,
                },
            }),
        );
        self.fates.insert(name, Fate { most: Some(most), ..Fate::default() });
    }

    /// Somebody suspends, resumes, changes or deletes an application.
    fn user_acts(&mut self) {
        let all = self.objects("sparkapplications");
        if self.fates.len() < APPLICATIONS && (all.is_empty() || self.chance.percent(25)) {
            self.create();
        }
        if all.is_empty() || !self.chance.percent(6) {
            return;
        }
        let (name, mut object) = all[self.chance.below(all.len())].clone();
        match self.chance.below(4) {
            0 => {
                self.api.remove("sparkapplications", &name);
                self.fates.get_mut(&name).unwrap().drivers.clear();
                return;
            }
            1 | 2 => {
                object["spec"]["suspend"] = json!(object["spec"]["suspend"] != json!(true));
            }
            _ => object["spec"]["arguments"] = json!([self.chance.next().to_string()]),
        }
        self.fates.get_mut(&name).unwrap().most = None;
        object["metadata"]["generation"] = json!(object["metadata"]["generation"].as_i64().unwrap() + 1);
        self.touch(&name, object);
    }

    /// A write of somebody else: the version changes.
    fn touch(&mut self, name: &str, mut object: Value) {
        object["metadata"]["resourceVersion"] = json!(format!("user-{}", self.chance.next()));
        self.replace("sparkapplications", name, object);
    }

    /// Nodes start and end drivers, or lose them. `calm`: none is lost or kept from starting.
    fn nodes_work(&mut self, calm: bool) {
        for (name, mut pod) in self.objects("pods") {
            if !calm && self.chance.percent(1) {
                self.api.remove("pods", &name);
                continue;
            }
            if self.chance.percent(50) {
                continue;
            }
            let container = |state: Value| {
                json!([{
                    "name": "spark-kubernetes-driver", "image": "", "imageID": "", "ready": false,
                    "restartCount": 0, "state": state,
                }])
            };
            let waiting = json!({"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}});
            let well = self.chance.percent(70);
            pod["status"] = match pod["status"]["phase"].as_str().unwrap() {
                "Pending" if !calm && self.chance.percent(10) => {
                    json!({"phase": "Pending", "containerStatuses": container(waiting)})
                }
                "Running" if !calm && self.chance.percent(3) => json!({"phase": "Unknown"}),
                "Pending" | "Unknown" => {
                    json!({"phase": "Running", "containerStatuses": container(json!({"running": {}}))})
                }
                "Running" => {
                    let id =
                        pod["metadata"]["labels"]["sparkoperator.k8s.io/submission-id"].as_str().unwrap();
                    for fate in self.fates.values_mut() {
                        if let Some(ended) = fate.drivers.get_mut(id) {
                            *ended = Some(well);
                        }
                    }
                    let ended = json!({"terminated": {"exitCode": i32::from(!well), "reason": "Ended"}});
                    json!({
                        "phase": if well { "Succeeded" } else { "Failed" }, "containerStatuses": container(ended),
                    })
                }
                _ => continue,
            };
            self.replace("pods", &name, pod);
        }
    }

    /// What belongs to nothing any more goes.
    fn collect_garbage(&self) {
        let mut world = self.api.world();
        let owners: Vec<Value> = world
            .objects
            .iter()
            .filter(|((plural, _, _), _)| plural == "sparkapplications")
            .map(|(_, object)| object["metadata"]["uid"].clone())
            .collect();
        world.objects.retain(|(plural, _, _), object| {
            plural == "sparkapplications"
                || plural == "events"
                || owners.contains(&object["metadata"]["ownerReferences"][0]["uid"])
        });
        world.objects.retain(|(plural, _, _), _| plural != "events");
    }

    /// The operator looks at every application once. `calm`: its caches are up to date.
    async fn operator_works(&mut self, calm: bool) {
        if calm || !self.chance.percent(20) {
            list_pods(&self.api, &self.context.pods);
        }
        for (name, object) in self.objects("sparkapplications") {
            if calm || !self.watched.contains_key(&name) || !self.chance.percent(10) {
                self.watched.insert(name, serde_json::from_value(object).unwrap());
            }
        }
        let present: Vec<String> =
            self.objects("sparkapplications").into_iter().map(|(name, _)| name).collect();
        self.watched.retain(|name, _| present.contains(name));
        for application in self.watched.values() {
            let reread = match reconcile(&self.context, application, false).await {
                Err(error) if error.retry() == Retry::Reread => true,
                Ok(_) | Err(_) => false,
            };
            if let (true, Some(live)) = (reread, self.api.get("sparkapplications", &application.name_any())) {
                // What fails is tried again at the next tick.
                let _ = reconcile(&self.context, &serde_json::from_value(live).unwrap(), true).await;
            }
        }
        if self.api.is_cut_off() {
            self.api.restart();
            self.context = context(&self.api);
            self.watched.clear();
        }
        self.note_drivers();
    }

    /// Which application the drivers belong to that were created just now.
    fn note_drivers(&mut self) {
        let new: Vec<String> = self.api.world().drivers[self.seen_drivers..].to_vec();
        self.seen_drivers += new.len();
        for (_, pod) in self.objects("pods") {
            let labels = &pod["metadata"]["labels"];
            let id = labels["sparkoperator.k8s.io/submission-id"].as_str().unwrap();
            if new.iter().any(|new| new == id) {
                let name = labels["sparkoperator.k8s.io/app-name"].as_str().unwrap();
                self.fates.get_mut(name).unwrap().drivers.insert(id.to_owned(), None);
            }
        }
    }

    async fn tick(&mut self, calm: bool) {
        let limit = match self.chance.below(10) {
            0 | 1 => 24 * 3600,
            2..5 => 3600,
            _ => 30,
        };
        pass_time(self.chance.seconds(limit));
        if !calm {
            if self.chance.percent(2) {
                // Somebody sets the clock.
                let back = self.chance.seconds(300);
                pass_time(-back);
            }
            self.user_acts();
            let (code, reason) =
                [(500, "InternalError"), (409, "Conflict"), (429, "TooManyRequests")][self.chance.below(3)];
            let write = ["POST pods", "PUT sparkapplications", "DELETE pods", "POST configmaps"]
                [self.chance.below(4)];
            let refused = self.chance.percent(10).then_some((write, code, reason, "not now"));
            self.api.world().refuse = refused;
            if self.chance.percent(10) {
                let write = self.chance.below(6);
                let cut = if self.chance.percent(50) { Cut::Before(write) } else { Cut::After(write) };
                self.api.world().cut_from_now(cut);
            }
        }
        self.nodes_work(calm);
        self.collect_garbage();
        self.operator_works(calm).await;
    }

    /// Nobody interferes any more, and all that was suspended goes on.
    async fn settle(&mut self) {
        self.api.restart();
        self.api.world().refuse = None;
        for (name, mut object) in self.objects("sparkapplications") {
            object["spec"]["suspend"] = json!(false);
            self.touch(&name, object);
        }
        for _ in 0..500 {
            self.tick(true).await;
            let all = self.objects("sparkapplications");
            let ended = |object: &Value| {
                matches!(object["status"]["applicationState"]["state"].as_str(), Some("COMPLETED" | "FAILED"))
            };
            if all.iter().all(|(_, object)| ended(object)) {
                return;
            }
        }
    }

    fn check(&self) {
        let mut states = BTreeMap::<String, usize>::new();
        for (name, object) in self.objects("sparkapplications") {
            let status = &object["status"];
            let state = status["applicationState"]["state"].as_str().unwrap_or_default();
            let fate = &self.fates[&name];
            let what = format!("seed {}: {name} {status} after {:?}", self.seed, fate.drivers);
            assert!(matches!(state, "COMPLETED" | "FAILED"), "{what}");
            *states.entry(state.to_owned()).or_default() += 1;
            if let Some(most) = fate.most {
                assert!(fate.drivers.len() <= most, "more than {most} drivers: {what}");
            }
            let last = status["submissionID"].as_str().and_then(|id| fate.drivers.get(id)).copied().flatten();
            let lost = status["applicationState"]["errorMessage"] == "driver pod not found";
            match state {
                "COMPLETED" => assert_eq!(last, Some(true), "{what}"),
                _ => assert!(last != Some(true) || lost, "{what}"),
            }
        }
        for (name, pod) in self.objects("pods") {
            let phase = pod["status"]["phase"].as_str().unwrap();
            assert!(matches!(phase, "Succeeded" | "Failed"), "seed {}: pod {name} is {phase}", self.seed);
        }
        assert!(
            states.len() == 2 && self.seen_drivers > self.fates.len(),
            "seed {}: nothing happened",
            self.seed
        );
    }
}

#[tokio::test]
async fn after_a_month_of_chance_every_application_is_where_it_belongs() {
    let seeds = match std::env::var("CERIUM_SIMULATION_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => vec![1],
    };
    for seed in seeds {
        restart_clock();
        let mut month = Month::new(seed);
        while now().as_second() < START + MONTH {
            month.tick(false).await;
        }
        month.settle().await;
        month.collect_garbage();
        assert_eq!(month.fates.len(), APPLICATIONS, "seed {seed}");
        month.check();
    }
}
