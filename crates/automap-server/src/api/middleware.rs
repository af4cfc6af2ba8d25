//! What a request passes before it reaches its handler, from the outside in: [`access_log`] names and records it, [`screen`] checks the host,
//! the origin and the rate, [`authenticate`] finds out who asks and whether the role is enough for the route.

pub(crate) mod access_log;
pub(crate) mod authenticate;
pub(crate) mod screen;
