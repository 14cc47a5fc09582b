use super::*;
use crate::fake_api::{Cut, FakeApi};

fn config(identity: &str) -> LeaseConfig {
    LeaseConfig {
        name: "lock".into(),
        namespace: "ns".into(),
        identity: identity.into(),
        duration: Duration::from_mins(10),
        renew_deadline: Duration::from_millis(60),
        retry_period: Duration::from_millis(5),
    }
}

fn candidate(api: &FakeApi, identity: &str) -> Candidate {
    Candidate::new(api.client(), config(identity)).unwrap()
}

fn holder(api: &FakeApi) -> String {
    api.get("leases", "lock").unwrap()["spec"]["holderIdentity"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_lease_goes_to_the_next_as_soon_as_it_is_given_back() {
    let api = FakeApi::default();
    let (running, stop) = (CancellationToken::new(), CancellationToken::new());
    let mut first = candidate(&api, "first");
    assert!(first.acquire(&running).await);
    let mut second = candidate(&api, "second");
    assert!(!second.attempt().await);
    assert_eq!(holder(&api), "first");
    stop.cancel();
    first.hold(stop).await.unwrap();
    // Far sooner than the lease would have expired.
    assert!(second.acquire(&running).await);
    assert_eq!(holder(&api), "second");
}

#[tokio::test]
async fn a_holder_that_cannot_renew_stops() {
    let api = FakeApi::default();
    let running = CancellationToken::new();
    let mut holder = candidate(&api, "first");
    assert!(holder.acquire(&running).await);
    api.world().cut = Some(Cut::Before(3));
    let error = holder.hold(running).await.unwrap_err();
    assert_eq!(error.to_string(), "lost the lease ns/lock: another operator may lead now");
}

#[tokio::test]
async fn a_candidate_that_waits_can_be_shut_down() {
    let api = FakeApi::default();
    let shutdown = CancellationToken::new();
    assert!(candidate(&api, "first").acquire(&shutdown).await);
    shutdown.cancel();
    assert!(!candidate(&api, "second").acquire(&shutdown).await);
}

#[test]
fn times_that_allow_two_leaders_are_refused() {
    let api = FakeApi::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let _entered = runtime.enter();
    let wrong = LeaseConfig { duration: Duration::from_millis(50), ..config("first") };
    assert!(matches!(Candidate::new(api.client(), wrong), Err(LeaderError::Times { .. })));
}
