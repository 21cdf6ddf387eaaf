//! A timeline cut down to as many cells as there is room for.

use crate::summary::Window;
use crate::unit::Micros;

/// Windows added up into cells of equal width.
pub(super) struct Cells {
    /// The width of a cell.
    pub(super) width: Micros,
    /// The cells in the order of time, those without a record too.
    pub(super) cells: Vec<Option<Window>>,
}

/// Adds windows of this width up into at most `most` cells; no cells where there are no windows.
pub(super) fn cells(windows: &[Window], width: Micros, most: usize) -> Cells {
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else {
        return Cells {
            width,
            cells: Vec::new(),
        };
    };
    let most = most.max(1) as i128;
    let step = i128::from(width.0.max(1));
    let windows_from =
        |window: &Window| (i128::from(window.from.0) - i128::from(first.from.0)) / step;
    let span = windows_from(last) + 1;
    // Whole windows to a cell, so that no cell is cheated of a part of one.
    let per_cell = (span + most - 1) / most;
    // OK because there are at most `most` cells.
    let mut cells: Vec<Option<Window>> = vec![None; ((span + per_cell - 1) / per_cell) as usize];
    let width = Micros(width.0.saturating_mul(per_cell as u64));
    for window in windows {
        let at = (windows_from(window) / per_cell) as usize;
        match cells.get_mut(at) {
            Some(Some(sum)) => sum.absorb(window),
            // The first window of a cell with a record in it may begin later than the cell.
            Some(empty) => {
                let from = first.from.after(Micros(width.0.saturating_mul(at as u64)));
                *empty = Some(Window {
                    from,
                    ..window.clone()
                });
            }
            None => {}
        }
    }
    Cells { width, cells }
}
