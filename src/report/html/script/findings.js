// Findings in words, with the numbers that they rest on.
function findings() {
  const body = byId("findings-body");
  if (!report.findings.length) {
    body.append(el("p", {}, extra.nothing || "No finding."));
  }
  report.findings.forEach((finding, at) => body.append(card(finding, at)));
  if (report.not_looked_at.length) {
    body.append(el("details", {}, el("summary", {}, `Not looked for: ${report.not_looked_at.length}`),
      el("ul", {}, report.not_looked_at.map((not) => el("li", {}, `${not.kind.replaceAll("_", " ")}: ${not.why}`)))));
  }
}

function card(finding, at) {
  const item = el("article", { class: `finding ${finding.severity}`, id: `finding-${at + 1}` },
    el("h3", {}, el("span", { class: `badge ${finding.severity}` }, finding.severity), shown(finding.title)));
  const when = finding.from ? `${time(finding.from)} to ${time(finding.until)}, ` : "";
  item.append(el("p", { class: "soft" }, `${when}${finding.basis}`));
  for (const sentence of extra.details[at] || []) item.append(el("p", {}, shown(sentence)));
  if (finding.endpoints.length) item.append(roles(finding.endpoints));
  item.append(el("p", { class: "advice" }, `→ ${shown(finding.advice)}`));
  if (Object.keys(finding.evidence).length) {
    item.append(el("details", {}, el("summary", {}, "Evidence"), evidence(finding.evidence)));
  }
  return item;
}

// The first of each role in full; the rest is a number.
function roles(endpoints) {
  const most = 8;
  const seen = {};
  const list = el("ul", { class: "roles" });
  for (const endpoint of endpoints) {
    seen[endpoint.role] = (seen[endpoint.role] || 0) + 1;
    if (seen[endpoint.role] <= most) {
      list.append(el("li", {}, el("span", { class: `badge ${endpoint.role}` }, endpoint.role), endpointLink(endpoint)));
    }
  }
  for (const [role, n] of Object.entries(seen)) {
    if (n > most) list.append(el("li", { class: "soft" }, `and ${count(n - most)} more (${role})`));
  }
  return list;
}

function evidence(values) {
  const list = el("dl", { class: "evidence" });
  for (const [name, value] of Object.entries(values)) {
    list.append(el("dt", {}, shown(name.replace(/_us$/, "").replaceAll("_", " "))), el("dd", {}, item(name, value)));
  }
  return list;
}

function item(name, value) {
  if (Array.isArray(value)) {
    return value.every((one) => typeof one !== "object" || one === null)
      ? name === "examples" ? value.map((line) => el("pre", {}, shown(line))) : value.map((one) => scalar(name, one)).join(", ")
      : value.map((one) => item(name, one));
  }
  if (value !== null && typeof value === "object") return evidence(value);
  return scalar(name, value);
}

function scalar(name, value) {
  if (typeof value === "number") {
    if (/_us$/.test(name)) return (value < 0 ? "−" : "") + duration(Math.abs(value));
    return Number.isInteger(value) ? count(value) : String(value);
  }
  return value === null ? "-" : shown(String(value));
}
