//! Exit codes, and which one counts where several apply.

/// How the program ended, in rising order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    /// All is well.
    Fine,
    /// The gate cannot decide.
    Undecided,
    /// The gate found a regression.
    Regression,
    /// Usage, I/O, an input that could not be read whole, or no line that fits.
    Trouble,
    /// Stopped by SIGINT, after printing what was read.
    Interrupted,
    /// Stopped by SIGTERM, likewise.
    Terminated,
    /// A broken invariant of the tool itself.
    Broken,
}

impl Exit {
    /// The code.
    pub fn code(self) -> u8 {
        match self {
            Exit::Fine => 0,
            Exit::Regression => 1,
            Exit::Trouble => 2,
            Exit::Undecided => 3,
            Exit::Broken => 70,
            Exit::Interrupted => 130,
            Exit::Terminated => 143,
        }
    }

    /// Both ends together.
    pub fn and(self, other: Exit) -> Exit {
        self.max(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graver_end_counts() {
        assert_eq!(Exit::Fine.and(Exit::Trouble).code(), 2);
        assert_eq!(Exit::Undecided.and(Exit::Fine).code(), 3);
        assert_eq!(Exit::Undecided.and(Exit::Regression).code(), 1);
        assert_eq!(Exit::Regression.and(Exit::Trouble).code(), 2);
        assert_eq!(Exit::Interrupted.and(Exit::Trouble).code(), 130);
        assert_eq!(Exit::Broken.and(Exit::Terminated).code(), 70);
    }
}
