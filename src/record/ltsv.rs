//! Labelled tab-separated values: `label:value` fields with tabs between, labels in any order.
//!
//! <http://ltsv.org>

use memchr::memchr;

use super::values::Values;
use crate::grammar::KeyedPlan;

/// Finds the values of the labels that the plan keeps.
///
/// # Errors
/// The line holds a field without a label.
#[inline]
pub(super) fn read(plan: &KeyedPlan, line: &[u8], values: &mut Values) -> Result<(), ()> {
    let mut start = 0;
    loop {
        let rest = line.get(start..).ok_or(())?;
        let end = start + memchr(b'\t', rest).unwrap_or(rest.len());
        let field = line.get(start..end).ok_or(())?;
        let colon = memchr(b':', field).ok_or(())?;
        let label = field.get(..colon).ok_or(())?;
        if label.is_empty()
            || !label
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
        {
            return Err(());
        }
        if let Some(column) = plan.keys.get(label) {
            values.set_preferred(*column, start + colon + 1, end);
        }
        if end == line.len() {
            return Ok(());
        }
        start = end + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::{Field, Fields, Layout, builtin};

    #[test]
    fn labels_come_in_any_order_and_values_hold_colons() {
        let plan = builtin::find("ltsv").unwrap().grammars[0].plan(Fields::ALL);
        let Layout::Ltsv(keyed) = &plan.layout else {
            unreachable!()
        };
        let line = b"unknown:x\turi:/a:b\tmethod:GET\treqtime:0.5";
        let mut values = Values::default();
        assert_eq!(read(keyed, line, &mut values), Ok(()));
        assert_eq!(values.text(Field::Target, line), Some(&b"/a:b"[..]));
        assert_eq!(values.text(Field::Total, line), Some(&b"0.5"[..]));
        assert_eq!(read(keyed, b"no label here", &mut values), Err(()));
        assert_eq!(read(keyed, b"http://x\ty", &mut values), Err(()));
    }
}
