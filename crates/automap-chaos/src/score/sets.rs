//! Answers as sets: which of the faults are named, and is anything else named?
//!
//! Several faults may be in place at once, and an answer may name several causes. A cause is one service, or a pair that the measurements cannot
//! distinguish; a pair is one answer. An answer is right for a fault if it contains the service that was hit or, if the fault is on one connection,
//! the service at its other end. Each answer is right for at most one fault, and each fault is named at most once.
//!
//! - **Precision**: right answers, of all answers.
//! - **Recall**: faults that are named, of all faults.
//! - **Exact set**: questions in which every fault is named and nothing else is.
//!
//! Left out: the order of the answers, and how high a service that is not named was ranked; the rank measures those.

use serde::Serialize;

use super::share::Share;

/// A service with a fault.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FaultyService {
    /// The service that was hit.
    pub service: String,
    /// The other ends of its connection, if the fault is on one: naming one of them is equally right.
    pub other_ends: Vec<String>,
}

impl FaultyService {
    /// A fault that is not on a particular connection.
    pub fn new(service: impl Into<String>) -> Self {
        Self { service: service.into(), other_ends: Vec::new() }
    }

    fn is_in(&self, answer: &[String]) -> bool {
        answer.iter().any(|s| *s == self.service || self.other_ends.contains(s))
    }
}

/// One question: the number of faults, of answers, and of right answers.
///
/// ```
/// use automap_chaos::score::{FaultyService, SetScore, SetTotals};
///
/// let answers = |all: &[&[&str]]| -> Vec<Vec<String>> {
///     all.iter().map(|answer| answer.iter().map(|s| s.to_string()).collect()).collect()
/// };
/// // Two faults, and both are named: the second one as a pair.
/// let faults = [FaultyService::new("payment"), FaultyService::new("catalogue-db")];
/// let both = SetScore::of(&faults, &answers(&[&["payment"], &["catalogue", "catalogue-db"]]));
/// assert!(both.is_exact());
/// // The same faults, and one right and one wrong answer.
/// let half = SetScore::of(&faults, &answers(&[&["payment"], &["user"]]));
/// assert_eq!((half.faults, half.named, half.right, half.is_exact()), (2, 2, 1, false));
/// // And no answer: nothing wrong is said, nothing is found.
/// let none = SetScore::of(&faults, &[]);
/// let totals = SetTotals::of([both, half, none]);
/// assert_eq!((totals.precision.hits, totals.precision.of), (3, 4));
/// assert_eq!((totals.recall.hits, totals.recall.of), (3, 6));
/// assert_eq!((totals.exact.hits, totals.exact.of), (1, 3));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SetScore {
    /// Services with a fault.
    pub faults: usize,
    /// Causes that are named; a pair is one.
    pub named: usize,
    /// Named causes that are right, which is also the number of faults that are named.
    pub right: usize,
}

impl SetScore {
    /// Compares the named causes with the faults. O(faults · answers²).
    pub fn of(faults: &[FaultyService], answers: &[Vec<String>]) -> Self {
        let mut taken: Vec<Option<usize>> = vec![None; faults.len()];
        for answer in 0..answers.len() {
            place(answer, (faults, answers), &mut taken, &mut vec![false; faults.len()]);
        }
        Self { faults: faults.len(), named: answers.len(), right: taken.iter().flatten().count() }
    }

    /// Whether every fault is named and nothing else is.
    pub fn is_exact(self) -> bool {
        self.right == self.faults && self.right == self.named
    }
}

/// Assigns an answer to a fault for which it is right, and moves earlier answers to other faults if that makes room (Kuhn's matching).
fn place(
    answer: usize,
    all: (&[FaultyService], &[Vec<String>]),
    taken: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    let (faults, answers) = all;
    for (i, fault) in faults.iter().enumerate() {
        if tried[i] || !fault.is_in(&answers[answer]) {
            continue;
        }
        tried[i] = true;
        if taken[i].is_none_or(|other| place(other, all, taken, tried)) {
            taken[i] = Some(answer);
            return true;
        }
    }
    false
}

/// Many questions together. Intervals are Wilson's, as if faults and answers were independent of each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct SetTotals {
    /// Right answers, of all answers.
    pub precision: Share,
    /// Faults that are named, of all faults.
    pub recall: Share,
    /// Questions in which every fault is named and nothing else is, of all questions.
    pub exact: Share,
}

impl SetTotals {
    /// Sums the questions.
    pub fn of(all: impl IntoIterator<Item = SetScore>) -> Self {
        let (mut sum, mut exact, mut questions) = (SetScore::default(), 0, 0);
        for one in all {
            questions += 1;
            exact += usize::from(one.is_exact());
            sum.faults += one.faults;
            sum.named += one.named;
            sum.right += one.right;
        }
        Self {
            precision: Share::of(sum.right, sum.named),
            recall: Share::of(sum.right, sum.faults),
            exact: Share::of(exact, questions),
        }
    }

    /// In one line, for users.
    pub fn words(&self) -> String {
        format!(
            "as sets: precision {}, recall {}, exactly the faults in {}",
            self.precision.words(),
            self.recall.words(),
            self.exact.words()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(faults: &[(&str, &[&str])], answers: &[&[&str]]) -> (usize, bool) {
        let texts = |all: &[&str]| all.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let faults: Vec<FaultyService> = faults
            .iter()
            .map(|(service, ends)| FaultyService { other_ends: texts(ends), ..FaultyService::new(*service) })
            .collect();
        let score = SetScore::of(&faults, &answers.iter().map(|a| texts(a)).collect::<Vec<_>>());
        (score.right, score.is_exact())
    }

    #[test]
    fn a_pair_is_one_answer() {
        assert_eq!(score(&[("db", &[])], &[&["shop", "db"]]), (1, true));
        assert_eq!(score(&[("db", &[]), ("shop", &[])], &[&["shop", "db"]]), (1, false), "for one of two faults");
        assert_eq!(score(&[("db", &[])], &[&["shop"], &["db"]]), (1, false), "two answers, one of them wrong");
    }

    #[test]
    fn either_end_of_a_connection_is_right_and_only_once() {
        let fault: (&str, &[&str]) = ("orders", &["payment"]);
        assert_eq!(score(&[fault], &[&["payment"]]), (1, true));
        assert_eq!(score(&[fault], &[&["orders", "payment"]]), (1, true));
        assert_eq!(score(&[fault], &[&["orders"], &["payment"]]), (1, false));
    }

    /// The pair is right for both faults; it must leave `db` to the answer that is right only for that.
    #[test]
    fn answers_make_room_for_each_other() {
        let faults: [(&str, &[&str]); 2] = [("db", &[]), ("shop", &[])];
        assert_eq!(score(&faults, &[&["shop", "db"], &["db"]]), (2, true));
        assert_eq!(score(&faults, &[&["db"], &["shop", "db"]]), (2, true));
        assert_eq!(score(&faults, &[&["db"], &["db"]]), (1, false));
    }

    /// Without questions there is no share and the widest interval; questions without answers have no precision.
    #[test]
    fn nothing_asked_is_nothing_measured() {
        assert_eq!(SetTotals::of([]).exact.share, None);
        let silent = SetTotals::of([SetScore { faults: 2, named: 0, right: 0 }]);
        assert_eq!((silent.precision.share, silent.recall.share, silent.exact.share), (None, Some(0.0), Some(0.0)));
    }
}
