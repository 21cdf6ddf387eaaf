//! Folding of segments that differ under one parent into `:slug`: titles and names, which no mask
//! can tell from a route by their looks alone.
//!
//! The rule sees all routes together, after the merge, so it does not depend on the order of the
//! lines nor on how they were split. Going down from the root, at each parent:
//!
//! 1. Where more than [`WORDY_SIBLINGS`] children are titles (three words and more), those fold.
//! 2. Where more than [`WIDE`] children are left, those fold that do not stand out, which is to have
//!    at least [`OUTSTANDING`] times the requests of the median child.
//!
//! Children below a folded segment become siblings, so the next level is looked at after this one.

use std::collections::{BTreeMap, HashMap, HashSet};

/// The segment that stands for the folded ones.
pub const SLUG: &[u8] = b":slug";

/// Twenty titles under one parent are content. Chosen, not measured: an API with more than twenty
/// actions of three words each under one parent is rare, a blog with fewer posts is small enough to
/// list.
pub const WORDY_SIBLINGS: usize = 20;

/// Two hundred children of one parent are names, not routes. Chosen, not measured: far above the
/// resources of a large API, far below the users of a small one.
pub const WIDE: usize = 200;

/// What stands out among names is a route (or a name worth a row of its own): a scan's paths are
/// seen once or twice each, routes many times. Chosen, not measured.
pub const OUTSTANDING: u64 = 16;

/// Levels looked at; deeper segments stay.
const DEEPEST: usize = 16;

/// Which children of a wide parent keep their name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// Those that stand out, see [`OUTSTANDING`]: the rule of a report.
    Outstanding,
    /// Those above the median: at least half go, which is what a full table needs.
    AboveMedian,
}

/// What was folded.
#[derive(Debug, Default)]
pub struct Folds {
    /// The new route of each route that changes.
    pub routes: HashMap<Vec<u8>, Vec<u8>>,
    /// The parents (with a trailing slash) whose children folded by rule 2.
    pub wide: HashSet<Vec<u8>>,
}

/// Folds routes, each given once with its requests. Routes that a person named should not be given.
#[must_use]
pub fn fold<'r>(routes: impl IntoIterator<Item = (&'r [u8], u64)>, keep: Keep) -> Folds {
    struct Route<'r> {
        old: &'r [u8],
        segments: Vec<&'r [u8]>,
        requests: u64,
    }
    let mut routes: Vec<Route<'_>> = routes
        .into_iter()
        .filter(|(route, _)| route.first() == Some(&b'/'))
        .map(|(old, requests)| Route {
            old,
            segments: old[1..].split(|b| *b == b'/').collect(),
            requests,
        })
        .collect();
    let mut folds = Folds::default();
    for depth in 0..DEEPEST {
        // BTreeMap, so that nothing depends on the order of a hash.
        let mut parents: BTreeMap<Vec<u8>, BTreeMap<&[u8], u64>> = BTreeMap::new();
        let mut any = false;
        for route in &routes {
            if let Some(child) = route.segments.get(depth) {
                any = true;
                if !child.is_empty() && child.first() != Some(&b':') {
                    *parents
                        .entry(parent(&route.segments, depth))
                        .or_default()
                        .entry(child)
                        .or_default() += route.requests;
                }
            }
        }
        if !any {
            break;
        }
        let folded: HashMap<Vec<u8>, HashSet<&[u8]>> = parents
            .into_iter()
            .filter_map(|(parent, children)| {
                let (folded, wide) = folded_children(&children, keep);
                if wide {
                    folds.wide.insert(parent.clone());
                }
                (!folded.is_empty()).then_some((parent, folded))
            })
            .collect();
        if folded.is_empty() {
            continue;
        }
        for route in &mut routes {
            let Some(child) = route.segments.get(depth) else {
                continue;
            };
            if folded
                .get(&parent(&route.segments, depth))
                .is_some_and(|folded| folded.contains(child))
            {
                route.segments[depth] = SLUG;
            }
        }
    }
    for route in routes {
        let new = parent(&route.segments, route.segments.len());
        let new = &new[..new.len() - 1];
        if new != route.old {
            folds.routes.insert(route.old.to_vec(), new.to_vec());
        }
    }
    folds
}

/// The first `depth` segments with a slash before and behind each.
fn parent(segments: &[&[u8]], depth: usize) -> Vec<u8> {
    let mut parent = vec![b'/'];
    for segment in segments.iter().take(depth) {
        parent.extend_from_slice(segment);
        parent.push(b'/');
    }
    parent
}

/// The children that fold, and whether rule 2 was among the reasons.
fn folded_children<'r>(
    children: &BTreeMap<&'r [u8], u64>,
    keep: Keep,
) -> (HashSet<&'r [u8]>, bool) {
    let mut folded: HashSet<&[u8]> = children
        .keys()
        .copied()
        .filter(|child| is_title(child))
        .collect();
    if folded.len() <= WORDY_SIBLINGS {
        folded.clear();
    }
    let left: Vec<(&[u8], u64)> = children
        .iter()
        .filter(|(child, _)| !folded.contains(*child))
        .map(|(child, n)| (*child, *n))
        .collect();
    if left.len() <= WIDE {
        return (folded, false);
    }
    let mut requests: Vec<u64> = left.iter().map(|(_, requests)| *requests).collect();
    requests.sort_unstable();
    let median = requests[(requests.len() - 1) / 2];
    let least_kept = match keep {
        Keep::Outstanding => median.saturating_mul(OUTSTANDING),
        Keep::AboveMedian => median.saturating_add(1),
    };
    folded.extend(
        left.into_iter()
            .filter(|(_, requests)| *requests < least_kept)
            .map(|(child, _)| child),
    );
    (folded, true)
}

/// Three words and more, twelve bytes and more.
fn is_title(child: &[u8]) -> bool {
    let words = child
        .split(|b| matches!(b, b'-' | b'_' | b'+' | b'~'))
        .filter(|word| !word.is_empty())
        .count();
    let spaces = memchr::memmem::find_iter(child, b"%20").count();
    child.len() >= 12 && words + spaces >= 3
}

/// The route with its segments folded under parents that are known to be wide; `None` where none is.
#[must_use]
pub fn under_wide(route: &[u8], wide: &HashSet<Vec<u8>>) -> Option<Vec<u8>> {
    let mut folded = vec![b'/'];
    let mut changed = false;
    for segment in route.strip_prefix(b"/")?.split(|b| *b == b'/') {
        let fold = wide.contains(&folded) && !segment.is_empty() && segment.first() != Some(&b':');
        changed |= fold;
        folded.extend_from_slice(if fold { SLUG } else { segment });
        folded.push(b'/');
    }
    folded.pop();
    changed.then_some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(routes: &[(String, u64)]) -> BTreeMap<String, String> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        fold(
            routes.iter().map(|(route, n)| (route.as_bytes(), *n)),
            Keep::Outstanding,
        )
        .routes
        .iter()
        .map(|(old, new)| (text(old), text(new)))
        .collect()
    }

    fn words(n: usize) -> String {
        // Names without a digit, so that they are what is left after masking.
        let letter = |n: usize| char::from(b'a' + (n % 26) as u8);
        format!("{}{}{}", letter(n), letter(n / 26), letter(n / 676))
    }

    #[test]
    fn an_api_stays_as_it_is() {
        let routes: Vec<_> = (0..150)
            .map(|n| (format!("/api/{}/list", words(n)), 1))
            .collect();
        assert!(folded(&routes).is_empty());
        let actions: Vec<_> = (0..20)
            .map(|n| (format!("/api/get-all-{}", words(n)), 1))
            .collect();
        assert!(folded(&actions).is_empty());
    }

    #[test]
    fn titles_fold_and_their_children_meet() {
        let routes: Vec<_> = (0..30)
            .flat_map(|n| {
                let post = format!("/blog/the-story-of-{}", words(n));
                [(post.clone(), 1), (format!("{post}/comments"), 2)]
            })
            .chain([("/blog/about".to_owned(), 1)])
            .collect();
        let folds = folded(&routes);
        assert_eq!(folds.len(), 60);
        assert_eq!(folds["/blog/the-story-of-aaa"], "/blog/:slug");
        assert_eq!(
            folds["/blog/the-story-of-baa/comments"],
            "/blog/:slug/comments"
        );
    }

    #[test]
    fn routes_stand_out_from_a_scan() {
        let routes: Vec<_> = (0..300)
            .map(|n| (format!("/{}", words(n)), 1))
            .chain([("/login".to_owned(), 500)])
            .collect();
        let folds = folded(&routes);
        assert_eq!(folds.len(), 300);
        assert!(!folds.contains_key("/login"));
    }

    #[test]
    fn random_paths_fold_level_by_level() {
        let routes: Vec<_> = (0..300)
            .map(|n| (format!("/{}/{}", words(n), words(n + 7)), 1))
            .collect();
        assert!(
            folded(&routes)
                .values()
                .all(|route| route == "/:slug/:slug")
        );
    }

    #[test]
    fn a_late_child_of_a_wide_parent_folds_like_its_siblings() {
        let wide = HashSet::from([b"/".to_vec(), b"/a/:slug/".to_vec()]);
        let under = |route: &str| {
            under_wide(route.as_bytes(), &wide).map(|r| String::from_utf8(r).unwrap())
        };
        assert_eq!(under("/x/y").as_deref(), Some("/:slug/y"));
        assert_eq!(under("/:id/y"), None);
        assert_eq!(under("/"), None);
    }
}
