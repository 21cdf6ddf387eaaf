// The table of endpoints: sort, search, filter. Its state is in the address, so that a view can be sent.
const HELD = 200;
const state = { sort: "busy", up: false, search: "", method: "", errors: false, named: false, all: false };
const inFindings = new Set(report.findings.flatMap((finding) => finding.endpoints.map(key)));

const columns = [
  { id: "endpoint", head: "endpoint", value: nameOf, cell: (e, at) => el("a", { href: `#endpoint-${at}` }, nameOf(e)) },
  { id: "requests", head: "requests", value: (e) => e.requests, text: (e) => count(e.requests) },
  { id: "busy", head: "busy", value: (e) => e.busy_us, text: (e) => share(e.busy_us, report.totals.busy_us) },
  { id: "errors", head: "errors", value: (e) => e.errors_4xx + e.errors_5xx, text: (e) => count(e.errors_4xx + e.errors_5xx) },
  ...(report.totals.phases.wait && known("wait") ? phaseColumns("wait") : []),
  ...(work ? phaseColumns(work) : []),
  ...(report.totals.phases.total ? phaseColumns("total").slice(work ? 2 : 0) : []),
  { id: "bar", head: "time", value: (e) => sum(e, "total"), cell: bar },
];

function phaseColumns(phase) {
  return ["p50", "p95", "p99"].map((name) => ({
    id: `${phase}.${name}`, head: `${phase} ${name}`, value: (e) => quantile(e.phases[phase], name), text: (e) => quantileText(e.phases[phase], name),
  }));
}

const sum = (endpoint, phase) => (endpoint.phases[phase] ? endpoint.phases[phase].sum_us : 0);

// Wait, work and the rest of the whole time.
function bar(endpoint) {
  const total = sum(endpoint, "total");
  const root = svg("svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", role: "img" });
  if (!total) return "";
  const wait = endpoint.phases.app ? sum(endpoint, "wait") : 0;
  const worked = endpoint.phases.app ? sum(endpoint, "app") : work ? sum(endpoint, work) : 0;
  const parts = [["wait", wait], ["work", worked], ["rest", Math.max(total - wait - worked, 0)]];
  root.setAttribute("aria-label", parts.map(([name, us]) => `${name} ${share(us, total)}`).join(", "));
  let at = 0;
  for (const [style, us] of parts) {
    const width = Math.min((100 * us) / total, 100 - at);
    root.append(svg("rect", { class: style, x: at, width, height: 10 }));
    at += width;
  }
  return root;
}

function table() {
  const head = el("tr", {}, columns.map((column) => el("th", { scope: "col", "data-column": column.id }, el("button", { type: "button" }, column.head))));
  byId("table").append(el("caption", { hidden: "" }, "Endpoints"), el("thead", {}, head), el("tbody", {}));
  head.addEventListener("click", (event) => {
    const cell = event.target.closest("th");
    if (!cell) return;
    const id = cell.dataset.column;
    state.up = state.sort === id ? !state.up : id === "endpoint";
    state.sort = id;
    remember();
    rows();
  });
  const methods = [...new Set(report.endpoints.map((endpoint) => endpoint.method))].sort();
  for (const method of methods) byId("method").append(el("option", { value: methods.indexOf(method) }, shown(method) || "(none)"));
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
  byId("controls").addEventListener("input", () => {
    state.search = byId("search").value;
    state.method = byId("method").value;
    state.errors = byId("errors").checked;
    state.named = byId("named").checked;
    remember();
    rows();
  });
  byId("named").disabled = !inFindings.size;
  byId("more").addEventListener("click", () => {
    state.all = true;
    rows();
  });
  state.methods = methods;
}

function matches(endpoint) {
  return (!state.search || nameOf(endpoint).toLowerCase().includes(state.search.toLowerCase())) &&
    (state.method === "" || endpoint.method === state.methods[state.method]) &&
    (!state.errors || endpoint.errors_5xx > 0) &&
    (!state.named || inFindings.has(key(endpoint)));
}

function rows() {
  const column = columns.find((one) => one.id === state.sort) || columns[2];
  const found = report.endpoints.map((endpoint, at) => [endpoint, at]).filter(([endpoint]) => matches(endpoint));
  const way = state.up ? 1 : -1;
  // Unknown comes last, either way; among equals the order of the report holds.
  const compare = (a, b) => (a === null || b === null ? (a === null) - (b === null) : a < b ? -way : a > b ? way : 0);
  found.sort(([a, m], [b, n]) => compare(column.value(a) ?? null, column.value(b) ?? null) || m - n);
  const shownRows = state.all ? found : found.slice(0, HELD);
  const body = shownRows.map(([endpoint, at]) => el("tr", { "data-endpoint": at }, columns.map((one) =>
    el("td", { "data-column": one.id }, one.cell ? one.cell(endpoint, at) : one.text(endpoint)))));
  if (report.other && !state.search && state.method === "" && !state.errors && !state.named) {
    const other = report.other;
    body.push(el("tr", { class: "soft" }, columns.map((one) =>
      el("td", {}, one.id === "endpoint" ? `(other: ${count(other.endpoints)} endpoints)` : one.cell ? one.cell(other) : one.text(other)))));
  }
  byId("table").tBodies[0].replaceChildren(...body);
  byId("count").textContent = `${count(found.length)} of ${count(report.endpoints.length)} endpoints`;
  byId("more").hidden = shownRows.length === found.length;
  byId("more").textContent = `Show all ${count(found.length)}`;
  for (const cell of byId("table").tHead.rows[0].cells) {
    if (cell.dataset.column === column.id) cell.setAttribute("aria-sort", state.up ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
  }
}

// Writes the state into the address, and reads it.
function remember() {
  const words = new URLSearchParams();
  if (state.sort !== "busy" || state.up) words.set("sort", (state.up ? "+" : "-") + state.sort);
  if (state.search) words.set("search", state.search);
  if (state.method !== "") words.set("method", state.method);
  if (state.errors) words.set("errors", "1");
  if (state.named) words.set("named", "1");
  const text = words.toString();
  history.replaceState(null, "", `#endpoints${text ? `?${text}` : ""}`);
}

function recall(text) {
  const words = new URLSearchParams(text);
  const sort = words.get("sort") || "-busy";
  state.up = sort.startsWith("+");
  state.sort = sort.slice(1);
  state.search = words.get("search") || "";
  state.method = state.methods[words.get("method")] === undefined ? "" : words.get("method");
  state.errors = words.get("errors") === "1";
  state.named = words.get("named") === "1";
  byId("search").value = state.search;
  byId("method").value = state.method;
  byId("errors").checked = state.errors;
  byId("named").checked = state.named;
  rows();
}
