//! The pages: jobs, stages, executors and environment of one application.
//!
//! Links are relative, so that the pages work behind any proxy or Ingress path.

use std::fmt::Write;

use axum::extract::State;
use axum::response::Html;
use cerium_conf::bytes_to_string;
use jiff::Timestamp;

use super::Shown;
use super::rest::{job_status, stage_status, time};
use crate::scheduler::{JobOutcome, StageSummary};

const STYLE: &str = "body{font:14px/1.45 system-ui,sans-serif;margin:0;color:#222}\
    header{background:#1d3557;color:#fff;padding:.7rem 1.2rem}header b{font-size:1.1rem}\
    header a{color:#cfe3f7;margin-left:1.2rem;text-decoration:none}header a.here{color:#fff;font-weight:600}\
    main{padding:1rem 1.2rem}table{border-collapse:collapse;width:100%}\
    th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #e3e6ea;vertical-align:top}\
    th{background:#f4f6f8}td.n{text-align:right;font-variant-numeric:tabular-nums}\
    .bar{background:#e3e6ea;border-radius:3px;min-width:9rem;position:relative;height:1.25rem}\
    .bar i{background:#7fb2de;border-radius:3px;display:block;height:100%}\
    .bar span{position:absolute;inset:0;text-align:center;font-size:.8rem;line-height:1.25rem}\
    .FAILED{color:#b00020}.RUNNING,.ACTIVE{color:#0b6bcb}.SUCCEEDED,.COMPLETE{color:#2c7a3f}\
    p.none{color:#667}";

const PAGES: [(&str, &str); 4] =
    [("jobs", "Jobs"), ("stages", "Stages"), ("executors", "Executors"), ("environment", "Environment")];

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn whole(shown: &Shown, here: &str, body: &str) -> Html<String> {
    let name = escaped(&shown.name());
    let mut links = String::new();
    for (page, title) in PAGES {
        let class = if page == here { " class=\"here\"" } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(links, "<a{class} href=\"../{page}/\">{title}</a>");
    }
    // What is looked at while it runs should move.
    let refresh = if here == "environment" { "" } else { "<meta http-equiv=\"refresh\" content=\"5\">" };
    Html(format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">{refresh}<title>{name} - {here}</title>\
         <style>{STYLE}</style></head><body><header><b>{name}</b> {}{links}</header><main>{body}</main></body></html>",
        escaped(&shown.id()),
    ))
}

/// A table, or what to say where it has no rows.
fn table(columns: &[&str], rows: &[String], none: &str) -> String {
    if rows.is_empty() {
        return format!("<p class=\"none\">{none}</p>");
    }
    let heads = columns.join("</th><th>");
    format!("<table><thead><tr><th>{heads}</th></tr></thead><tbody>{}</tbody></table>", rows.concat())
}

fn bar(stages: &[StageSummary]) -> String {
    let sum = |count: fn(&StageSummary) -> usize| stages.iter().map(count).sum::<usize>();
    let (done, all) = (sum(|stage| stage.completed), sum(|stage| stage.tasks));
    let percent = done * 100 / all.max(1);
    let mut note = format!("{done}/{all}");
    for (count, word) in [(sum(|stage| stage.running), "running"), (sum(|stage| stage.failed), "failed")] {
        if count > 0 {
            let _ = write!(note, " ({count} {word})");
        }
    }
    format!("<div class=\"bar\"><i style=\"width:{percent}%\"></i><span>{note}</span></div>")
}

fn seconds(from: Timestamp, to: Timestamp) -> String {
    let ms = (to.as_millisecond() - from.as_millisecond()).max(0);
    if ms < 1000 { format!("{ms} ms") } else { format!("{:.1} s", ms as f64 / 1000.0) }
}

pub(super) async fn jobs(State(shown): State<Shown>) -> Html<String> {
    let report = shown.driver.scheduler().report().await;
    let now = Timestamp::now();
    let rows: Vec<_> = report
        .jobs
        .iter()
        .rev()
        .map(|job| {
            let status = job_status(job);
            let why = match &job.state {
                JobOutcome::Failed(why) => format!("<br>{}", escaped(why)),
                _ => String::new(),
            };
            format!(
                "<tr><td class=\"n\">{}</td><td>{}{why}</td><td>{}</td><td class=\"n\">{}</td>\
                 <td class=\"{status}\">{status}</td><td>{}</td></tr>",
                job.number,
                escaped(&job.description),
                time(job.submitted),
                seconds(job.submitted, job.ended.unwrap_or(now)),
                bar(&job.stages),
            )
        })
        .collect();
    let columns = ["Job", "Description", "Submitted", "Duration", "Status", "Tasks"];
    whole(&shown, "jobs", &table(&columns, &rows, "No job has run on executors yet."))
}

pub(super) async fn stages(State(shown): State<Shown>) -> Html<String> {
    let report = shown.driver.scheduler().report().await;
    let mut rows = Vec::new();
    for job in &report.jobs {
        for (number, stage) in job.numbered_stages() {
            let (status, total) = (stage_status(stage), stage.total());
            rows.push(format!(
                "<tr><td class=\"n\">{number}</td><td class=\"n\">{}</td><td>{}</td><td class=\"{status}\">{status}</td>\
                 <td>{}</td><td class=\"n\">{:.1} s</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                job.number,
                escaped(&job.description),
                bar(std::slice::from_ref(stage)),
                total.run_ms as f64 / 1000.0,
                bytes_to_string(stage.input_bytes as u64),
                bytes_to_string(total.written_bytes),
            ));
        }
    }
    rows.reverse();
    let columns = ["Stage", "Job", "Description", "Status", "Tasks", "Task time", "Input", "Written"];
    whole(&shown, "stages", &table(&columns, &rows, "No stage has run yet."))
}

pub(super) async fn executors(State(shown): State<Shown>) -> Html<String> {
    let scheduler = shown.driver.scheduler();
    let (report, load) = (scheduler.report().await, scheduler.load().await);
    let rows: Vec<_> = report
        .executors
        .iter()
        .map(|executor| {
            let state = match executor.removed {
                None => "<td class=\"ACTIVE\">active</td>".to_owned(),
                Some(at) => format!("<td>removed {}</td>", time(at)),
            };
            format!(
                "<tr><td>{}</td><td>{}</td>{state}<td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{:.1} s</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                escaped(&executor.id),
                escaped(&executor.address),
                time(executor.added),
                executor.slots,
                load.running_tasks_of(&executor.id),
                executor.work.tasks,
                executor.work.run_ms as f64 / 1000.0,
                bytes_to_string(executor.work.written_bytes),
                bytes_to_string(executor.peak_memory),
            )
        })
        .collect();
    let columns = [
        "Executor",
        "Address",
        "Status",
        "Added",
        "Cores",
        "Active tasks",
        "Completed tasks",
        "Task time",
        "Written",
        "Peak memory",
    ];
    whole(&shown, "executors", &table(&columns, &rows, "No executor has registered yet."))
}

pub(super) async fn environment(State(shown): State<Shown>) -> Html<String> {
    let conf = shown.driver.conf();
    let rows: Vec<_> = conf
        .redacted()
        .map(|(key, value)| format!("<tr><td>{}</td><td>{}</td></tr>", escaped(key), escaped(value)))
        .collect();
    whole(&shown, "environment", &table(&["Property", "Value"], &rows, "No properties are set."))
}
