//! What was told lately, so that a repeated event is counted and many similar ones become one. Pure.
//!
//! The rules are those of Kubernetes' own components: the same event again raises its count; after ten
//! different messages of one reason about one object within ten minutes, the further ones are combined.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ObjectReference;

use super::Note;

/// How long events are remembered.
const WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// Different messages of one reason about one object that are told one by one.
const SINGLY: usize = 10;
/// How often the count of a combined event is written at most.
const COMBINED_INTERVAL: SignedDuration = SignedDuration::from_secs(10);
/// Reasons and objects that are remembered at most; forgetting one costs a second event of the same text.
const REMEMBERED: usize = 4096;

/// What is to be written for a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writing {
    /// Name of the event.
    pub name: String,
    /// Its text.
    pub message: String,
    /// How often it happened, from 1: with 1 the event is new.
    pub count: i32,
    /// When it happened first.
    pub first: Timestamp,
}

/// What was told lately.
#[derive(Debug, Default)]
pub struct Memory {
    similar: HashMap<Similar, Told>,
    /// Makes the names of events unique.
    sequence: u32,
}

/// Events that may be combined.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Similar {
    component: &'static str,
    uid: String,
    namespace: String,
    name: String,
    reason: &'static str,
}

#[derive(Debug)]
struct Told {
    last: Timestamp,
    singly: Vec<Writing>,
    combined: Option<(Writing, Timestamp)>,
}

impl Memory {
    /// What to write for this note; `None` if it is counted without being written yet.
    pub fn take_in(
        &mut self,
        component: &'static str,
        about: &ObjectReference,
        note: &Note,
        now: Timestamp,
    ) -> Option<Writing> {
        let recent = |told: &Told| now.duration_since(told.last) < WINDOW;
        if self.similar.len() >= REMEMBERED {
            self.similar.retain(|_, told| recent(told));
            if self.similar.len() >= REMEMBERED {
                self.similar.clear();
            }
        }
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let similar = Similar {
            component,
            uid: text(&about.uid),
            namespace: text(&about.namespace),
            name: text(&about.name),
            reason: note.reason,
        };
        let fresh = || Told { last: now, singly: Vec::new(), combined: None };
        let told = self.similar.entry(similar).or_insert_with(fresh);
        if !recent(told) {
            *told = fresh();
        }
        told.last = now;
        if let Some(writing) = told.singly.iter_mut().find(|writing| writing.message == note.message) {
            writing.count = writing.count.saturating_add(1);
            return Some(writing.clone());
        }
        if let Some((writing, written)) = &mut told.combined {
            writing.count = writing.count.saturating_add(1);
            writing.message = combined(&note.message);
            if now.duration_since(*written) < COMBINED_INTERVAL {
                return None;
            }
            *written = now;
            return Some(writing.clone());
        }
        self.sequence = self.sequence.wrapping_add(1);
        let name = text(&about.name);
        let name = format!("{name}.{:x}{:04x}", now.as_nanosecond(), self.sequence & 0xffff);
        let mut writing = Writing { name, message: note.message.clone(), count: 1, first: now };
        if told.singly.len() < SINGLY {
            told.singly.push(writing.clone());
        } else {
            writing.message = combined(&note.message);
            told.combined = Some((writing.clone(), now));
        }
        Some(writing)
    }
}

fn combined(message: &str) -> String {
    format!("(combined from similar events): {message}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn about(uid: &str) -> ObjectReference {
        ObjectReference { name: Some("pi".into()), uid: Some(uid.into()), ..ObjectReference::default() }
    }

    fn tell(memory: &mut Memory, uid: &str, message: &str, second: i64) -> Option<(String, i32)> {
        let note = Note::new("SparkExecutorRunning", message.into());
        let writing = memory.take_in("controller", &about(uid), &note, at(second));
        writing.map(|writing| (writing.message, writing.count))
    }

    #[test]
    fn the_same_event_again_is_counted() {
        let mut memory = Memory::default();
        assert_eq!(tell(&mut memory, "a", "e-1", 0), Some(("e-1".into(), 1)));
        assert_eq!(tell(&mut memory, "a", "e-1", 5), Some(("e-1".into(), 2)));
        assert_eq!(tell(&mut memory, "b", "e-1", 5), Some(("e-1".into(), 1)));
        // Ten minutes after the last one it is news again.
        assert_eq!(tell(&mut memory, "a", "e-1", 605), Some(("e-1".into(), 1)));
    }

    #[test]
    fn after_ten_different_ones_the_others_are_combined_and_written_now_and_then() {
        let mut memory = Memory::default();
        for number in 0..10 {
            assert_eq!(tell(&mut memory, "a", &number.to_string(), 0), Some((number.to_string(), 1)));
        }
        let text = |message: &str| format!("(combined from similar events): {message}");
        assert_eq!(tell(&mut memory, "a", "10", 1), Some((text("10"), 1)));
        assert_eq!(tell(&mut memory, "a", "11", 2), None);
        assert_eq!(tell(&mut memory, "a", "12", 11), Some((text("12"), 3)));
        assert_eq!(tell(&mut memory, "a", "3", 12), Some(("3".into(), 2)));
    }

    #[test]
    fn events_of_one_moment_have_different_names() {
        let mut memory = Memory::default();
        let note = |message: &str| Note::new("SparkExecutorRunning", message.into());
        let names: Vec<_> = ["e-1", "e-2"]
            .map(|message| memory.take_in("c", &about("a"), &note(message), at(1)).unwrap().name)
            .into();
        assert_ne!(names[0], names[1]);
        assert!(names[0].starts_with("pi."), "{}", names[0]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut memory = Memory::default();
        for number in 0..10_000 {
            tell(&mut memory, &number.to_string(), "e-1", 0);
        }
        assert!(memory.similar.len() <= REMEMBERED);
    }
}
