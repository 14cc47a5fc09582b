//! Bad input that shows only when pods run: each application fails, says why, and ends.

use std::time::Duration;

use anyhow::{Result, ensure};
use cerium_e2e::application::Application;
use cerium_e2e::s3::{self, S3};
use cerium_e2e::scope::{Scope, on_cluster};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_mins(2);

/// An application that must fail.
struct Bad {
    name: &'static str,
    program: &'static str,
    changes: Value,
    /// What its message and an event must say.
    words: &'static [&'static str],
}

const READ_FLIGHTS: &str = "SELECT count(*) FROM csv.`s3a://cerium/small.csv`;";

fn cases() -> Vec<Bad> {
    let image = json!({"spec": {"image": "127.0.0.1:1/nothing:1", "imagePullPolicy": "Always"}});
    let main_file = json!({"spec": {"mainApplicationFile": "local:///opt/programs/missing.sql"}});
    vec![
        Bad { name: "image", program: "SELECT 1", changes: image, words: &["127.0.0.1:1/nothing:1"] },
        Bad {
            name: "main-file",
            program: "SELECT 1",
            changes: main_file,
            words: &["driver container failed", "/opt/programs/missing.sql"],
        },
        Bad {
            name: "rights",
            program: "SELECT 1",
            changes: json!({"spec": {"driver": {"serviceAccount": "default"}}}),
            words: &["driver container failed", "its service account needs the verb get on pods"],
        },
        Bad {
            name: "syntax",
            program: "SELECT 1;\nSELEC 2;",
            changes: json!({}),
            words: &["driver container failed", "PARSE_SYNTAX_ERROR", "line 2"],
        },
        Bad {
            name: "table",
            program: "SELECT * FROM nowhere",
            changes: json!({}),
            words: &["driver container failed", "TABLE_OR_VIEW_NOT_FOUND", "nowhere"],
        },
        Bad {
            name: "credentials",
            program: READ_FLIGHTS,
            changes: s3::access_as("nobody", "nothing"),
            words: &["driver container failed", "s3a://cerium"],
        },
        Bad {
            name: "permission",
            program: READ_FLIGHTS,
            changes: s3::access_as(s3::OTHER_ACCESS_KEY, s3::OTHER_SECRET_KEY),
            words: &["driver container failed", "s3a://cerium"],
        },
    ]
}

#[tokio::test]
async fn run_bad_input_fails_with_a_reason() -> Result<()> {
    on_cluster("run_bad_input", async |scope| {
        scope.install_chart().await?;
        S3::start(scope).await?.put("small.csv", "1\n2\n3\n").await?;
        let cases = cases();
        let mut applications = Vec::new();
        for case in &cases {
            applications
                .push(Application::submit(scope, case.name, case.program, case.changes.clone()).await?);
        }
        let mut wrong = Vec::new();
        for (case, application) in cases.iter().zip(&applications) {
            if let Err(error) = check(scope, case, application).await {
                wrong.push(format!("{}: {error:#}", case.name));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    })
    .await
}

async fn check(scope: &Scope, case: &Bad, application: &Application<'_>) -> Result<()> {
    let message = application.wait_failure(LIMIT).await?;
    for word in case.words {
        ensure!(message.contains(word), "the message does not say \"{word}\": {message}");
    }
    let events = scope.events(case.name).await?;
    ensure!(events.iter().any(|(_, event)| event.contains(case.words[0])), "no event says why: {events:?}");
    Ok(())
}
