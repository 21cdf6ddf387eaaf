//! Which endpoint of one log is which of the other.

use std::collections::{HashMap, HashSet};

use crate::endpoint::fold::SLUG;
use crate::summary::{Block, Bucket, Endpoint, Shown, Summary};

/// Endpoints of both logs, of the first only, and of the second only.
pub(super) type Pairs = (Vec<(Endpoint, Endpoint)>, Vec<Endpoint>, Vec<Endpoint>);

/// Pairs endpoints of one name. Names are folded to `:slug` by how many there are, which may be in one log
/// only: then the names of the other are added up to it.
pub(super) fn pairs(before: &Summary, after: &Summary) -> Pairs {
    let mine = folded(&before.endpoints, &after.endpoints);
    let theirs = folded(&after.endpoints, &before.endpoints);
    let mut places: HashMap<Name, usize> = HashMap::new();
    for (at, endpoint) in theirs.iter().enumerate() {
        places.insert(name(endpoint), at);
    }
    let mut theirs: Vec<Option<Endpoint>> = theirs.into_iter().map(Some).collect();
    let (mut both, mut only_mine) = (Vec::new(), Vec::new());
    for endpoint in mine {
        let other = places.get(&name(&endpoint));
        match other.and_then(|at| theirs[*at].take()) {
            Some(other) => both.push((endpoint, other)),
            None => only_mine.push(endpoint),
        }
    }
    (both, only_mine, theirs.into_iter().flatten().collect())
}

/// Method, route and dimensions.
type Name = (Vec<u8>, Vec<u8>, Vec<Vec<u8>>);

fn name(endpoint: &Endpoint) -> Name {
    let Endpoint {
        method,
        route,
        dimensions,
        ..
    } = endpoint;
    (method.clone(), route.clone(), dimensions.clone())
}

/// The endpoints, those added up that are one in the other log.
fn folded(mine: &[Endpoint], theirs: &[Endpoint]) -> Vec<Endpoint> {
    let known: HashSet<Name> = theirs.iter().map(name).collect();
    let is_folded = |of: &&Endpoint| {
        let mut parts = of.route.split(|byte| *byte == b'/');
        parts.any(|part| part == SLUG)
    };
    let wide: Vec<(Shown, &Endpoint)> = theirs
        .iter()
        .filter(is_folded)
        .map(|of| (Shown::of(of), of))
        .collect();
    let mut places: HashMap<Name, usize> = HashMap::new();
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for endpoint in mine {
        let mut endpoint = endpoint.clone();
        if !known.contains(&name(&endpoint)) {
            let wide = wide.iter().find(|(shown, other)| {
                other.dimensions == endpoint.dimensions
                    && shown.is(&endpoint.method, &endpoint.route)
            });
            if let Some((_, other)) = wide {
                endpoint.route.clone_from(&other.route);
            }
        }
        match places.get(&name(&endpoint)) {
            Some(at) => add(&mut endpoints[*at], &endpoint),
            None => {
                places.insert(name(&endpoint), endpoints.len());
                endpoints.push(endpoint);
            }
        }
    }
    endpoints
}

fn add(sum: &mut Endpoint, endpoint: &Endpoint) {
    sum.absorb(endpoint);
    for (mine, theirs) in sum.runs.iter_mut().zip(&endpoint.runs) {
        if mine.is_empty() {
            mine.clone_from(theirs);
            continue;
        }
        // Blocks of one run are the same slices of time.
        mine.iter_mut()
            .zip(theirs)
            .for_each(|(mine, theirs)| add_block(mine, theirs));
    }
}

fn add_block(sum: &mut Block, block: &Block) {
    sum.requests += block.requests;
    sum.busy = sum.busy.saturating_add(block.busy);
    for (mine, theirs) in sum.errors.iter_mut().zip(block.errors) {
        *mine += theirs;
    }
    for (mine, theirs) in sum.times.iter_mut().zip(&block.times) {
        for bucket in theirs {
            match mine.binary_search_by_key(&bucket.low, |mine: &Bucket| mine.low) {
                Ok(at) => mine[at].count += bucket.count,
                Err(at) => mine.insert(at, *bucket),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(route: &str, requests: u64) -> Endpoint {
        Endpoint {
            method: b"GET".to_vec(),
            route: route.as_bytes().to_vec(),
            requests,
            ..Endpoint::default()
        }
    }

    #[test]
    fn names_that_one_log_folds_are_one_in_the_other() {
        let before = [
            named("/blog/one", 2),
            named("/blog/two", 3),
            named("/old", 1),
        ];
        let after = [named("/blog/:slug", 90), named("/new", 1)];
        let said = |of: Vec<Endpoint>| {
            let one = |of: Endpoint| (String::from_utf8(of.route).unwrap(), of.requests);
            of.into_iter().map(one).collect::<Vec<_>>()
        };
        assert_eq!(
            said(folded(&before, &after)),
            [("/blog/:slug".to_owned(), 5), ("/old".to_owned(), 1)]
        );
        assert_eq!(said(folded(&after, &before)).len(), 2);
    }
}
