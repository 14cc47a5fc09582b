//! For tests: an API server in memory, with resource versions, UIDs and a power switch.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use kube::Client;
use serde_json::{Value, json};

/// Where the process is cut off from the API server for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Before this write (counted from 0) reaches the API server.
    Before(usize),
    /// After it was carried out, before the answer arrives.
    After(usize),
}

/// What the API server holds and what was asked of it.
#[derive(Default)]
pub struct World {
    /// By plural, namespace and name.
    pub objects: BTreeMap<(String, String, String), Value>,
    /// Every write that was carried out, as `POST pods/pi-driver`.
    pub writes: Vec<String>,
    /// Submission ids of the driver pods that were created.
    pub drivers: Vec<String>,
    pub cut: Option<Cut>,
    /// Answers given instead of carrying out a write: what it starts with, code, reason, message.
    pub refuse: Option<(&'static str, u16, &'static str, &'static str)>,
    /// Fields of a status that the definition of its kind does not know.
    pub unknown: &'static [&'static str],
    begun: usize,
    off: bool,
    versions: u64,
}

/// The API server; clones are the same one.
#[derive(Clone, Default)]
pub struct FakeApi(Arc<Mutex<World>>);

impl FakeApi {
    pub fn client(&self) -> Client {
        Client::new(Router::new().fallback(serve).with_state(self.clone()), "ns")
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    /// The process starts again: the API server is there and will stay.
    pub fn restart(&self) {
        let mut world = self.world();
        world.off = false;
        world.cut = None;
    }

    pub fn is_cut_off(&self) -> bool {
        self.world().off
    }

    pub fn put(&self, plural: &str, mut object: Value) {
        let mut world = self.world();
        world.stamp(&mut object, true);
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        world.objects.insert((plural.to_owned(), "ns".to_owned(), name), object);
    }

    pub fn get(&self, plural: &str, name: &str) -> Option<Value> {
        self.world().objects.get(&(plural.to_owned(), "ns".to_owned(), name.to_owned())).cloned()
    }

    pub fn remove(&self, plural: &str, name: &str) {
        self.world().objects.remove(&(plural.to_owned(), "ns".to_owned(), name.to_owned()));
    }
}

async fn serve(State(api): State<FakeApi>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(Body::new(body), usize::MAX).await.unwrap();
    let body: Value = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    let path: Vec<&str> = parts.uri.path().split('/').collect();
    let at = path.iter().position(|part| *part == "namespaces").unwrap();
    let (namespace, plural) = (path[at + 1], path[at + 2]);
    if parts.method == Method::GET && path.len() == at + 3 {
        return api.world().list(plural, namespace, parts.uri.query().unwrap_or_default());
    }
    let name = path.get(at + 3).copied().unwrap_or_else(|| body["metadata"]["name"].as_str().unwrap());
    let key = (plural.to_owned(), namespace.to_owned(), name.to_owned());
    let subresource = path.get(at + 4).copied();
    api.world().answer(&parts.method, key, subresource, body)
}

impl World {
    /// Cuts the process off at a write counted from now on.
    pub fn cut_from_now(&mut self, cut: Cut) {
        self.cut = Some(match cut {
            Cut::Before(write) => Cut::Before(self.begun + write),
            Cut::After(write) => Cut::After(self.begun + write),
        });
    }

    fn stamp(&mut self, object: &mut Value, new: bool) {
        self.versions += 1;
        object["metadata"]["resourceVersion"] = json!(self.versions.to_string());
        if new {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.versions));
            object["metadata"]["creationTimestamp"] = json!("2027-01-15T08:00:00Z");
        }
    }

    /// All objects of a kind that carry the label of the query's selector, if there is one.
    fn list(&self, plural: &str, namespace: &str, query: &str) -> Response {
        if self.off {
            return status(500, "InternalError", "cut off");
        }
        let query = query.replace("%2F", "/").replace("%3D", "=");
        let selector = query.split('&').find_map(|part| part.strip_prefix("labelSelector="));
        let wanted = selector.and_then(|selector| selector.split_once('='));
        let of_kind = self.objects.iter().filter(|((kind, ns, _), _)| kind == plural && ns == namespace);
        let items: Vec<&Value> = of_kind
            .map(|(_, object)| object)
            .filter(|object| wanted.is_none_or(|(key, value)| object["metadata"]["labels"][key] == *value))
            .collect();
        axum::Json(json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items}))
            .into_response()
    }

    fn answer(
        &mut self,
        method: &Method,
        key: (String, String, String),
        subresource: Option<&str>,
        body: Value,
    ) -> Response {
        if self.off {
            return status(500, "InternalError", "cut off");
        }
        if method == Method::GET {
            return match self.objects.get(&key) {
                Some(object) => axum::Json(object.clone()).into_response(),
                None => status(404, "NotFound", "not found"),
            };
        }
        let line = format!(
            "{method} {}/{}{}",
            key.0,
            key.2,
            subresource.map(|s| format!("/{s}")).unwrap_or_default()
        );
        let number = self.begun;
        // Events are no steps: losing one changes nothing.
        let counts = key.0 != "events";
        if counts {
            self.begun += 1;
            if self.cut == Some(Cut::Before(number)) {
                self.off = true;
                return status(500, "InternalError", "cut off");
            }
        }
        if let Some((start, code, reason, message)) = self.refuse
            && line.starts_with(start)
        {
            return status(code, reason, message);
        }
        let answer = self.write(method, key, subresource, body);
        if counts && answer.status().is_success() {
            self.writes.push(line);
        }
        if counts && self.cut == Some(Cut::After(number)) {
            self.off = true;
            return status(500, "InternalError", "cut off");
        }
        answer
    }

    fn write(
        &mut self,
        method: &Method,
        key: (String, String, String),
        subresource: Option<&str>,
        mut body: Value,
    ) -> Response {
        let found = self.objects.get(&key).cloned();
        match *method {
            Method::POST => {
                if found.is_some() {
                    return status(409, "AlreadyExists", "already exists");
                }
                if key.0 == "pods" {
                    let id = &body["metadata"]["labels"]["sparkoperator.k8s.io/submission-id"];
                    self.drivers.push(id.as_str().unwrap().to_owned());
                    body["status"] = json!({"phase": "Pending"});
                }
                self.stamp(&mut body, true);
                self.objects.insert(key, body.clone());
                axum::Json(body).into_response()
            }
            Method::PUT => {
                let Some(mut object) = found else { return status(404, "NotFound", "not found") };
                if object["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] {
                    return status(409, "Conflict", "the object has been modified");
                }
                if subresource == Some("status") {
                    let mut status = body["status"].take();
                    if let Some(fields) = status.as_object_mut() {
                        fields.retain(|field, _| !self.unknown.contains(&field.as_str()));
                    }
                    object["status"] = status;
                } else {
                    for part in ["data", "spec"] {
                        object[part] = body[part].take();
                    }
                    object["metadata"]["annotations"] = body["metadata"]["annotations"].take();
                }
                self.stamp(&mut object, false);
                self.objects.insert(key, object.clone());
                axum::Json(object).into_response()
            }
            Method::DELETE => {
                let Some(object) = found else { return status(404, "NotFound", "not found") };
                let wanted = &body["preconditions"]["uid"];
                if !wanted.is_null() && *wanted != object["metadata"]["uid"] {
                    return status(409, "Conflict", "the UID in the precondition does not match");
                }
                self.objects.remove(&key);
                axum::Json(object).into_response()
            }
            _ => status(405, "MethodNotAllowed", "method not allowed"),
        }
    }
}

fn status(code: u16, reason: &str, message: &str) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "code": code, "reason": reason, "message": message,
    });
    (StatusCode::from_u16(code).unwrap(), axum::Json(body)).into_response()
}
