//! The time zone of pages that the server renders.

use automap_render::Zone;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::http::problem::Problem;

/// Which zone the times on a page are in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ZoneQuery {
    /// Minutes east of UTC; 0 when left out.
    #[schemars(range(min = -1440, max = 1440))]
    utc_offset_min: Option<i32>,
}

impl ZoneQuery {
    const MAX_MIN: i32 = 1440;

    pub(super) fn zone(&self) -> Result<Zone, Problem> {
        let minutes = self.utc_offset_min.unwrap_or(0);
        if minutes.abs() > Self::MAX_MIN {
            let detail = format!("{minutes} is not within -{0} to {0}", Self::MAX_MIN);
            return Err(Problem::bad_request("query parameter utc_offset_min", detail, "give minutes east of UTC"));
        }
        Ok(Zone::from_offset_s(60 * minutes))
    }
}
