// The head and the few numbers that everybody asks for first.
function figures() {
  const totals = report.totals;
  const files = report.input.files;
  const source = files.length === 1 ? shown(files[0].path === "-" ? "stdin" : files[0].path) : `${files.length} files`;
  byId("source").textContent = `${source}, ${time(report.input.first)} to ${time(report.input.last)}`;
  document.title = `slowpath: ${source}`;
  const notices = [];
  if (report.partial) notices.push("Reading was interrupted: this is of what was read until then.");
  if (report.approximate_why) notices.push(report.approximate_why);
  notices.push(...extra.left_out);
  if (notices.length) {
    byId("notice").textContent = notices.join(" ");
    byId("notice").hidden = false;
  }
  const figure = (name, text, style) => byId("figures").append(el("div", {}, el("dt", {}, name), el("dd", { class: style }, text)));
  figure("requests", count(totals.requests));
  figure("5xx", `${count(totals.errors_5xx)} (${share(totals.errors_5xx, totals.requests)})`, totals.errors_5xx ? "bad" : null);
  if (quantile(totals.phases.wait, "p95") !== null) figure("wait p95", quantileText(totals.phases.wait, "p95"));
  if (work) figure(`${work} p95`, quantileText(totals.phases[work], "p95"));
  if (totals.phases.total) figure("total p99", quantileText(totals.phases.total, "p99"));
  if (totals.busy_us) figure("busy time", duration(totals.busy_us));
  figure("endpoints", count(report.endpoints.length + (report.other ? report.other.endpoints : 0)));
}

// What was read, and on what the numbers rest.
function about() {
  const body = byId("about-body");
  const input = report.input;
  body.append(el("p", {}, `${count(input.lines)} lines = ${count(input.records)} records + ${count(input.rejects)} rejects. ` +
    (input.filtered ? `${count(input.filtered)} records were left out by the filter or the time range.` : "")));
  const split = report.split;
  const words = {
    measured: `Wait is measured, by ${split.by || "the log"}, on ${share(split.coverage || 0, 1)} of the requests that kept a worker busy.`,
    inferred: `Wait is inferred (${split.by}).`,
    unknown: "Wait is unknown: the log does not say how long the application ran.",
  };
  body.append(el("p", {}, `${words[split.wait]} Busy time is ${split.busy} time. Percentiles are nearest-rank within 0.4 %; ≥ marks one that falls where requests were cut off.`));
  const rows = input.files.map((file) => el("tr", {}, el("td", {}, shown(file.path)), el("td", {}, shown(file.format || "-")),
    el("td", {}, count(file.lines)), el("td", {}, count(file.records)),
    el("td", {}, Object.entries(file.rejects).map(([why, n]) => `${count(n)} ${why}`).join(", ") || "0"),
    el("td", {}, shown(file.error || ""))));
  body.append(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Files" }, el("table", {},
    el("thead", {}, el("tr", {}, ["file", "format", "lines", "records", "rejects", "trouble"].map((head) => el("th", { scope: "col" }, head)))),
    el("tbody", {}, rows))));
}
