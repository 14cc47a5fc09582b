//! A server that runs is told how many executors it may have; its sessions go on.

use cerium_crds::connect::ValidatedConnect;
use cerium_crds::events as reasons;
use cerium_crds::scale::{SCALE_ANNOTATION, Scale};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::{ConnectError, Pass};
use crate::apply::scale::{self, Told};
use crate::events::Note;

impl Pass<'_> {
    /// Tells the server of this pod, unless it knows; returns what is to be told of that.
    pub(super) async fn scale(
        &self,
        pod: &Pod,
        valid: &ValidatedConnect,
    ) -> Result<Option<Note>, ConnectError> {
        let scale = Scale::of(&valid.application.conf);
        if pod.annotations().get(SCALE_ANNOTATION) == Some(&scale.to_string()) {
            return Ok(None);
        }
        let (client, name) = (&self.context.client, pod.name_any());
        let uid = pod.uid().unwrap_or_default();
        Ok(match scale::tell(client, &self.key.namespace, &name, &uid, &scale).await? {
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
}
