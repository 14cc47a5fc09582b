//! Figures with their targets, and the table they are printed in.

use std::fmt;

use serde::Serialize;

/// One measured figure.
#[derive(Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The value, in `unit`.
    pub value: f64,
    /// Unit of `value` and `at_most`: `ms`, `MiB`, `x` or a count.
    pub unit: &'static str,
    /// The value that must not be exceeded, where there is one.
    pub at_most: Option<f64>,
}

impl Figure {
    /// Whether the figure stays within its target; without one it does.
    pub fn is_reached(&self) -> bool {
        self.at_most.is_none_or(|limit| self.value <= limit)
    }
}

/// One TPC-H query, measured both ways.
#[derive(Debug, Serialize)]
pub struct QueryRow {
    /// Number of the query in the specification.
    pub query: u8,
    /// Median of plain DataFusion, in ms.
    pub plain_ms: f64,
    /// Median of Cerium, in ms; none when it failed or was not run.
    pub cerium_ms: Option<f64>,
    /// Rows of the result.
    pub rows: usize,
    /// `equal`, or what differs or failed; none when Cerium was not run.
    pub outcome: Option<String>,
}

/// All figures of one run.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The TPC-H queries.
    pub tpch: Vec<QueryRow>,
    /// Everything else, and the totals.
    pub figures: Vec<Figure>,
    /// Parts that were left out, and why.
    pub skipped: Vec<String>,
}

impl Report {
    /// Adds a figure; `at_most` is its target.
    pub fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str, at_most: Option<f64>) {
        self.figures.push(Figure { name: name.into(), value, unit, at_most });
    }

    /// Whether every figure that was measured stays within its target.
    pub fn all_reached(&self) -> bool {
        self.figures.iter().all(Figure::is_reached)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.tpch.is_empty() {
            writeln!(
                f,
                "{:<8}{:>14}{:>12}{:>8}{:>9}  result",
                "query", "DataFusion ms", "Cerium ms", "ratio", "rows"
            )?;
            for row in &self.tpch {
                let cerium = row.cerium_ms.map_or_else(|| "-".into(), |ms| format!("{ms:.0}"));
                let ratio =
                    row.cerium_ms.map_or_else(|| "-".into(), |ms| format!("{:.2}", ms / row.plain_ms));
                let outcome = row.outcome.as_deref().unwrap_or("-");
                writeln!(
                    f,
                    "{:<8}{:>14.0}{cerium:>12}{ratio:>8}{:>9}  {outcome}",
                    format!("q{:02}", row.query),
                    row.plain_ms,
                    row.rows
                )?;
            }
            writeln!(f)?;
        }
        if !self.figures.is_empty() {
            writeln!(f, "{:<58}{:>14}{:>12}  reached", "figure", "measured", "at most")?;
        }
        for figure in &self.figures {
            let limit = figure.at_most.map_or_else(String::new, |value| amount(value, figure.unit));
            let reached = match figure.at_most {
                None => "",
                Some(_) if figure.is_reached() => "yes",
                Some(_) => "NO",
            };
            writeln!(
                f,
                "{:<58}{:>14}{limit:>12}  {reached}",
                figure.name,
                amount(figure.value, figure.unit)
            )?;
        }
        for skipped in &self.skipped {
            writeln!(f, "SKIPPED: {skipped}")?;
        }
        Ok(())
    }
}

fn amount(value: f64, unit: &str) -> String {
    match unit {
        "x" => format!("{value:.2} x"),
        "" => format!("{value:.0}"),
        "MiB" => format!("{value:.1} MiB"),
        _ => format!("{value:.0} {unit}"),
    }
}

/// The median of at least one value; of an even number, the mean of the middle two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_is_between_the_middle_two() {
        assert!((median(&[4.0, 1.0, 3.0, 2.0]) - 2.5).abs() < f64::EPSILON);
        assert!((median(&[9.0, 1.0, 5.0]) - 5.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_figure_above_its_target_is_not_reached() {
        let mut report = Report::default();
        report.add("start", 1.5, "ms", Some(1.5));
        assert!(report.all_reached());
        report.add("memory", 81.0, "MiB", Some(80.0));
        assert!(!report.all_reached());
        assert!(report.to_string().contains("81.0 MiB    80.0 MiB  NO"));
    }
}
