//! `--mesh`: what the side-cars are.

use automap_lab::mesh::Mesh;
use clap::{Args, ValueEnum};

/// Which of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// A proxy of automap's own that counts as Istio's does: nothing is needed.
    BuiltIn,
    /// Envoy with mutual TLS, which must be there.
    Envoy,
}

/// The option.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct MeshArgs {
    /// What the side-cars and the gateway of the lab are
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Choice::BuiltIn, help_heading = "Lab")]
    mesh: Choice,
}

impl MeshArgs {
    /// What was chosen.
    pub(crate) fn mesh(self) -> Mesh {
        match self.mesh {
            Choice::BuiltIn => Mesh::BuiltIn,
            Choice::Envoy => Mesh::Envoy,
        }
    }
}
