//! Labelled tab-separated values: `label:value` fields with tabs between, labels in any order.
//!
//! <http://ltsv.org>

use nom::bytes::complete::{tag, take_while1};
use nom::combinator::cond;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::key_order::{Behind, Inside, KeyOrder, Kind, Place};
use super::values::Values;
use crate::grammar::KeyedPlan;
use crate::scan;

/// Finds the values of the labels that the plan keeps.
///
/// # Errors
/// The line holds a field without a label.
#[inline]
pub(super) fn read(
    plan: &KeyedPlan,
    order: &mut KeyOrder,
    line: &[u8],
    values: &mut Values,
) -> Result<(), ()> {
    let (mut place, mut at) = (order.start(), 0);
    loop {
        let behind;
        (place, behind, at) = match order.expected(place, line, at) {
            Some(found) => found,
            None => unexpected(plan, order, place, line, at)?,
        };
        let end = scan::find_from(b'\t', line, at).unwrap_or(line.len());
        if let Some(column) = behind.kept {
            values.set_preferred(column, line, at, end);
        }
        if end == line.len() {
            return Ok(());
        }
        at = end;
    }
}

/// Reads what stands between two values, or before the first, and remembers it.
#[inline(never)]
fn unexpected<'o>(
    plan: &KeyedPlan,
    order: &'o mut KeyOrder,
    place: Place,
    line: &[u8],
    at: usize,
) -> Result<(Place, &'o Behind, usize), ()> {
    let input = line.get(at..).ok_or(())?;
    let is_label = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let mut labelled = preceded(
        cond(at > 0, tag(&b"\t"[..])),
        terminated(take_while1(is_label), tag(&b":"[..])),
    );
    let found: IResult<&[u8], &[u8], ()> = labelled.parse(input);
    let (left, label) = found.map_err(drop)?;
    let behind = Behind::in_line(Kind::Bare, plan.key(KeyedPlan::LINE, label));
    let gap = &input[..input.len() - left.len()];
    let place = order.learn(place, gap, Inside::LINE, behind);
    Ok((place, order.behind(place).ok_or(())?, at + gap.len()))
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
        let (mut order, mut values) = (KeyOrder::default(), Values::new(&plan));
        assert_eq!(read(keyed, &mut order, line, &mut values), Ok(()));
        assert_eq!(values.text(Field::Target, line), Some(&b"/a:b"[..]));
        assert_eq!(values.text(Field::Total, line), Some(&b"0.5"[..]));
        assert_eq!(
            read(keyed, &mut order, b"no label here", &mut values),
            Err(())
        );
        assert_eq!(
            read(keyed, &mut order, b"http://x\ty", &mut values),
            Err(())
        );
    }
}
