//! `--stores`: what runs in the pods of stores and broker.

use automap_lab::stores::Stores;
use clap::{Args, ValueEnum};

/// Which of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// Small servers of automap's own: nothing is needed.
    StandIn,
    /// MariaDB, PostgreSQL (in place of MongoDB), Redis and RabbitMQ with their exporters, which must be there.
    Real,
}

/// The option.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct StoresArgs {
    /// What runs as stores and broker of the lab
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Choice::StandIn, help_heading = "Lab")]
    stores: Choice,
}

impl StoresArgs {
    /// What was chosen.
    pub(crate) fn stores(self) -> Stores {
        match self.stores {
            Choice::StandIn => Stores::StandIn,
            Choice::Real => Stores::Real,
        }
    }
}
