// One endpoint in full.
function endpointView(at) {
  const endpoint = report.endpoints[at];
  const section = byId("endpoint");
  byId("endpoint-title").textContent = nameOf(endpoint);
  const course = extra.courses[at];
  const body = byId("endpoint-body");
  const numbers = [`${count(endpoint.requests)} requests`, `${count(endpoint.errors_4xx)} 4xx`, `${count(endpoint.errors_5xx)} 5xx`,
    `${count(endpoint.censored)} cut off`, `${count(endpoint.upgraded)} tunnels and streams`,
    `${duration(endpoint.busy_us)} busy (${share(endpoint.busy_us, report.totals.busy_us)} of all)`];
  body.replaceChildren(
    ...Object.entries(endpoint.dimensions || {}).filter(([name]) => !name.endsWith("_b64")).map(([name, value]) => el("p", {}, `${name}: ${shown(value)}`)),
    el("p", {}, numbers.join(", ")), phases(endpoint),
    el("div", { class: "columns" }, curves(course), bands(course)), ...slowest(endpoint), ...mentions(endpoint));
  section.hidden = false;
  section.focus({ preventScroll: true });
  section.scrollIntoView();
}

function phases(endpoint) {
  const names = Object.keys(endpoint.phases.total || Object.values(endpoint.phases)[0] || {}).filter((name) => /^p[\d_]+_us$/.test(name)).map((name) => name.slice(0, -3));
  const heads = ["phase", "count", "sum", "min", ...names.map((name) => name.replace("_", ".")), "max"];
  const rows = Object.entries(endpoint.phases).map(([name, phase]) => el("tr", {}, [name, count(phase.count), duration(phase.sum_us), duration(phase.min_us),
    ...names.map((one) => quantileText(phase, one)), duration(phase.max_us)].map((text) => el("td", {}, text))));
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Phases" }, el("table", { id: "phases" },
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, rows)));
}

// Duration by percentile; the further to the right, the rarer, each step a tenth of the one before.
const CURVES = { total: "a", app: "b", server: "b", wait: "c", upstream: "e" };
function curves(course) {
  const drawn = course ? Object.entries(course.curves).filter(([name]) => CURVES[name] && !(name === "server" && course.curves.app)) : [];
  const values = drawn.flatMap(([, points]) => points.map(([, us]) => us)).filter((us) => us > 0);
  if (!values.length) return null;
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(Math.ceil(Math.log10(Math.max(...values))), low + 1);
  const [left, height, last] = [62, 200, 4];
  const x = (part) => left + (Math.min(-Math.log10(Math.max(1 - part, 10 ** -last)), last) / last) * (560 - left - 10);
  const y = (us) => 8 + height - ((Math.log10(Math.max(us, 10 ** low)) - low) / (high - low)) * height;
  const root = svg("svg", { viewBox: `0 0 560 ${height + 30}`, role: "img", "aria-label": "Percentile curves" });
  for (let step = low; step <= high; step += 1) {
    root.append(svg("line", { class: "grid", x1: left, x2: 550, y1: y(10 ** step), y2: y(10 ** step) }));
    root.append(svg("text", { x: left - 6, y: y(10 ** step) + 4, "text-anchor": "end" }, duration(10 ** step)));
  }
  for (const [part, text] of [[0, "0"], [0.5, "50"], [0.9, "90"], [0.99, "99"], [0.999, "99.9"], [0.9999, "99.99 %"]]) {
    root.append(svg("text", { x: x(part), y: height + 24, "text-anchor": part > 0.9995 ? "end" : "middle" }, text));
  }
  const names = { a: "strong", b: "work", c: "wait", e: "rest" };
  for (const [name, points] of drawn) {
    const path = points.map(([part, us], n) => `${n ? "L" : "M"}${x(part).toFixed(1)} ${y(us).toFixed(1)}`).join("");
    root.append(svg("path", { class: `line ${CURVES[name]}`, d: path }));
  }
  return el("div", {}, el("h3", {}, "Percentiles"), legend(...drawn.map(([name]) => [names[CURVES[name]], name])), root);
}

function slowest(endpoint) {
  if (!endpoint.slowest || !endpoint.slowest.length) return [];
  return [el("h3", {}, "Slowest requests"), ...endpoint.slowest.map((request) =>
    el("pre", {}, `${duration(request.total_us)}  ${shown(request.line)}`))];
}

function mentions(endpoint) {
  const found = report.findings.map((finding, at) => [finding, at]).filter(([finding]) => finding.endpoints.some((one) => key(one) === key(endpoint)));
  if (!found.length) return [];
  return [el("h3", {}, "In findings"), el("ul", {}, found.map(([finding, at]) => el("li", {}, el("a", { href: `#finding-${at + 1}` }, shown(finding.title)))))];
}
