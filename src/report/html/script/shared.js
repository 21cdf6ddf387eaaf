// Who shares what: endpoints on the left; on the right the segments that Server-Timing names, or what a
// finding says that they have in common. A band is as wide as its part of the time.
function shared() {
  const body = byId("shared-body");
  const pictures = report.findings
    .map((finding, at) => [finding, at])
    .filter(([finding]) => finding.endpoints.filter((e) => e.role !== "victim").length > 1)
    .map(([finding, at]) => ofFinding(finding, at));
  if (extra.segments.length) pictures.push(ofSegments());
  if (pictures.length) body.append(...pictures);
  else {
    body.append(el("p", { class: "soft" }, "No finding names several endpoints with one cause, and the log names no parts of the application's time. An application that sends Server-Timing (st=\"$upstream_http_server_timing\" in log_format) shows here which endpoints share which part."));
  }
}

function ofFinding(finding, at) {
  const members = finding.endpoints.filter((e) => e.role !== "victim").slice(0, 16);
  const subject = finding.subject ? `${finding.subject.dimension}: ${shown(finding.subject.value)}` : finding.kind.replaceAll("_", " ");
  const links = members.map((endpoint, n) => [n, 0, 1, endpoint.role === "culprit" ? "culprit" : "work"]);
  return el("div", {}, el("h3", {}, el("a", { href: `#finding-${at + 1}` }, shown(finding.title))),
    flow(shown(finding.title), members.map((e) => [nameOf(e), rowOf.get(key(e)), e.role]), [subject], links));
}

function ofSegments() {
  const rows = [...new Set(extra.segments.flatMap((segment) => segment.endpoints.map(([row]) => row)))].slice(0, 16);
  const links = extra.segments.flatMap((segment, n) => segment.endpoints.filter(([row]) => rows.includes(row)).map(([row, us]) => [rows.indexOf(row), n, us, "work"]));
  const title = "Parts of the application's time, as Server-Timing names them";
  return el("div", {}, el("h3", {}, title),
    flow(title, rows.map((row) => [nameOf(report.endpoints[row]), row, ""]), extra.segments.map((segment) => `${shown(segment.name)} (${duration(segment.sum_us)})`), links));
}

// `links` are [left, right, weight, style].
function flow(title, left, right, links) {
  const line = 24;
  const [a, b, most] = NARROW ? [190, 260, 26] : [380, 620, 52];
  const height = Math.max(left.length, right.length) * line + 8;
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "group", "aria-label": title });
  const y = (at, n) => height / 2 + (at - (n - 1) / 2) * line;
  const heaviest = Math.max(...links.map(([, , weight]) => weight));
  for (const [from, to, weight, style] of links) {
    const [begin, end] = [y(from, left.length), y(to, right.length)];
    const middle = (a + b) / 2;
    root.append(svg("path", { class: `band ${style}`, "stroke-width": Math.max((10 * weight) / heaviest, 0.7).toFixed(1), d: `M${a + 4} ${begin}C${middle} ${begin} ${middle} ${end} ${b - 4} ${end}` }));
  }
  left.forEach(([name, row, role], at) => {
    const text = svg("text", { class: "strong", x: a - 4, y: y(at, left.length) + 4, "text-anchor": "end" }, fit(name, most));
    root.append(row === undefined ? text : svg("a", { href: `#endpoint-${row}`, "aria-label": role ? `${label(name, most)}, ${role}` : label(name, most) }, svg("title", {}, name), text));
  });
  right.forEach((name, at) => root.append(svg("text", { class: "strong", x: b + 4, y: y(at, right.length) + 4 }, svg("title", {}, name), fit(name, most))));
  return root;
}
