//! Labelled tab-separated values: `label:value` fields with tabs between, labels in any order.
//!
//! <http://ltsv.org>

use nom::bytes::complete::{tag, take_while1};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use super::key_order::KeyOrder;
use super::values::Values;
use crate::grammar::{Key, KeyedPlan};
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
    let (mut input, mut place) = (line, KeyOrder::START);
    loop {
        let (at_value, kept) = match order.expected(place, input) {
            Some((at_value, kept, next)) => {
                place = next;
                (at_value, kept)
            }
            None => {
                let (at_value, label) = gap(input, input.len() == line.len())?;
                let kept = plan.keys.get(label).copied();
                place = order.learn(place, &input[..input.len() - at_value.len()], kept);
                (at_value, kept)
            }
        };
        let length = scan::find(b'\t', at_value).unwrap_or(at_value.len());
        if let Some(Key::Column(field, column)) = kept {
            let start = line.len() - at_value.len();
            values.set_preferred((field, column), line, start, start + length);
        }
        input = at_value.get(length..).ok_or(())?;
        if input.is_empty() {
            return Ok(());
        }
    }
}

/// What stands between two values, or before the first: the input at the next value and its label.
fn gap(input: &[u8], is_first: bool) -> Result<(&[u8], &[u8]), ()> {
    let is_label = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    let labelled = terminated(take_while1(is_label), tag(&b":"[..]));
    let found: IResult<&[u8], &[u8], ()> = if is_first {
        let mut labelled = labelled;
        labelled.parse(input)
    } else {
        preceded(tag(&b"\t"[..]), labelled).parse(input)
    };
    found.map_err(drop)
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
