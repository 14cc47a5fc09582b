//! What examples/flights.sql must print, computed from the data without Cerium.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::cluster::cache;

/// One line of the table of carriers.
#[derive(Debug, Default, PartialEq)]
pub struct Carrier {
    /// Code of the airline.
    pub carrier: String,
    /// Its name.
    pub name: String,
    /// Flights that were planned.
    pub flights: i64,
    /// Average delay of those that departed, in minutes, one decimal.
    pub avg_delay: String,
    /// Miles of all flights.
    pub miles: i64,
}

/// The file of the data set with this name.
pub fn file(name: &str) -> Result<PathBuf> {
    let path = cache()?.join("data/nycflights13").join(name);
    ensure!(path.exists(), "{} is missing: run scripts/fetch-flights first", path.display());
    Ok(path)
}

/// The table, most flights first.
pub fn expected() -> Result<Vec<Carrier>> {
    let mut names = BTreeMap::new();
    for row in csv::Reader::from_reader(File::open(file("airlines.csv")?)?).deserialize() {
        let row: BTreeMap<String, String> = row?;
        names.insert(column(&row, "carrier")?.to_owned(), column(&row, "name")?.to_owned());
    }
    // Flights, departed flights, minutes of delay, miles.
    let mut sums: BTreeMap<String, [i64; 4]> = BTreeMap::new();
    for row in csv::Reader::from_reader(File::open(file("flights.csv")?)?).deserialize() {
        let row: BTreeMap<String, String> = row?;
        let sum = sums.entry(column(&row, "carrier")?.to_owned()).or_default();
        sum[0] += 1;
        let delay = column(&row, "dep_delay")?;
        if !delay.is_empty() && delay != "NA" {
            sum[1] += 1;
            sum[2] += delay.parse::<f64>()? as i64;
        }
        sum[3] += column(&row, "distance")?.parse::<f64>()? as i64;
    }
    let mut table = sums
        .into_iter()
        .map(|(carrier, [flights, departed, delay, miles])| {
            let name = names.get(&carrier).with_context(|| format!("no airline {carrier}"))?.clone();
            Ok(Carrier { carrier, name, flights, avg_delay: one_decimal(delay, departed), miles })
        })
        .collect::<Result<Vec<_>>>()?;
    table.sort_by_key(|row| std::cmp::Reverse(row.flights));
    Ok(table)
}

/// The table of carriers in what the driver printed, as `show` draws it.
pub fn printed(log: &str) -> Result<Vec<Carrier>> {
    let header = |line: &&str| cells(line).first().is_some_and(|cell| cell == "carrier");
    let mut lines = log.lines().skip_while(|line| !header(line)).skip(1);
    ensure!(
        lines.next().is_some_and(|rule| rule.starts_with("+-")),
        "the driver printed no table of carriers:\n{log}"
    );
    lines
        .take_while(|line| line.starts_with('|'))
        .map(|line| {
            let [carrier, name, flights, avg_delay, miles] = <[String; 5]>::try_from(cells(line))
                .map_err(|_| anyhow::anyhow!("not five columns: {line}"))?;
            Ok(Carrier { carrier, name, flights: flights.parse()?, avg_delay, miles: miles.parse()? })
        })
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    let inner = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
    inner.map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect()).unwrap_or_default()
}

fn column<'a>(row: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str> {
    row.get(name).map(String::as_str).with_context(|| format!("the data has no column {name}"))
}

/// A quotient with one decimal, half away from zero as Spark's `round`.
fn one_decimal(sum: i64, count: i64) -> String {
    let rounded = (sum as f64 / count as f64 * 10.0).round() / 10.0;
    format!("{rounded:.1}")
}

#[cfg(test)]
mod tests {
    use super::one_decimal;

    #[test]
    fn rounds_half_away_from_zero() {
        assert_eq!(one_decimal(25, 100), "0.3");
        assert_eq!(one_decimal(-25, 100), "-0.3");
        assert_eq!(one_decimal(24, 100), "0.2");
        assert_eq!(one_decimal(1246, 100), "12.5");
    }
}
