//! json
use super::View;
/// Renders the view.
#[must_use] pub fn render(_view: &View<'_>) -> String { String::new() }
