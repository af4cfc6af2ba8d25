//! What the side-cars are: this project's proxy, or real Envoys.
//!
//! Envoy is located, never installed. Its side-cars present certificates of an authority that the lab creates at its start.

pub(crate) mod certificates;

use std::path::PathBuf;

use crate::programs::Programs;

/// The kind of the side-cars and of the gateway.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mesh {
    /// The proxy of this project.
    #[default]
    BuiltIn,
    /// Envoy, configured as Istio does.
    Envoy,
}

/// There is no Envoy.
#[derive(Debug, thiserror::Error)]
#[error(
    "real side-cars need envoy, which is not in the PATH; install it (https://www.envoyproxy.io/docs/envoy/latest/start/install), have it \
     fetched without installing anything (scripts/get-envoy.sh target/envoy, then PATH=$PATH:target/envoy automap lab up …), or take the \
     lab's own side-cars: --mesh built-in"
)]
pub struct NoEnvoy;

impl Mesh {
    /// The program of the side-cars; `None`: this one.
    ///
    /// # Errors
    /// When it is not in the `PATH`.
    pub fn program(self, programs: &Programs) -> Result<Option<PathBuf>, NoEnvoy> {
        match self {
            Self::BuiltIn => Ok(None),
            Self::Envoy => programs.find(&["envoy"]).map(Some).ok_or(NoEnvoy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_envoy_is_told_with_the_ways_out() {
        let dir = tempfile::tempdir().unwrap();
        let programs = Programs::in_folder(dir.path());
        assert_eq!(Mesh::BuiltIn.program(&programs).unwrap(), None);
        let words = Mesh::Envoy.program(&programs).unwrap_err().to_string();
        assert!(words.contains("scripts/get-envoy.sh") && words.contains("--mesh built-in"), "{words}");
        std::fs::write(dir.path().join("envoy"), "").unwrap();
        assert_eq!(Mesh::Envoy.program(&programs).unwrap(), Some(dir.path().join("envoy")));
    }
}
