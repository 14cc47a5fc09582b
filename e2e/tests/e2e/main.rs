//! The end-to-end tests: `api_*` need an API server and the operator's binary, `run_*` a node and the images.

mod api_admission;
mod api_batch;
mod api_connect;
mod api_exposure;
mod api_input;
mod api_kinds;
mod api_manners;
mod api_namespace;
mod api_odd;
mod api_operator;
mod api_scale;
mod api_schedule;
mod api_upgrade;
mod run_allocation;
mod run_connect;
mod run_examples;
mod run_flights;
mod run_input;
mod run_loss;
mod run_python;
mod run_rdd;
mod run_spark;
