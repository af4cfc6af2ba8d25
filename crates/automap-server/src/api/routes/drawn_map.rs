//! A service map with the positions of everything in a drawing, for both kinds of map routes.

use automap_core::service_map::ServiceMap;
use automap_render::map::{PlacedMap, placed};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which part of a map.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Scope {
    /// What the incident touches, and its neighbours; every service where it touches none.
    #[default]
    Affected,
    /// Every service.
    All,
}

/// A map, and where everything of it goes.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DrawnMap {
    /// The services and what connects them.
    map: ServiceMap,
    /// Where they go.
    placed: PlacedMap,
    /// Services that are known and not part of this map.
    folded: usize,
}

impl DrawnMap {
    /// A part of a map, placed. Cost: that of the layout.
    pub(super) fn of(map: &ServiceMap, scope: Scope) -> Self {
        let part = match scope {
            Scope::Affected => map.affected(),
            Scope::All => map.clone(),
        };
        Self::part_of(map, part)
    }

    /// One service and its neighbours, placed.
    pub(super) fn around(map: &ServiceMap, service: &str) -> Self {
        Self::part_of(map, map.around(|node| node.service == service))
    }

    fn part_of(map: &ServiceMap, part: ServiceMap) -> Self {
        Self { placed: placed(&part), folded: map.nodes.len() - part.nodes.len(), map: part }
    }
}
