//! What a server that runs is told: how many executors it may have; and what is remembered of one that another operator
//! made. Its sessions go on.

use cerium_crds::connect::ValidatedConnect;
use cerium_crds::scale::{SCALE_ANNOTATION, Scale};
use cerium_crds::{events as reasons, labels};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::{ConnectError, Pass};
use crate::apply::annotate::{Told, annotate};
use crate::events::Note;

impl Pass<'_> {
    /// Tells the server of this pod what it does not know; returns what is to be told of that.
    pub(super) async fn tell(
        &self,
        pod: &Pod,
        valid: &ValidatedConnect,
    ) -> Result<Option<Note>, ConnectError> {
        if !pod.annotations().contains_key(labels::CONNECT_FINGERPRINT) {
            return self.adopt(pod, valid).await;
        }
        let scale = Scale::of(&valid.application.conf).to_string();
        match pod.annotations().get(SCALE_ANNOTATION) {
            // Made by another operator: nobody listens.
            None => return Ok(None),
            Some(known) if *known == scale => return Ok(None),
            Some(_) => {}
        }
        let name = pod.name_any();
        Ok(match self.annotate(pod, SCALE_ANNOTATION, &scale).await? {
            Told::Done => {
                let message = format!("server pod {name} goes on with {scale}");
                Some(Note::new(reasons::CONNECT_SCALED, message))
            }
            Told::Refused(why) => {
                let message = format!("server pod {name} keeps the number of executors it has: {why}");
                Some(Note { warning: true, ..Note::new(reasons::CONNECT_SCALED, message) })
            }
            Told::Gone => None,
        })
    }

    /// Takes the specification as the one this server was made from: only a later change replaces it.
    async fn adopt(&self, pod: &Pod, valid: &ValidatedConnect) -> Result<Option<Note>, ConnectError> {
        let name = pod.name_any();
        Ok(match self.annotate(pod, labels::CONNECT_FINGERPRINT, &valid.fingerprint).await? {
            Told::Done => {
                let message = format!(
                    "server pod {name} of another operator goes on until it ends or the specification changes"
                );
                Some(Note::new(reasons::CONNECT_SERVER_ADOPTED, message))
            }
            Told::Refused(why) => {
                let message = format!("server pod {name} of another operator cannot be marked: {why}");
                Some(Note { warning: true, ..Note::new(reasons::CONNECT_SERVER_ADOPTED, message) })
            }
            Told::Gone => None,
        })
    }

    async fn annotate(&self, pod: &Pod, key: &str, value: &str) -> Result<Told, ConnectError> {
        let uid = pod.uid().unwrap_or_default();
        let (client, namespace) = (&self.context.client, &self.key.namespace);
        Ok(annotate(client, namespace, &pod.name_any(), &uid, (key, value)).await?)
    }
}
