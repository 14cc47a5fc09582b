//! The 22 queries, with the validation parameters of the TPC-H specification.

/// One query.
#[derive(Clone)]
pub struct Query {
    /// Its number in the specification.
    pub number: u8,
    /// One SQL statement in Spark's dialect, without a closing semicolon.
    pub sql: &'static str,
    /// Rows of the specification's answer at scale factor 1.
    pub answer_rows: usize,
}

const ANSWER_ROWS: [usize; 22] =
    [4, 100, 10, 5, 5, 1, 4, 2, 175, 20, 1048, 2, 42, 1, 1, 18314, 1, 57, 1, 186, 100, 7];

const SQL: [&str; 22] = [
    include_str!("../../tpch/q01.sql"),
    include_str!("../../tpch/q02.sql"),
    include_str!("../../tpch/q03.sql"),
    include_str!("../../tpch/q04.sql"),
    include_str!("../../tpch/q05.sql"),
    include_str!("../../tpch/q06.sql"),
    include_str!("../../tpch/q07.sql"),
    include_str!("../../tpch/q08.sql"),
    include_str!("../../tpch/q09.sql"),
    include_str!("../../tpch/q10.sql"),
    include_str!("../../tpch/q11.sql"),
    include_str!("../../tpch/q12.sql"),
    include_str!("../../tpch/q13.sql"),
    include_str!("../../tpch/q14.sql"),
    include_str!("../../tpch/q15.sql"),
    include_str!("../../tpch/q16.sql"),
    include_str!("../../tpch/q17.sql"),
    include_str!("../../tpch/q18.sql"),
    include_str!("../../tpch/q19.sql"),
    include_str!("../../tpch/q20.sql"),
    include_str!("../../tpch/q21.sql"),
    include_str!("../../tpch/q22.sql"),
];

/// The queries with these numbers (1 to 22), or all of them.
pub fn select(numbers: &[u8]) -> Vec<Query> {
    (1..)
        .zip(SQL.into_iter().zip(ANSWER_ROWS))
        .filter(|(number, _)| numbers.is_empty() || numbers.contains(number))
        .map(|(number, (sql, answer_rows))| Query { number, sql: sql.trim_end(), answer_rows })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_selects_all_queries() {
        assert_eq!(select(&[]).len(), 22);
        assert_eq!(select(&[6, 22]).iter().map(|query| query.number).collect::<Vec<_>>(), [6, 22]);
    }
}
