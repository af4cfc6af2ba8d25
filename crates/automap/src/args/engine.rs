//! How causes are ranked: options that several verbs share, and their defaults.

use anyhow::Result;
use automap_core::DiagnoseOptions;
use automap_core::graph::{Congestion, Knowledge, Subtraction};
use automap_core::independence::CiTest;
use automap_core::rank::Engine;
use automap_core::rank::automap::{Attraction, AutomapOptions, Start, WalkOn};
use automap_core::rank::metric_weights::ConfirmedCase;
use automap_core::rank::walk::Solver;
use clap::{Args, ValueEnum};

use super::parse::share;
#[cfg(feature = "server")]
use crate::store::StoreArgs;

/// Which engine ranks causes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineChoice {
    /// Evidence from every series, explained away along the calls: the most accurate one.
    Evidence,
    /// AutoMAP: behaviour graph learnt from the data, and a heuristic random walk.
    Automap,
    /// Both, side by side.
    All,
}

impl EngineChoice {
    /// The engines, the default one first.
    pub(crate) fn engines(self) -> &'static [Engine] {
        match self {
            Self::Evidence => &[Engine::Evidence],
            Self::Automap => &[Engine::Automap],
            Self::All => &Engine::ALL,
        }
    }
}

/// Choices of the AutoMAP engine.
#[derive(Args, Clone, Debug)]
pub(crate) struct EngineArgs {
    /// Use the settings of the paper instead of the most accurate ones; the options below still apply
    #[arg(long, help_heading = "Engine automap")]
    paper: bool,
    /// Prior knowledge of the graph [default: calls]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Engine automap")]
    knowledge: Option<KnowledgeChoice>,
    /// Independence test [default: fisher-z]
    #[arg(long, value_enum, value_name = "TEST", help_heading = "Engine automap")]
    test: Option<TestChoice>,
    /// Significance level of the test, 0 to 1 [default: 0.05]
    #[arg(long, value_name = "LEVEL", value_parser = share, help_heading = "Engine automap")]
    alpha: Option<f64>,
    /// Graph to walk on [default: anomaly]
    #[arg(long, value_enum, value_name = "GRAPH", help_heading = "Engine automap")]
    walk_on: Option<WalkOnChoice>,
    /// How to subtract normal behaviour [default: weighted]
    #[arg(long, value_enum, value_name = "HOW", help_heading = "Engine automap")]
    subtraction: Option<SubtractionChoice>,
    /// Congestion measure: throughput over latency, or times latency [default: power]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Engine automap")]
    congestion: Option<CongestionChoice>,
    /// What attracts the walk [default: evidence]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Engine automap")]
    attraction: Option<AttractionChoice>,
    /// Where the walk begins [default: scores]
    #[arg(long, value_enum, value_name = "WHERE", help_heading = "Engine automap")]
    start: Option<StartChoice>,
    /// ρ, weight of a step back, 0 to 1 [default: 0.2]
    #[arg(long, value_name = "RHO", value_parser = share, help_heading = "Engine automap")]
    backward: Option<f64>,
    /// β, weight of the present step in a second-order walk, 0 to 1 [default: 1]
    #[arg(long, value_name = "BETA", value_parser = share, help_heading = "Engine automap")]
    second_order: Option<f64>,
    /// Probability of a restart, 0 to 1 [default: 0.5]
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Engine automap")]
    restart: Option<f64>,
    /// Walk at random with this seed instead of computing the visits
    #[arg(long, value_name = "SEED", help_heading = "Engine automap")]
    monte_carlo: Option<u64>,
    #[cfg(feature = "server")]
    #[command(flatten)]
    store: StoreArgs,
    #[cfg(feature = "server")]
    /// Do not learn from confirmed incidents
    #[arg(long, help_heading = "Engine automap")]
    no_history: bool,
}

impl EngineArgs {
    /// All options of a diagnosis by this engine.
    pub(crate) fn diagnose_options(&self, engine: Engine) -> DiagnoseOptions {
        DiagnoseOptions { engine, automap: self.automap_options(), ..DiagnoseOptions::default() }
    }

    /// Which store to use.
    #[cfg(feature = "server")]
    pub(crate) fn store(&self) -> &StoreArgs {
        &self.store
    }

    /// Confirmed incidents for the engine to learn from; none without a store, or if it does not use them.
    #[cfg(feature = "server")]
    pub(crate) fn history(&self, engine: Engine) -> Result<Vec<ConfirmedCase>> {
        if engine != Engine::Automap || self.no_history {
            return Ok(Vec::new());
        }
        Ok(self.store.open_existing()?.map_or_else(|| Ok(Vec::new()), |opened| opened.store.confirmed())?)
    }

    /// Confirmed incidents for the engine to learn from: none, as this build has no store.
    #[cfg(not(feature = "server"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same signature as with a store")]
    pub(crate) fn history(&self, _: Engine) -> Result<Vec<ConfirmedCase>> {
        Ok(Vec::new())
    }

    fn automap_options(&self) -> AutomapOptions {
        let mut options = if self.paper { AutomapOptions::paper() } else { AutomapOptions::default() };
        let (graph, walk) = (&mut options.graph, &mut options.walk);
        set(&mut graph.knowledge, self.knowledge.map(Into::into));
        set(&mut graph.independence.test, self.test.map(Into::into));
        set(&mut graph.skeleton.alpha, self.alpha);
        set(&mut graph.congestion, self.congestion.map(Into::into));
        set(&mut walk.backward, self.backward);
        set(&mut walk.second_order, self.second_order);
        set(&mut walk.restart, self.restart);
        set(&mut walk.solver, self.monte_carlo.map(|seed| Solver::MonteCarlo { seed }));
        set(&mut options.walk_on, self.walk_on.map(Into::into));
        set(&mut options.subtraction, self.subtraction.map(Into::into));
        set(&mut options.attraction, self.attraction.map(Into::into));
        set(&mut options.start, self.start.map(Into::into));
        options
    }
}

fn set<T>(slot: &mut T, choice: Option<T>) {
    if let Some(choice) = choice {
        *slot = choice;
    }
}

/// A choice on the command line that stands for one of the core's options.
macro_rules! choice {
    ($(#[$doc:meta])* $name:ident for $target:ident { $($(#[$variant_doc:meta])* $variant:ident => $value:expr),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
        enum $name { $($(#[$variant_doc])* $variant),+ }

        impl From<$name> for $target {
            fn from(choice: $name) -> Self {
                match choice { $($name::$variant => $value),+ }
            }
        }
    };
}

choice!(
    /// See [`Knowledge`].
    KnowledgeChoice for Knowledge {
        /// Only the data.
        None => Knowledge::None,
        /// The call graph.
        Calls => Knowledge::Calls,
    }
);
choice!(
    /// See [`CiTest`].
    TestChoice for CiTest {
        /// Partial correlation of normal scores.
        FisherZ => CiTest::FisherZ,
        /// G-test on three quantile bins.
        GSquare => CiTest::GSquare { bins: 3 },
    }
);
choice!(
    /// See [`WalkOn`].
    WalkOnChoice for WalkOn {
        /// The incident's graph minus normal behaviour.
        Anomaly => WalkOn::Anomaly,
        /// The incident's graph.
        Incident => WalkOn::Incident,
        /// The graph of the baseline.
        Normal => WalkOn::Normal,
        /// Only the calls.
        Calls => WalkOn::Calls,
    }
);
choice!(
    /// See [`Subtraction`].
    SubtractionChoice for Subtraction {
        /// Subtract the weights.
        Weighted => Subtraction::Weighted,
        /// Remove every edge and metric that the baseline has too.
        Set => Subtraction::Set,
    }
);
choice!(
    /// See [`Congestion`].
    CongestionChoice for Congestion {
        /// Throughput over latency.
        Power => Congestion::Power,
        /// Throughput times latency.
        Concurrency => Congestion::Concurrency,
    }
);
choice!(
    /// See [`Attraction`].
    AttractionChoice for Attraction {
        /// Correlation with the violated service.
        Correlation => Attraction::Correlation,
        /// Evidence that the service changed.
        Evidence => Attraction::Evidence,
    }
);
choice!(
    /// See [`Start`].
    StartChoice for Start {
        /// The violated service.
        Entry => Start::Entry,
        /// Every service, by its attraction.
        Scores => Start::Scores,
    }
);
