//! Temporary views: of a session, or of all sessions of the application.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use super::{Catalog, GLOBAL_TEMP, View, errors, fold};
use crate::analysis::scope::CaseRule;
use crate::error::{Result, SparkError};

impl Catalog {
    /// Adds a temporary view.
    pub fn create_view(
        &self,
        name: &[String],
        view: View,
        replace: bool,
        if_not_exists: bool,
        global: bool,
        case: CaseRule,
    ) -> Result<()> {
        let name = match name {
            [name] => fold(name, case),
            [schema, name] if global && schema.eq_ignore_ascii_case(GLOBAL_TEMP) => fold(name, case),
            _ => return Err(errors::temp_view_name(name)),
        };
        let add = |views: &mut BTreeMap<String, View>, shown: &[String]| {
            if views.contains_key(&name) && !replace {
                return if if_not_exists { Ok(()) } else { Err(SparkError::temp_view_exists(shown)) };
            }
            views.insert(name.clone(), view);
            Ok(())
        };
        if global {
            let mut views = self.shared.global.write().unwrap_or_else(PoisonError::into_inner);
            add(&mut views, std::slice::from_ref(&name))
        } else {
            self.write(|own| add(&mut own.views, std::slice::from_ref(&name)))
        }
    }

    /// Takes out a temporary view of this session; false if there is none.
    pub fn drop_temp_view(&self, name: &str, case: CaseRule) -> bool {
        self.write(|own| own.views.remove(&fold(name, case))).is_some()
    }

    /// Takes out a temporary view of the application; false if there is none.
    pub fn drop_global_temp_view(&self, name: &str, case: CaseRule) -> bool {
        let mut views = self.shared.global.write().unwrap_or_else(PoisonError::into_inner);
        views.remove(&fold(name, case)).is_some()
    }
}
