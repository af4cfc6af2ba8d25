//! The long-running part of automap: it watches targets, keeps their incidents in a store, notifies receivers, and answers the API and MCP.
//!
//! [`daemon`] starts everything. [`system`] is the boundary between what answers questions ([`live_system`], from [`watcher`] and [`store`])
//! and what asks them ([`api`], [`mcp`]).

mod address;
pub mod alerts;
mod analysed;
pub mod api;
pub mod auth;
pub mod changes;
pub mod config;
pub mod daemon;
mod dossiers;
mod gate;
pub mod lead;
pub mod live_system;
pub mod mcp;
pub mod mutes;
pub mod notify;
pub mod owners;
mod percent;
pub mod profiles;
pub mod prometheus_source;
pub mod recorded_system;
pub mod remote;
pub mod replica;
pub mod secret;
pub mod signals;
pub mod snapshots;
pub mod startup;
pub mod stop;
pub mod store;
pub mod system;
mod threads;
pub mod watcher;
pub mod weak_settings;
