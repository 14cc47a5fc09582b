//! Figures with their targets, and the table they are printed in.

use std::fmt;

/// What a figure must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
}

/// One measured figure.
#[derive(Debug, Clone)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The value, in `unit`.
    pub value: f64,
    /// Unit of the value and its target; empty: a count.
    pub unit: &'static str,
    /// What it must reach.
    pub target: Target,
    /// What Kubeflow's operator 2.5.2 was measured at in the same set-up.
    pub kubeflow: &'static str,
}

impl Figure {
    /// A figure that must not exceed its target.
    pub fn at_most(name: impl Into<String>, value: f64, unit: &'static str, most: f64) -> Self {
        Self { name: name.into(), value, unit, target: Target::AtMost(most), kubeflow: "" }
    }

    /// A figure that must not stay below its target.
    pub fn at_least(name: impl Into<String>, value: f64, unit: &'static str, least: f64) -> Self {
        Self { target: Target::AtLeast(least), ..Self::at_most(name, value, unit, 0.0) }
    }

    /// With Kubeflow's figure beside it.
    pub fn beside(self, kubeflow: &'static str) -> Self {
        Self { kubeflow, ..self }
    }

    /// Whether it reaches its target.
    pub fn is_reached(&self) -> bool {
        match self.target {
            Target::AtMost(most) => self.value <= most,
            Target::AtLeast(least) => self.value >= least,
        }
    }
}

/// All figures of one run.
#[derive(Debug, Default)]
pub struct Table(pub Vec<Figure>);

impl Table {
    /// Whether every figure reaches its target.
    pub fn all_reached(&self) -> bool {
        self.0.iter().all(Figure::is_reached)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<68}{:>12}{:>20}  {:<8}Kubeflow 2.5.2", "figure", "measured", "target", "reached")?;
        for figure in &self.0 {
            let target = match figure.target {
                Target::AtMost(most) => format!("at most {}", amount(most, figure.unit)),
                Target::AtLeast(least) => format!("at least {}", amount(least, figure.unit)),
            };
            let measured = amount(figure.value, figure.unit);
            let reached = if figure.is_reached() { "yes" } else { "NO" };
            writeln!(f, "{:<68}{measured:>12}{target:>20}  {reached:<8}{}", figure.name, figure.kubeflow)?;
        }
        Ok(())
    }
}

fn amount(value: f64, unit: &str) -> String {
    let digits = match unit {
        "s" if value < 1.0 => format!("{value:.3}"),
        "s" | "MiB" => format!("{value:.1}"),
        "" if value.fract() != 0.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    };
    format!("{digits} {unit}").trim_end().to_owned()
}

/// The value that this share of all values does not exceed; 0 where there are none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_value_of_its_rank() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let at = |share: f64| quantile(&values, share).to_string();
        assert_eq!([at(0.5), at(0.99), at(1.0)], ["100", "198", "200"]);
        assert_eq!(quantile(&[], 0.5).to_string(), "0");
    }

    #[test]
    fn a_missed_target_is_told() {
        let rate = Figure::at_least("rate", 1100.0, "/min", 1200.0).beside("11.4 /min");
        let table = Table(vec![Figure::at_most("lag", 40.0, "ms", 40.0), rate]);
        assert!(!table.all_reached());
        let text = table.to_string();
        let rows: Vec<String> =
            text.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(rows, ["lag 40 ms at most 40 ms yes", "rate 1100 /min at least 1200 /min NO 11.4 /min"]);
    }
}
