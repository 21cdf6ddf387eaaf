// Latency as colour: of each endpoint over time, and of one endpoint by band of duration.
const STEPS = [1e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7];
const shade = (us) => `h${STEPS.filter((step) => us >= step).length}`;

function heat() {
  const body = byId("heat-body");
  const rows = extra.courses.map((course, at) => [course, at]).filter(([course]) => course.cells.length).slice(0, 24);
  if (!rows.length || !extra.columns) {
    body.append(el("p", { class: "soft" }, "The log has no times, or no durations, to show a course."));
    return;
  }
  body.append(el("p", { class: "soft" }, `The mean time of a request in each stretch of ${duration(extra.column_us)}, by the time at which it arrived: waiting and at work, without the way to the client. Choose a row to see the endpoint in full.`));
  body.append(legend(["h0", "< 1 ms"], ...STEPS.map((step, at) => [`h${at + 1}`, `≥ ${step >= 1e6 ? `${step / 1e6} s` : `${step / 1e3} ms`}`])));
  const names = NARROW ? 150 : 260;
  const line = 20;
  const cell = (WIDTH - names) / extra.columns;
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${rows.length * line + 20}`, role: "group", "aria-label": "Latency of each endpoint over time" });
  rows.forEach(([course, at], row) => {
    const name = nameOf(report.endpoints[at]);
    const worst = Math.max(...course.cells.map(([, , us]) => us));
    const link = svg("a", { href: `#endpoint-${at}`, "aria-label": `${label(name, NARROW ? 24 : 40)}, slowest stretch ${duration(worst)}` });
    link.append(svg("title", {}, name));
    link.append(svg("text", { class: "strong", x: names - 8, y: row * line + 14, "text-anchor": "end" }, fit(name, NARROW ? 24 : 40)));
    for (const [column, requests, us] of course.cells) {
      link.append(svg("rect", { class: shade(us), x: (names + column * cell).toFixed(1), y: row * line + 1, width: (cell + 0.3).toFixed(1), height: line - 2, "data-requests": requests }));
    }
    root.append(link);
  });
  const begin = Date.parse(extra.begin);
  const end = begin + (extra.columns * extra.column_us) / 1000;
  const stage = { begin, end, x: (ms) => names + ((ms - begin) / (end - begin)) * (WIDTH - names) };
  axis(root, stage, rows.length * line + 15);
  body.append(root);
  if (extra.courses.length > rows.length) body.append(el("p", { class: "soft" }, `The ${rows.length} endpoints with the most busy time.`));
}

// Both ends of a long name.
const fit = (text, most) => (text.length <= most ? text : `${text.slice(0, most / 2)}…${text.slice(text.length - most / 2 + 1)}`);

// What a picture's link is called: what is seen of a long name first, then the whole.
const label = (name, most) => (fit(name, most) === name ? name : `${fit(name, most)}, ${name}`);

// One endpoint: the longest durations on top.
function bands(course) {
  if (!course || !course.bands.length) return null;
  const used = course.bands.map(([, band]) => band);
  const low = Math.min(...used);
  const high = Math.max(...used);
  const left = 62;
  const line = 16;
  const cell = (560 - left) / extra.columns;
  const height = (high - low + 1) * line;
  const root = svg("svg", { viewBox: `0 0 560 ${height + 20}`, role: "img", "aria-label": "Requests by duration over time" });
  const whole = new Map();
  for (const [column, , n] of course.bands) whole.set(column, (whole.get(column) || 0) + n);
  for (let band = low; band <= high; band += 1) {
    const us = extra.bands[band];
    root.append(svg("text", { x: left - 6, y: (high - band) * line + 12, "text-anchor": "end" }, us ? `≥ ${duration(us).replace(/\.0+ /, " ")}` : "< 1 ms"));
  }
  for (const [column, band, n] of course.bands) {
    const part = n / whole.get(column);
    const strength = part > 0.5 ? 1 : part > 0.2 ? 0.75 : part > 0.05 ? 0.5 : 0.3;
    root.append(svg("rect", { class: shade(extra.bands[band] || 1), "fill-opacity": strength, x: (left + column * cell).toFixed(1), y: (high - band) * line, width: (cell + 0.3).toFixed(1), height: line - 1 }));
  }
  const begin = Date.parse(extra.begin);
  const end = begin + (extra.columns * extra.column_us) / 1000;
  axis(root, { begin, end, x: (ms) => left + ((ms - begin) / (end - begin)) * (560 - left) }, height + 15);
  return el("div", {}, el("h3", {}, "Durations over time"), el("p", { class: "soft" }, `Estimated from ${count(course.sampled)} requests chosen at random, of ${count(course.stands_for)}; the stronger the colour, the larger the part of its stretch.`), root);
}
