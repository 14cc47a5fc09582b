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

/// Calls `each` with these columns of every line of a file.
pub fn read<const N: usize>(
    name: &str,
    columns: [&str; N],
    mut each: impl FnMut([&str; N]) -> Result<()>,
) -> Result<()> {
    let mut reader = csv::Reader::from_reader(File::open(file(name)?)?);
    let header = reader.headers()?.clone();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let found = header.iter().position(|name| name == column);
        *place = found.with_context(|| format!("{name} has no column {column}"))?;
    }
    let mut line = csv::StringRecord::new();
    while reader.read_record(&mut line)? {
        each(places.map(|place| &line[place]))?;
    }
    Ok(())
}

/// The table, most flights first.
pub fn expected() -> Result<Vec<Carrier>> {
    let mut names = BTreeMap::new();
    read("airlines.csv", ["carrier", "name"], |[carrier, name]| {
        names.insert(carrier.to_owned(), shown(name));
        Ok(())
    })?;
    // Flights, departed flights, minutes of delay, miles.
    let mut sums: BTreeMap<String, [i64; 4]> = BTreeMap::new();
    read("flights.csv", ["carrier", "dep_delay", "distance"], |[carrier, delay, distance]| {
        let sum = sums.entry(carrier.to_owned()).or_default();
        sum[0] += 1;
        if !matches!(delay, "" | "NA") {
            sum[1] += 1;
            sum[2] += delay.parse::<i64>()?;
        }
        sum[3] += distance.parse::<i64>()?;
        Ok(())
    })?;
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

/// A value as Spark's `show` prints it: of more than 20 characters, 17 and dots.
fn shown(value: &str) -> String {
    if value.chars().count() > 20 {
        value.chars().take(17).chain("...".chars()).collect()
    } else {
        value.to_owned()
    }
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
