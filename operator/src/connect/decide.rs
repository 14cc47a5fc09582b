//! What to do next for a SparkConnect, from its server pod: one pure, total function.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// The pod with the server's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// No such pod.
    Absent,
    /// A pod of that name which is not this SparkConnect's.
    Foreign,
    /// The server pod.
    Ours(ServerPod),
}

/// The server pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerPod {
    /// It was made from the specification as it is now.
    pub current: bool,
    /// It is being deleted.
    pub deleting: bool,
    /// It has ended, well or badly.
    pub ended: Option<Ended>,
}

/// The end of a server pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// How long it lived.
    pub lived: SignedDuration,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make the server pod.
    Create,
    /// Delete it; a new one follows when it is gone.
    Replace(Why),
    /// Look again after this time at the latest; `None`: only when something changes.
    Wait(Option<Duration>),
}

/// Why a server pod is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The specification changed.
    Changed,
    /// It has ended.
    Ended,
}

/// A server that lived for so long is replaced at once when it ends.
const LONG_LIFE: SignedDuration = SignedDuration::from_mins(10);
/// Pause before another one is replaced: it would end again.
const PAUSE: SignedDuration = SignedDuration::from_secs(30);
/// How often a pod is looked at that somebody else has to delete, or whose end may be missed.
const CHECK: Duration = Duration::from_secs(30);

/// The one step for this server at this time. `runnable`: the specification can be run.
pub fn decide(server: &Server, runnable: bool, now: Timestamp) -> Step {
    let pod = match server {
        Server::Absent if runnable => return Step::Create,
        Server::Absent => return Step::Wait(None),
        Server::Foreign => return Step::Wait(Some(CHECK)),
        Server::Ours(pod) => pod,
    };
    if pod.deleting {
        return Step::Wait(Some(CHECK));
    }
    if !runnable {
        // What runs goes on until the specification is mended.
        return Step::Wait(None);
    }
    if !pod.current {
        return Step::Replace(Why::Changed);
    }
    let Some(ended) = pod.ended else { return Step::Wait(None) };
    let pause = if ended.lived >= LONG_LIFE { SignedDuration::ZERO } else { PAUSE };
    let left = pause - now.duration_since(ended.at);
    match Duration::try_from(left) {
        Ok(left) if !left.is_zero() => Step::Wait(Some(left)),
        // Over, or before the clock was set back.
        Ok(_) | Err(_) => Step::Replace(Why::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn ours(change: impl FnOnce(&mut ServerPod)) -> Server {
        let mut pod = ServerPod { current: true, deleting: false, ended: None };
        change(&mut pod);
        Server::Ours(pod)
    }

    #[test]
    fn a_server_is_made_once_and_left_alone() {
        assert_eq!(decide(&Server::Absent, true, at(0)), Step::Create);
        assert_eq!(decide(&ours(|_| {}), true, at(0)), Step::Wait(None));
        assert_eq!(decide(&Server::Foreign, true, at(0)), Step::Wait(Some(CHECK)));
    }

    #[test]
    fn a_changed_specification_replaces_the_server_but_a_wrong_one_does_not() {
        let old = ours(|pod| pod.current = false);
        assert_eq!(decide(&old, true, at(0)), Step::Replace(Why::Changed));
        assert_eq!(decide(&old, false, at(0)), Step::Wait(None));
        assert_eq!(decide(&Server::Absent, false, at(0)), Step::Wait(None));
        let going = ours(|pod| (pod.current, pod.deleting) = (false, true));
        assert_eq!(decide(&going, true, at(0)), Step::Wait(Some(CHECK)));
    }

    #[test]
    fn a_server_that_ends_soon_is_not_started_in_a_hot_loop() {
        let ended = |lived: i64| {
            ours(|pod| pod.ended = Some(Ended { at: at(0), lived: SignedDuration::from_secs(lived) }))
        };
        assert_eq!(decide(&ended(5), true, at(10)), Step::Wait(Some(Duration::from_secs(20))));
        assert_eq!(decide(&ended(5), true, at(30)), Step::Replace(Why::Ended));
        assert_eq!(decide(&ended(600), true, at(0)), Step::Replace(Why::Ended));
    }
}
