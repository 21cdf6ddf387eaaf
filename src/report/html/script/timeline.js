// The log over time: who waits and who works, requests and errors, latency. A cursor goes through the
// windows by pointer and by arrow keys; what it is on is said in words above.
// Fewer units across on a phone, so that its text is not smaller.
const NARROW = window.matchMedia("(max-width: 640px)").matches;
const WIDTH = NARROW ? 440 : 1000;
const LEFT = 62;
const RIGHT = 8;

function timeline() {
  const windows = report.timeline.filter((window) => window.from !== null);
  const body = byId("timeline-body");
  if (windows.length < 2) {
    body.append(el("p", { class: "soft" }, "The log has no times, or too short a time to show a course."));
    byId("windows").hidden = true;
    return;
  }
  const width = report.split.window_us / 1000;
  const from = windows.map((window) => Date.parse(window.from));
  const begin = from[0];
  const end = from[from.length - 1] + width;
  const x = (ms) => LEFT + ((ms - begin) / (end - begin)) * (WIDTH - LEFT - RIGHT);
  const incidents = troubled();
  const stage = { windows, from, width, begin, end, x, incidents, cursors: [] };
  const known = report.split.wait !== "unknown";
  const each = (window, us) => (us || 0) / report.split.window_us;
  body.append(chart(stage, "Requests in the system: mean number", 150, (plot) => {
    plot.scale(Math.max(...windows.map((w) => each(w, w.busy_us) + each(w, w.wait_us))), number);
    windows.forEach((window, at) => plot.stack(at, [["work", each(window, window.busy_us)], ["wait", each(window, window.wait_us)]]));
  }, legend(["work", `${report.split.busy === "app" ? "working" : `at work (${report.split.busy} time)`}`], ...(known ? [["wait", "waiting"]] : []),
    ...(incidents.length ? [["incident", "time of a finding"]] : []))));
  body.append(chart(stage, "Requests and errors in a window", 90, (plot) => {
    plot.scale(Math.max(...windows.map((w) => w.requests)), count);
    windows.forEach((window, at) => plot.stack(at, [["error", window.errors_5xx], ["count", window.requests - window.errors_5xx]]));
  }, legend(["count", "requests"], ["error", "5xx"])));
  if (windows.some((window) => window.p50_us !== null)) {
    body.append(chart(stage, "Whole duration", 130, (plot) => {
      const values = windows.flatMap((w) => [w.p50_us, w.p99_us]).filter((us) => us > 0);
      plot.logarithmic(Math.min(...values), Math.max(...values));
      plot.line("b", windows.map((w) => w.p50_us));
      plot.line("d", windows.map((w) => w.p99_us));
    }, legend(["work", "p50"], ["error", "p99"])));
  }
  walk(stage, body);
  byId("windows").addEventListener("toggle", () => numbers(windows), { once: true });
}

// The times of findings that hurt, each moment once, in order.
function troubled() {
  const spans = report.findings.filter((finding) => finding.severity !== "info")
    .flatMap((finding) => (Array.isArray(finding.evidence.windows) ? finding.evidence.windows : [finding]))
    .filter((span) => span.from && span.until)
    .map((span) => [Date.parse(span.from), Date.parse(span.until)])
    .sort((a, b) => a[0] - b[0]);
  const whole = [];
  for (const [from, until] of spans) {
    const last = whole[whole.length - 1];
    if (last && from <= last[1]) last[1] = Math.max(last[1], until);
    else whole.push([from, until]);
  }
  return whole;
}

const number = (n) => (n >= 100 ? count(Math.round(n)) : n >= 10 ? n.toFixed(1) : n.toFixed(2));

// A figure with a plot in it; `draw` gets the tools.
function chart(stage, caption, height, draw, key) {
  const top = 8;
  const bottom = 18;
  const root = svg("svg", { viewBox: `0 0 ${WIDTH} ${height + top + bottom}`, role: "img", "aria-label": `${caption}, ${day(stage.begin)} to ${day(stage.end)} UTC` });
  for (const [since, until] of stage.incidents) {
    const [a, b] = [stage.x(Math.max(since, stage.begin)), stage.x(Math.min(until, stage.end))];
    if (b > a) root.append(svg("rect", { class: "incident", x: a, y: top, width: Math.max(b - a, 2), height }));
  }
  let y = () => 0;
  const ticks = (values, text) => {
    for (const value of values) {
      root.append(svg("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
      root.append(svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, text(value)));
    }
  };
  const wide = Math.max((stage.width / (stage.end - stage.begin)) * (WIDTH - LEFT - RIGHT) - 0.3, 0.7);
  draw({
    scale(most, text) {
      y = (value) => top + height - (value / (most || 1)) * height;
      ticks([0, most / 2, most], text);
    },
    logarithmic(least, most) {
      const low = Math.floor(Math.log10(least));
      const high = Math.max(Math.ceil(Math.log10(most)), low + 1);
      y = (value) => top + height - ((Math.log10(Math.max(value, 1)) - low) / (high - low)) * height;
      ticks(Array.from({ length: high - low + 1 }, (_, n) => 10 ** (low + n)), duration);
    },
    stack(at, parts) {
      let sum = 0;
      for (const [style, value] of parts) {
        if (value > 0) root.append(svg("rect", { class: style, x: stage.x(stage.from[at]), width: wide, y: y(sum + value), height: y(sum) - y(sum + value) }));
        sum += value;
      }
    },
    line(style, values) {
      let path = "";
      let gap = true;
      values.forEach((value, at) => {
        const apart = at > 0 && stage.from[at] - stage.from[at - 1] > 3 * stage.width;
        if (value !== null) path += `${gap || apart ? "M" : "L"}${(stage.x(stage.from[at]) + wide / 2).toFixed(1)} ${y(value).toFixed(1)}`;
        gap = value === null;
      });
      root.append(svg("path", { class: `line ${style}`, d: path }));
    },
  });
  axis(root, stage, height + top + bottom - 4);
  const cursor = svg("line", { class: "cursor", y1: top, y2: top + height, x1: 0, x2: 0, visibility: "hidden" });
  root.append(cursor);
  stage.cursors.push([root, cursor]);
  return el("figure", { class: "chart" }, el("figcaption", {}, caption), key, root);
}

// Times below a plot.
function axis(root, stage, y) {
  const long = stage.end - stage.begin > 36 * 3600e3;
  const steps = NARROW ? 3 : 6;
  for (let n = 0; n <= steps; n += 1) {
    const ms = stage.begin + ((stage.end - stage.begin) * n) / steps;
    root.append(svg("text", { x: stage.x(ms), y, "text-anchor": n === 0 ? "start" : n === steps ? "end" : "middle" }, long ? day(ms) : clock(ms)));
  }
}

// Moves one cursor over all plots.
function walk(stage, body) {
  let at = -1;
  const readout = byId("readout");
  const rest = () => { readout.textContent = `${stage.windows.length} windows of ${duration(report.split.window_us)}. Point at one, or use the arrow keys.`; };
  const go = (to) => {
    at = Math.min(Math.max(to, 0), stage.windows.length - 1);
    const window = stage.windows[at];
    const x = stage.x(stage.from[at] + stage.width / 2);
    for (const [, cursor] of stage.cursors) {
      cursor.setAttribute("x1", x);
      cursor.setAttribute("x2", x);
      cursor.setAttribute("visibility", "visible");
    }
    const parts = [time(window.from), `${count(window.requests)} requests`, `${count(window.errors_5xx)} 5xx`, `busy ${duration(window.busy_us)}`];
    if (window.wait_us !== null) parts.push(`wait ${duration(window.wait_us)}`);
    if (window.p50_us !== null) parts.push(`p50 ${quantileText(window, "p50")}`, `p99 ${quantileText(window, "p99")}`);
    readout.textContent = parts.join(", ");
  };
  rest();
  for (const [root] of stage.cursors) {
    root.setAttribute("tabindex", 0);
    root.setAttribute("class", "plot");
    root.addEventListener("pointermove", (event) => {
      const box = root.getBoundingClientRect();
      const ms = stage.begin + ((((event.clientX - box.left) / box.width) * WIDTH - LEFT) / (WIDTH - LEFT - RIGHT)) * (stage.end - stage.begin);
      const found = stage.from.findLastIndex((from) => from <= ms);
      go(found);
    });
    root.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: stage.windows.length - 1 }[event.key];
      if (to !== undefined) {
        event.preventDefault();
        go(to);
      }
    });
  }
}

function numbers(windows) {
  const heads = ["from", "requests", "5xx", "busy", "wait", "p50", "p99"];
  const rows = windows.map((window) => el("tr", {}, [time(window.from), count(window.requests), count(window.errors_5xx), duration(window.busy_us),
    duration(window.wait_us), quantileText(window, "p50"), quantileText(window, "p99")].map((text) => el("td", {}, text))));
  byId("windows").querySelector(".scroll").append(el("table", {},
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, rows)));
}
