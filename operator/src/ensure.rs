//! Makes objects of which only one may be there, or brings those that are there up to date. May be repeated after a
//! crash: names are fixed, and what is there already is recognised by its owner.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::apply::{ApplyError, already_exists, refusal};
use crate::error::ApiFailure;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ensured {
    /// The object is as it should be.
    Done,
    /// An owner of the same name was deleted a moment ago, and its object is about to follow.
    Vanishing,
    /// An object of this name belongs to something else.
    Foreign,
    /// The API server refuses, in its own words.
    Refused(String),
    /// The API server knows no such kind, or no such namespace, in its own words.
    Unknown(String),
}

/// Makes the object. If it is there already and ours, `adjust` lays what is wanted over it and says whether that
/// changed anything.
///
/// # Errors
/// The API server cannot be reached, or somebody else wrote in between.
pub async fn ensure<K>(
    api: &Api<K>,
    kind: &'static str,
    wanted: &K,
    adjust: impl Fn(&mut K, &K) -> bool,
) -> Result<Ensured, ApplyError>
where
    K: Resource + Clone + Debug + DeserializeOwned + Serialize,
{
    let name = wanted.name_any();
    let write = |error: kube::Error| {
        let unknown = ApiFailure::of(&error) == ApiFailure::NotFound;
        match refusal(error) {
            Ok(text) if unknown => Ok(Ensured::Unknown(text)),
            Ok(text) => Ok(Ensured::Refused(text)),
            Err(source) => Err(ApplyError::Write { kind, name: name.clone(), source }),
        }
    };
    match api.create(&PostParams::default(), wanted).await {
        Ok(_) => return Ok(Ensured::Done),
        Err(error) if already_exists(&error) => {}
        Err(error) => return write(error),
    }
    let found = api.get_opt(&name).await;
    let found = found.map_err(|source| ApplyError::Read { kind, name: name.clone(), source })?;
    // Gone in this moment: once more when its owner is looked at again.
    let Some(mut found) = found else { return Ok(Ensured::Vanishing) };
    if found.owner_references() != wanted.owner_references() {
        let same_names = names(found.owner_references()) == names(wanted.owner_references());
        let vanishing = found.meta().deletion_timestamp.is_some() || same_names;
        return Ok(if vanishing { Ensured::Vanishing } else { Ensured::Foreign });
    }
    if !adjust(&mut found, wanted) {
        return Ok(Ensured::Done);
    }
    match api.replace(&name, &PostParams::default(), &found).await {
        Ok(_) => Ok(Ensured::Done),
        Err(error) => write(error),
    }
}

/// Kinds and names without UIDs.
fn names(owners: &[OwnerReference]) -> Vec<(&str, &str)> {
    owners.iter().map(|owner| (owner.kind.as_str(), owner.name.as_str())).collect()
}
