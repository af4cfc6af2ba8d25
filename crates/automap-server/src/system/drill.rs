//! Drills that can be started from here: faults that are injected on purpose, to see whether their cause is found.
//!
//! automap only reads: a server has no stage, needs no right to change anything, and refuses to start a drill with the reason. A process that runs on
//! a system that may be broken gets a stage, as `automap demo --live --keep` has with its own shop. An [`super::ExperimentSource`] knows what was
//! injected.

use std::fmt::Debug;

use schemars::JsonSchema;
use serde::Serialize;

use super::SystemError;

/// A place where faults can be injected, and the faults that are ready for it.
pub trait DrillStage: Debug + Send + Sync {
    /// Its name for people: `the shop of this demo`.
    fn place(&self) -> &str;

    /// The faults that can be injected, in the order in which they are offered.
    fn drills(&self) -> &[Drill];

    /// The faults that are in place now. May block.
    ///
    /// # Errors
    /// Why that is unknown, for people.
    fn in_place(&self) -> Result<Vec<DrillInPlace>, String>;

    /// Injects a drill of [`Self::drills`]; returns when it is in place. May block.
    ///
    /// # Errors
    /// Why it was not injected, for people. Nothing of it is in place then.
    fn start(&self, drill: &Drill) -> Result<(), String>;

    /// Removes everything that is in place. May block.
    ///
    /// # Errors
    /// Why it was not removed, for people.
    fn end(&self) -> Result<(), String>;
}

/// A fault that can be injected.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Drill {
    /// Its name: `delay-payment`.
    pub name: String,
    /// What it does: `NetworkChaos delay`.
    pub fault: String,
    /// The services that it hits.
    pub places: Vec<String>,
    /// After how many seconds it ends by itself; `null`: it happens once, such as a pod that is killed.
    pub lasts_s: Option<f64>,
}

/// A fault that is in place.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct DrillInPlace {
    /// Its name.
    pub name: String,
    /// What it does.
    pub fault: String,
    /// The services that it hits.
    pub places: Vec<String>,
    /// In how many seconds it ends by itself; `null` where that depends on what it hit.
    pub left_s: Option<f64>,
}

/// What can be injected, and what is in place.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Drills {
    /// Where, for people; `null` where nothing can be injected from here, as automap only reads.
    pub place: Option<String>,
    /// What can be injected.
    pub drills: Vec<Drill>,
    /// What is in place now.
    pub in_place: Vec<DrillInPlace>,
}

impl Drills {
    /// The offer of a stage; empty if there is none.
    ///
    /// # Errors
    /// [`SystemError::Unavailable`] if it does not answer.
    pub fn of(stage: Option<&dyn DrillStage>) -> Result<Self, SystemError> {
        let Some(stage) = stage else { return Ok(Self { place: None, drills: Vec::new(), in_place: Vec::new() }) };
        let in_place = stage.in_place().map_err(|message| unavailable(stage, message))?;
        Ok(Self { place: Some(stage.place().to_owned()), drills: stage.drills().to_vec(), in_place })
    }

    /// Injects one, if nothing is in place: two at once would be scored as one.
    ///
    /// # Errors
    /// As [`Self::of`]; [`SystemError::NotFound`] if there is none of this name; [`SystemError::Refused`] if another is in place, or there is no
    /// stage.
    pub fn start(stage: Option<&dyn DrillStage>, name: &str) -> Result<Self, SystemError> {
        let stage = stage.ok_or_else(no_stage)?;
        let drill = stage.drills().iter().find(|drill| drill.name == name);
        let drill = drill.ok_or_else(|| SystemError::NotFound { what: "drill", name: name.to_owned() })?;
        if let Some(other) = Self::of(Some(stage))?.in_place.first() {
            return Err(SystemError::Refused {
                message: format!("{} is still in place", other.name),
                next: "wait until it is over, or end it".to_owned(),
            });
        }
        stage.start(drill).map_err(|message| unavailable(stage, message))?;
        Self::of(Some(stage))
    }

    /// Removes what is in place.
    ///
    /// # Errors
    /// As [`Self::of`]; [`SystemError::Refused`] if there is no stage.
    pub fn end(stage: Option<&dyn DrillStage>) -> Result<Self, SystemError> {
        let stage = stage.ok_or_else(no_stage)?;
        stage.end().map_err(|message| unavailable(stage, message))?;
        Self::of(Some(stage))
    }
}

fn no_stage() -> SystemError {
    SystemError::Refused {
        message: "nothing can be injected from here: automap only reads, and has no right to break anything".to_owned(),
        next: "start it with `automap drill`, which has rights of its own; `automap demo --live --keep` has a shop to break"
            .to_owned(),
    }
}

fn unavailable(stage: &dyn DrillStage, message: String) -> SystemError {
    SystemError::Unavailable { place: stage.place().to_owned(), message }
}
