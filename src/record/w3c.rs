//! W3C's extended log format: values in the order that the `#Fields` line before them says.
//!
//! <https://www.w3.org/TR/WD-logfile.html>. IIS writes blanks inside values as `+`, CloudFront puts
//! tabs between values; both write `-` for nothing. A server that starts anew writes a new `#Fields`
//! line in the middle of a file, often with other fields.

use super::values::Values;
use crate::grammar::{Field, KeyedPlan};
use crate::scan;

/// What a line of directives begins with.
pub(super) const FIELDS: &[u8] = b"#Fields:";

/// The order in force.
#[derive(Debug, Default)]
pub(super) struct Order(Vec<Option<(Field, u8)>>);

impl Order {
    /// The order of these names.
    pub(super) fn of<'n>(plan: &KeyedPlan, names: impl Iterator<Item = &'n [u8]>) -> Order {
        let column = |name| plan.key(KeyedPlan::LINE, name).column;
        Order(names.map(column).collect())
    }

    /// The order of a `#Fields` line; `None` for any other line.
    pub(super) fn of_line(plan: &KeyedPlan, line: &[u8]) -> Option<Order> {
        let names = words(line.strip_prefix(FIELDS)?);
        Some(Order::of(plan, names))
    }
}

/// The words of a line that says an order.
pub(super) fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| matches!(byte, b' ' | b'\t'))
        .filter(|word| !word.is_empty())
}

/// Finds the values that the plan keeps.
///
/// # Errors
/// The line has not as many values as the order.
#[inline]
pub(super) fn read(order: &Order, line: &[u8], values: &mut Values) -> Result<(), ()> {
    // Values that are separated by tabs may hold blanks.
    let separator = if memchr::memchr(b'\t', line).is_some() {
        b'\t'
    } else {
        b' '
    };
    // CloudFront ends some lines with a tab.
    let line = line.strip_suffix(b"\t").unwrap_or(line);
    let mut start = 0;
    let mut columns = order.0.iter();
    for end in scan::every(separator, line).chain([line.len()]) {
        let column = columns.next().ok_or(())?;
        if let Some(column) = column {
            values.set_preferred(*column, line, start, end);
        }
        start = end + 1;
    }
    if columns.next().is_some() || order.0.is_empty() {
        Err(())
    } else {
        Ok(())
    }
}
