pub fn calibrate(seeds: std::ops::Range<u64>, design: crate::world::Design) {
    use slowpath::gate::{comparison::Comparison, rules::Rules};
    let (mut z, mut se, mut tau, mut det) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()], Vec::new(), [Vec::new(), Vec::new()]);
    let mut iid = Vec::new();
    for seed in seeds {
        let drawn = crate::world::draw(seed, design, crate::world::Change::None);
        let rules = Rules::default();
        let c = Comparison::new(&drawn.traffic, &rules);
        tau.push(c.between.unwrap().variance.sqrt());
        for (e, of) in c.statistics.iter().enumerate() {
            for s in of {
                let at = usize::from(s.part != slowpath::gate::score::Part::Bulk);
                z[at].push(s.shift / s.error.deviation);
                se[at].push(s.error.deviation);
                det[at].push(s.detectable);
            }
            let _ = e;
        }
        iid.push(c.statistics.len() as f64);
    }
    for at in 0..2 {
        let sd = (z[at].iter().map(|z| z * z).sum::<f64>() / z[at].len() as f64).sqrt();
        let mean = se[at].iter().sum::<f64>() / se[at].len() as f64;
        let d = det[at].iter().sum::<f64>() / det[at].len() as f64;
        let big = z[at].iter().filter(|z| **z > 2.5).count() as f64 / z[at].len() as f64;
        println!("part {at}: sd z {sd:.3}, P(z>2.5) {big:.5} mean se {mean:.4} detectable {d:.3}");
    }
    println!("tau {:.4}", tau.iter().sum::<f64>() / tau.len() as f64);
}
