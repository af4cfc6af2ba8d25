//! What a request passes before it reaches its handler, from the outside in: [`access_log`] names and records it, [`screen`] checks the host, the
//! origin and the rate, [`authenticate`] identifies the caller and checks that the role is sufficient for the route.

pub(crate) mod access_log;
pub(crate) mod authenticate;
pub(crate) mod screen;
