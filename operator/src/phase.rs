//! The legal changes of state of a SparkApplication, and the diagram drawn from them. Pure.

use std::fmt::Write as _;

use cerium_crds::ApplicationStateType as Phase;

fn diagram_name(phase: Phase) -> &'static str {
    match phase {
        Phase::New => "New",
        other => other.as_str(),
    }
}

/// One legal change of state, with what brings it about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The state left.
    pub from: Phase,
    /// The state entered.
    pub to: Phase,
    /// What brings it about, as written beside the arrow.
    pub cause: &'static str,
}

const fn edge(from: Phase, to: Phase, cause: &'static str) -> Edge {
    Edge { from, to, cause }
}

/// Every legal change of state. `decide` never asks for another one.
pub const EDGES: &[Edge] = &[
    edge(Phase::New, Phase::Submitted, "driver pod created"),
    edge(Phase::New, Phase::SubmissionFailed, "not accepted"),
    edge(Phase::New, Phase::Suspending, "suspend"),
    edge(Phase::Submitted, Phase::Running, "driver runs"),
    edge(Phase::Submitted, Phase::Succeeding, "driver ended well"),
    edge(Phase::Submitted, Phase::Failing, "driver failed, lost or never started"),
    edge(Phase::Submitted, Phase::Unknown, "node silent"),
    edge(Phase::Submitted, Phase::Suspending, "suspend"),
    edge(Phase::Submitted, Phase::Invalidating, "specification changed"),
    edge(Phase::Running, Phase::Succeeding, "driver ended well"),
    edge(Phase::Running, Phase::Failing, "driver failed or lost"),
    edge(Phase::Running, Phase::Unknown, "node silent"),
    edge(Phase::Running, Phase::Suspending, "suspend"),
    edge(Phase::Running, Phase::Invalidating, "specification changed"),
    edge(Phase::Unknown, Phase::Submitted, "driver waits"),
    edge(Phase::Unknown, Phase::Running, "driver runs"),
    edge(Phase::Unknown, Phase::Succeeding, "driver ended well"),
    edge(Phase::Unknown, Phase::Failing, "driver failed or lost"),
    edge(Phase::Unknown, Phase::Suspending, "suspend"),
    edge(Phase::Unknown, Phase::Invalidating, "specification changed"),
    edge(Phase::Succeeding, Phase::Completed, "no restart"),
    edge(Phase::Succeeding, Phase::PendingRerun, "restart always"),
    edge(Phase::Failing, Phase::Failed, "no retry left"),
    edge(Phase::Failing, Phase::PendingRerun, "retry"),
    edge(Phase::Failing, Phase::Suspending, "suspend"),
    edge(Phase::Failing, Phase::Invalidating, "specification changed"),
    edge(Phase::SubmissionFailed, Phase::Failed, "no retry left"),
    edge(Phase::SubmissionFailed, Phase::New, "retry"),
    edge(Phase::SubmissionFailed, Phase::Suspending, "suspend"),
    edge(Phase::SubmissionFailed, Phase::Invalidating, "specification changed"),
    edge(Phase::Failed, Phase::Invalidating, "specification changed"),
    edge(Phase::PendingRerun, Phase::Submitted, "driver pod created"),
    edge(Phase::PendingRerun, Phase::SubmissionFailed, "not accepted"),
    edge(Phase::PendingRerun, Phase::Suspending, "suspend"),
    edge(Phase::Invalidating, Phase::PendingRerun, "old objects gone"),
    edge(Phase::Suspending, Phase::Suspended, "driver pod gone"),
    edge(Phase::Suspended, Phase::Resuming, "resume"),
    edge(Phase::Resuming, Phase::Submitted, "driver pod created"),
    edge(Phase::Resuming, Phase::SubmissionFailed, "not accepted"),
    edge(Phase::Resuming, Phase::Suspending, "suspend"),
];

/// Whether the table holds this change of state; staying in a state always is legal.
pub fn is_legal(from: Phase, to: Phase) -> bool {
    from == to || EDGES.iter().any(|edge| edge.from == from && edge.to == to)
}

/// The state diagram in Mermaid's notation, drawn from [`EDGES`].
pub fn render_mermaid() -> String {
    let mut text = String::from("stateDiagram-v2\n    [*] --> New\n");
    for Edge { from, to, cause } in EDGES {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "    {} --> {}: {cause}", diagram_name(*from), diagram_name(*to));
    }
    for terminal in Phase::ALL.iter().filter(|phase| phase.is_terminal()) {
        let _ = writeln!(text, "    {} --> [*]: time to live over", diagram_name(*terminal));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_reached_and_only_completed_has_no_way_out() {
        for phase in Phase::ALL.iter().copied() {
            let entered = phase == Phase::New || EDGES.iter().any(|edge| edge.to == phase);
            assert!(entered, "{phase:?} cannot be reached");
            let left = EDGES.iter().any(|edge| edge.from == phase);
            assert_eq!(left, phase != Phase::Completed, "{phase:?}");
        }
    }

    #[test]
    fn the_architecture_shows_this_diagram() {
        crate::golden::check_block(
            "../ARCHITECTURE.md",
            "phases",
            &format!("```mermaid\n{}```\n", render_mermaid()),
        );
    }

    #[test]
    fn no_edge_is_listed_twice() {
        for (at, edge) in EDGES.iter().enumerate() {
            let again = EDGES[at + 1..].iter().any(|other| (other.from, other.to) == (edge.from, edge.to));
            assert!(!again, "{edge:?}");
        }
    }
}
