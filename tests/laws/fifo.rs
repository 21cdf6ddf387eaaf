//! The FIFO reconstruction against queues whose truth is known: what it tells of each request is what a
//! simulation of the queue says, and what it cannot tell it does not tell.

use std::slice;

use proptest::prelude::*;
use slowpath::phases::Phase;
use slowpath::summary::{Doubt, Knowledge, Question, Refusal, Summary, TIMED, WaitModel};
use slowpath::unit::{Micros, Quantile};

use crate::entry::{Bytes, joined};
use crate::queue::{self, ENDPOINTS, Pool, Request};
use crate::reading::{Folder, Way, grammar, plan, summarise};

/// A question that asks for it.
pub fn question() -> Question {
    Question {
        memory: Question::MEMORY,
        wait_model: WaitModel::Fifo,
        ..Question::default()
    }
}

/// The log of requests to an upstream.
pub fn lines(requests: &[Request], upstream: &str) -> Vec<Bytes> {
    let lines = queue::lines(requests, upstream).into_iter();
    lines.map(|line| Bytes(line.into_bytes())).collect()
}

fn summary(lines: &[Bytes]) -> Summary {
    let folder = Folder::new();
    let file = folder.write("log", &joined(lines));
    let question = question();
    let plan = plan(&grammar("slowpath"), &question);
    summarise(slice::from_ref(&file), &plan, &question, Way::PLAIN)
}

/// The number that so many percent of others do not exceed, by sorting.
fn nearest_rank(mut values: Vec<u64>, percent: u64) -> u64 {
    values.sort_unstable();
    values[(values.len() * percent as usize).div_ceil(100).max(1) - 1]
}

fn compare(summary: &Summary, requests: &[Request]) -> Result<(), TestCaseError> {
    for (at, name) in ENDPOINTS.iter().enumerate() {
        let route = format!("/api/{name}/:id").into_bytes();
        let row = summary.endpoints.iter().find(|row| row.route == route);
        let row = row.unwrap();
        let of: Vec<&Request> = requests.iter().filter(|r| r.endpoint == at).collect();
        let times: [(Phase, Vec<u64>); 2] = [
            (Phase::Wait, of.iter().map(|r| r.wait * 1_000).collect()),
            (Phase::App, of.iter().map(|r| r.own * 1_000).collect()),
        ];
        for (phase, us) in times {
            let told = row.phase(phase).unwrap();
            prop_assert_eq!(told.count, us.len() as u64);
            prop_assert_eq!(told.sum, Micros(us.iter().sum()));
            prop_assert_eq!(told.min, Micros(*us.iter().min().unwrap()));
            prop_assert_eq!(told.max, Micros(*us.iter().max().unwrap()));
            for percent in [50, 95, 99] {
                let exact = nearest_rank(us.clone(), percent) as f64;
                let said = told.quantile(Quantile::percent(percent as u32)).value.0 as f64;
                prop_assert!(
                    (said - exact).abs() <= 0.004 * exact,
                    "{name} p{percent}: {said} {exact}"
                );
            }
        }
        // The cells say the same over time, and each request is in one of them.
        let cells = &row.history.cells;
        let of_cells = |timed: bool| {
            cells
                .iter()
                .filter(move |cell| (cell.upstream == TIMED) == timed)
        };
        let sum = |us: fn(&Request) -> u64| of.iter().map(|r| us(r) * 1_000).sum::<u64>();
        prop_assert_eq!(
            of_cells(true).map(|c| c.cell.time).sum::<u64>(),
            sum(|r| r.own)
        );
        prop_assert_eq!(
            of_cells(true).map(|c| c.cell.wait).sum::<u64>(),
            sum(|r| r.wait)
        );
        prop_assert_eq!(of_cells(false).map(|c| c.cell.served).sum::<u32>(), 0);
        prop_assert_eq!(
            of_cells(false).map(|c| c.cell.requests).sum::<u32>() as usize,
            of.len()
        );
    }
    Ok(())
}

fn pool(in_order: bool, requests: usize) -> impl Strategy<Value = Pool> {
    (any::<u64>(), 1..9_usize).prop_map(move |(seed, workers)| Pool {
        seed,
        workers,
        in_order,
        requests,
    })
}

proptest! {
    #![proptest_config(crate::cases(40))]

    #[test]
    fn a_queue_in_order_is_told_request_by_request(pool in pool(true, 4_000)) {
        let requests = pool.serve();
        let summary = summary(&lines(&requests, "10.0.0.1:80"));
        let fifo = summary.fifo.as_ref().unwrap();
        prop_assert_eq!(&fifo.refusal, &None);
        prop_assert_eq!(fifo.pools[0].workers, Some(pool.workers as u64));
        prop_assert_eq!((summary.split.wait, summary.split.by), (Knowledge::Inferred, Some("fifo")));
        compare(&summary, &requests)?;
        let busy: u64 = summary.upstreams[0].loads.iter().map(|load| load.busy).sum();
        prop_assert_eq!(busy, requests.iter().map(|r| r.own * 1_000).sum::<u64>());
    }

    #[test]
    fn a_queue_in_no_order_is_not_told(pool in pool(false, 4_000)) {
        prop_assume!(pool.workers > 1);
        let summary = summary(&lines(&pool.serve(), "10.0.0.1:80"));
        let refusal = summary.fifo.unwrap().refusal;
        let upstream = b"10.0.0.1:80".to_vec();
        prop_assert_eq!(refusal, Some(Refusal::Doubted { upstream, doubt: Doubt::NoEdge }));
        prop_assert_eq!(summary.split.wait, Knowledge::Unknown);
        prop_assert!(summary.totals.phase(Phase::Wait).is_none());
    }

    #[test]
    fn each_upstream_has_its_own_queue(one in pool(true, 4_000), other in pool(true, 4_000)) {
        let (mut requests, more) = (one.serve(), other.serve());
        let log = [lines(&requests, "10.0.0.1:80"), lines(&more, "10.0.0.2:80")].concat();
        let summary = summary(&log);
        let fifo = summary.fifo.as_ref().unwrap();
        prop_assert_eq!(&fifo.refusal, &None);
        let mut workers: Vec<u64> = fifo.pools.iter().filter_map(|pool| pool.workers).collect();
        workers.sort_unstable();
        let mut expected = [one.workers as u64, other.workers as u64];
        expected.sort_unstable();
        prop_assert_eq!(workers, expected);
        requests.extend(more);
        compare(&summary, &requests)?;
    }
}
