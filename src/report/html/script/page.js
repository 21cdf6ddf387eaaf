// The report and what is drawn of it besides. Text from the log is only ever put in as text: by
// textContent, never as markup, an address or a style.
"use strict";
const page = JSON.parse(document.getElementById("data").textContent);
const report = page.report;
const extra = page.extra;
const byId = (id) => document.getElementById(id);

// An element with attributes of ours and children; a string becomes a text node.
function el(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

function svg(name, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (value !== null && value !== undefined) node.setAttribute(key, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) node.append(child);
  }
  return node;
}

// Control, bidirectional and invisible characters as \u{H}, as on a terminal: nothing hides, and no name
// turns its neighbours round.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\u{e0100}-\u{e01ef}]|(?<=\p{M}{2})\p{M}+/gu;
const shown = (text) =>
  text.replace(HIDDEN, (found) => Array.from(found, (c) => `\\u{${c.codePointAt(0).toString(16)}}`).join(""));

// A whole number with commas.
const count = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

// Three significant digits, rounded half up.
function three(value, per) {
  for (const decimals of [2, 1, 0]) {
    const scale = 10 ** decimals;
    const scaled = Math.floor((value * scale + per / 2) / per);
    if (scaled < 1000 || decimals === 0) return (scaled / scale).toFixed(decimals);
  }
}

// Microseconds as reports print them.
function duration(us) {
  if (us === null || us === undefined) return "-";
  if (us === 0) return "0 s";
  if (us < 1e3) return `${us} µs`;
  if (us < 999500) return `${three(us, 1e3)} ms`;
  if (us < 600e6) return `${three(us, 1e6)} s`;
  if (us < 36000e6) return `${three(us, 60e6)} min`;
  return `${three(us, 3600e6)} h`;
}

// A part of a whole as reports print it: in hundredths of a percent, rounded half up.
function share(part, whole) {
  if (!whole) return "-";
  if (part === 0) return "0 %";
  if (part === whole) return "100 %";
  const hundredths = Math.floor((part * 10_000 + whole / 2) / whole);
  if (hundredths === 0) return "<0.01 %";
  const [percent, rest] = [Math.floor(hundredths / 100), hundredths % 100];
  return hundredths < 1_000 ? `${percent}.${String(rest).padStart(2, "0")} %` : `${percent}.${Math.floor(rest / 10)} %`;
}

const time = (text) => (text ? text.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC") : "unknown time");
const clock = (ms) => new Date(ms).toISOString().slice(11, 16);
const day = (ms) => new Date(ms).toISOString().slice(5, 16).replace("T", " ");
const nameOf = (endpoint) => shown(endpoint.method ? `${endpoint.method} ${endpoint.route}` : endpoint.route);
const key = (endpoint) => JSON.stringify([endpoint.method_b64 || endpoint.method, endpoint.route_b64 || endpoint.route]);
const rowOf = new Map(report.endpoints.map((endpoint, at) => [key(endpoint), at]));

const quantile = (phase, name) => (phase ? phase[`${name}_us`] : null);
// The phase that is nearest to the application's own time. Of what is inferred only sums are known.
const known = (phase) => quantile(report.totals.phases[phase], "p50") !== null;
const work = ["app", "server", "upstream"].find((phase) => report.totals.phases[phase] && known(phase)) || null;
// A quantile as text, marked where it is a lower bound.
function quantileText(phase, name) {
  const value = quantile(phase, name);
  const least = phase && phase.at_least_quantiles && phase.at_least_quantiles.includes(name);
  return (least ? "≥" : "") + duration(value);
}

// A link to an endpoint of the table, or its name where it is no row.
function endpointLink(endpoint) {
  const at = rowOf.get(key(endpoint));
  return at === undefined ? el("span", {}, nameOf(endpoint)) : el("a", { href: `#endpoint-${at}` }, nameOf(endpoint));
}

function legend(...entries) {
  return el("ul", { class: "legend" }, entries.map(([style, text]) =>
    el("li", {}, svg("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, svg("rect", { width: 10, height: 10, rx: 2, class: style })), text)));
}
