//! Calls of functions on places.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

use super::invocation::{Call, Param};
use crate::analysis::operator::scalar_call;
use crate::analysis::{Named, constant};
use crate::error::Result;
use crate::functions::geo as kernels;
use crate::types::Geo;

pub(super) fn call(call: &Call<'_>) -> Result<Option<Named>> {
    let target =
        |geo: Geo| -> Result<Expr> { Ok(Expr::Literal(ScalarValue::try_from(&geo.data_type())?, None)) };
    match call.name {
        "st_geogfromwkb" | "st_geomfromwkb" => {
            call.arity(1, 1)?;
            let geo = match call.name {
                "st_geogfromwkb" => Geo { geography: true, srid: 4326 },
                _ => Geo { geography: false, srid: 0 },
            };
            let args = vec![call.param(0, Param::Bytes)?, target(geo)?];
            call.named(scalar_call(kernels::FROM_WKB.function(), args))
        }
        "st_setsrid" => {
            call.arity(2, 2)?;
            let (place, geo) = place(call)?;
            let srid = call.param(1, Param::Int)?;
            // A constant becomes part of the type.
            let constant = if srid.column_refs().is_empty() { constant::fold(&srid).ok() } else { None };
            let own = match constant {
                Some(ScalarValue::Int32(Some(srid))) if !kernels::is_known(geo.geography, srid) => {
                    return Err(kernels::unknown(srid));
                }
                Some(ScalarValue::Int32(Some(srid))) => srid,
                _ => Geo::ANY,
            };
            let to = target(Geo { srid: own, ..geo })?;
            call.named(scalar_call(kernels::SET_SRID.function(), vec![place, srid, to]))
        }
        "st_srid" | "st_asbinary" => {
            call.arity(1, 1)?;
            let kernel = if call.name == "st_srid" { &kernels::SRID } else { &kernels::AS_BINARY };
            call.named(scalar_call(kernel.function(), vec![place(call)?.0]))
        }
        _ => Ok(None),
    }
}

/// The first argument, which must be a place.
fn place(call: &Call<'_>) -> Result<(Expr, Geo)> {
    match Geo::of(&call.data_type(0)?) {
        Some(geo) => Ok((call.expr(0)?, geo)),
        None => Err(call.unexpected(0, "(\"GEOMETRY\" or \"GEOGRAPHY\")")),
    }
}
