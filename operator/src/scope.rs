//! Which namespaces are worked on, and what is watched to know it.

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::core::SelectorExt;
use kube::runtime::watcher::Event;

use crate::cli::Scope;

/// One pair of watches: of applications and of pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    /// All namespaces.
    Cluster,
    /// This one.
    Namespace(String),
}

impl Scope {
    /// The watches this scope needs.
    pub fn spans(&self) -> Vec<Span> {
        if self.selector.is_some() || self.namespaces.is_empty() {
            vec![Span::Cluster]
        } else {
            let ours = self.namespaces.iter().filter(|namespace| self.shard.holds(namespace));
            ours.cloned().map(Span::Namespace).collect()
        }
    }
}

/// The namespaces worked on, where labels decide it.
pub struct Admission {
    scope: Scope,
    selected: RwLock<BTreeSet<String>>,
}

impl Admission {
    /// Nothing is selected by labels yet.
    pub fn new(scope: Scope) -> Admission {
        Admission { scope, selected: RwLock::default() }
    }

    /// Whether labels of namespaces have to be known.
    pub fn watches_namespaces(&self) -> bool {
        self.scope.selector.is_some()
    }

    /// Whether this namespace is of our shard, whatever its labels.
    pub fn is_of_shard(&self, namespace: &str) -> bool {
        self.scope.shard.holds(namespace)
    }

    /// Whether applications of this namespace are worked on.
    pub fn admits(&self, namespace: &str) -> bool {
        if !self.is_of_shard(namespace) {
            return false;
        }
        if self.scope.selector.is_none() {
            // The watches are narrow enough.
            return true;
        }
        self.scope.namespaces.iter().any(|listed| listed == namespace)
            || self.selected.read().unwrap_or_else(PoisonError::into_inner).contains(namespace)
    }

    /// Takes in an event of the namespace watch; returns the namespace if its applications are worked on
    /// only from now on.
    pub fn take_in(&self, event: &Event<Namespace>) -> Option<String> {
        let selector = self.scope.selector.as_ref()?;
        let mut selected = self.selected.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Apply(namespace) | Event::InitApply(namespace) => {
                let name = namespace.name_any();
                if selector.matches(namespace.labels()) {
                    selected.insert(name.clone()).then_some(name)
                } else {
                    selected.remove(&name);
                    None
                }
            }
            Event::Delete(namespace) => {
                selected.remove(&namespace.name_any());
                None
            }
            Event::Init | Event::InitDone => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::Shard;

    fn namespace(name: &str, label: &str) -> Namespace {
        serde_json::from_value(serde_json::json!({"metadata": {"name": name, "labels": {"spark": label}}}))
            .unwrap()
    }

    fn scope(namespaces: &[&str], selector: bool) -> Scope {
        Scope {
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            selector: selector.then(|| [("spark", "enabled")].into_iter().collect()),
            shard: Shard::WHOLE,
        }
    }

    #[test]
    fn listed_namespaces_have_watches_of_their_own() {
        assert_eq!(scope(&[], false).spans(), [Span::Cluster]);
        assert_eq!(
            scope(&["a", "b"], false).spans(),
            [Span::Namespace("a".into()), Span::Namespace("b".into())]
        );
        assert_eq!(scope(&["a"], true).spans(), [Span::Cluster]);
    }

    #[test]
    fn a_namespace_labelled_late_is_worked_on_from_then_on() {
        let admission = Admission::new(scope(&["listed"], true));
        assert!(admission.admits("listed"));
        assert_eq!(admission.take_in(&Event::Apply(namespace("team", "disabled"))), None);
        assert!(!admission.admits("team"));
        assert_eq!(admission.take_in(&Event::Apply(namespace("team", "enabled"))), Some("team".into()));
        assert!(admission.admits("team"));
        assert_eq!(admission.take_in(&Event::Apply(namespace("team", "enabled"))), None);
        admission.take_in(&Event::Apply(namespace("team", "disabled")));
        assert!(!admission.admits("team"));
    }

    #[test]
    fn a_shard_works_on_its_own_namespaces_only() {
        let names: Vec<String> = (0..10).map(|number| format!("team-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for (listed, spans) in [(&names[..], 10), (&[][..], 2)] {
            let shards =
                [0, 1].map(|index| Scope { shard: Shard { count: 2, index }, ..scope(listed, false) });
            assert_eq!(shards.iter().map(|shard| shard.spans().len()).sum::<usize>(), spans);
            let shards = shards.map(Admission::new);
            assert!(names.iter().all(|name| shards[0].admits(name) != shards[1].admits(name)));
        }
    }

    #[test]
    fn without_a_selector_what_is_watched_is_worked_on() {
        assert!(Admission::new(scope(&["a"], false)).admits("a"));
        assert!(Admission::new(scope(&[], false)).admits("any"));
    }
}
