//! Labs in the window, as plain data: what there is to read, what was predicted, and what came out.

/// A guided experiment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabSheet {
    /// For [`Launcher::settle`](crate::Launcher::settle).
    pub id: String,
    /// A few words.
    pub title: String,
    /// What is to be found out.
    pub question: String,
    /// Markdown, to be read before.
    pub before: String,
    /// What may be predicted, and what is said of it afterwards.
    pub choices: Vec<(String, String)>,
    /// The one that comes out, from 0.
    pub right: usize,
    /// What settles it: title, and the scenario to open.
    pub runs: Vec<(String, String)>,
    /// What to notice afterwards.
    pub notice: Vec<String>,
    /// Markdown, to be read afterwards.
    pub deeper: String,
    /// Whether it was predicted rightly at an earlier time.
    pub done: bool,
}

/// What became of the runs that settle a lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settling {
    /// Which; empty before any was begun.
    pub lab: String,
    /// How far it is.
    pub state: SettlingState,
}

/// How far a lab is settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SettlingState {
    /// Nothing was asked for.
    #[default]
    Idle,
    /// So many of so many episodes; in words where something is measured.
    Running {
        /// Done.
        done: usize,
        /// Of so many.
        of: usize,
        /// What goes on.
        what: String,
    },
    /// It is settled.
    Settled {
        /// A line for each run.
        runs: Vec<String>,
        /// The conditions.
        checks: Vec<LabCheck>,
        /// What became of the answer; empty if it is kept.
        trouble: String,
    },
    /// It could not be run: why and what to do.
    Failed(String),
}

/// A condition of a lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabCheck {
    /// What it means.
    pub what: String,
    /// Whether it holds; `None` where that cannot be told here.
    pub holds: Option<bool>,
    /// What was found, and what else to know.
    pub found: String,
}

/// Where somebody stands in the labs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabDesk {
    /// Whether they are shown.
    pub open: bool,
    /// All of them.
    pub sheets: Vec<LabSheet>,
    /// The one that is read.
    pub picked: Option<usize>,
    /// What was predicted, from 0.
    pub predicted: Option<usize>,
    /// Whether its runs were asked for: from then on the prediction stands.
    pub asked: bool,
}

impl LabDesk {
    /// The one that is read.
    pub fn sheet(&self) -> Option<&LabSheet> {
        self.picked.and_then(|i| self.sheets.get(i))
    }

    /// Opens one, or goes back to the list.
    pub(crate) fn pick(&mut self, which: Option<usize>) {
        self.picked = which.filter(|i| *i < self.sheets.len());
        self.predicted = None;
        self.asked = false;
    }

    /// Takes a prediction, as long as it is one.
    pub(crate) fn predict(&mut self, choice: usize) {
        if !self.asked && self.sheet().is_some_and(|sheet| choice < sheet.choices.len()) {
            self.predicted = Some(choice);
        }
    }

    /// Notes what was settled: a lab that was predicted rightly is done.
    pub(crate) fn follow(&mut self, settling: &Settling) {
        let (Some(i), Some(predicted)) = (self.picked, self.predicted) else { return };
        if let Some(sheet) = self.sheets.get_mut(i)
            && self.asked
            && sheet.id == settling.lab
            && matches!(settling.state, SettlingState::Settled { .. })
        {
            sheet.done |= predicted == sheet.right;
        }
    }
}
