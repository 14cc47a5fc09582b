//! The user's program: which kind it is, and how it is run.

pub mod python;
mod sql;

pub use sql::{ScriptError, run_script};

/// What a program is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// A script of statements that the driver runs itself.
    Sql,
    /// A program that runs beside the driver.
    Python,
}

impl Language {
    /// The language of a main file, by its name; nothing for one that cannot be run.
    pub fn of(main_file: &str) -> Option<Self> {
        let path = main_file.split(['?', '#']).next().unwrap_or(main_file);
        match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "sql" => Some(Self::Sql),
            "py" => Some(Self::Python),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Language;

    #[test]
    fn programs_are_known_by_their_name() {
        assert_eq!(Language::of("s3a://bucket/jobs/report.sql"), Some(Language::Sql));
        assert_eq!(Language::of("REPORT.SQL"), Some(Language::Sql));
        assert_eq!(Language::of("local:///app/job.py"), Some(Language::Python));
        assert_eq!(Language::of("https://host/job.py?token=a.sql"), Some(Language::Python));
        assert_eq!(Language::of("local:///app/job.jar"), None);
        assert_eq!(Language::of("sql"), None);
    }
}
