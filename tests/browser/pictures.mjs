// Makes the pictures of the README with the program itself: `node pictures.mjs`, with tmux and Chromium.
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { BINARY, ROOT, launch, open, scratch, slowpath } from "./browser.mjs";

const SAMPLE = "samples/saturated-pool.log.gz";
const docs = join(ROOT, "docs");
mkdirSync(docs, { recursive: true });
const folder = scratch();
const browser = await launch();

// What a terminal shows, as a page: its text with the colours that tmux tells of it.
function terminal(text) {
  const colours = { 1: "#ff7b72", 3: "#e3b341", 6: "#56d4dd", 8: "#8b949e" };
  const [ink, paper] = ["#c9d1d9", "#0d1117"];
  const escape = (part) => part.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  let pen = {};
  const spans = text.split(/(\u001b\[[\d;]*m)/).map((part) => {
    const codes = /^\u001b\[([\d;]*)m$/.exec(part);
    if (!codes) {
      const fore = colours[pen.colour] || ink;
      const plain = `color:${fore}${pen.marked ? ";background:#30363d" : ""}`;
      const style = pen.reversed ? `background:${fore};color:${paper}` : plain;
      return `<span style="${style}${pen.bold ? ";font-weight:bold" : ""}">${escape(part)}</span>`;
    }
    const numbers = (codes[1] || "0").split(";").map(Number);
    for (let at = 0; at < numbers.length; at += 1) {
      if (numbers[at] === 0) pen = {};
      if (numbers[at] === 1) pen.bold = true;
      if (numbers[at] === 7) pen.reversed = true;
      if (numbers[at] === 39) pen.colour = null;
      if (numbers[at] === 49) pen.marked = false;
      if (numbers[at] === 38 || numbers[at] === 48) {
        if (numbers[at] === 38) pen.colour = numbers[at + 2];
        else pen.marked = true;
        at += 2;
      }
    }
    return "";
  });
  return `<!DOCTYPE html><meta charset="utf-8"><style>body{margin:0;background:#0d1117}pre{display:inline-block;margin:0;padding:14px 16px;
    color:#c9d1d9;font:13px/1.25 "DejaVu Sans Mono",monospace}</style><pre>${spans.join("").trimEnd()}</pre>`;
}

const tmux = (...args) => execFileSync("tmux", ["-S", folder.path("tmux"), ...args], { encoding: "utf8", env: { ...process.env, LC_ALL: "C.UTF-8", TMUX: "" } });
tmux("-f", "/dev/null", "new-session", "-d", "-x", "118", "-y", "26", `cd '${ROOT}' && sh -c 'zcat ${SAMPLE} | ${BINARY} watch --range 1h'`);
let screen = "";
while (!/ended/.test(screen)) {
  await new Promise((done) => setTimeout(done, 500));
  screen = tmux("capture-pane", "-e", "-p");
}
tmux("kill-server");
const page = await browser.newPage({ viewport: { width: 1000, height: 600 } });
await page.goto(`file://${folder.write("watch.html", terminal(screen))}`);
await page.locator("pre").screenshot({ path: join(docs, "watch.png") });

slowpath(SAMPLE, "-o", folder.path("report.html"));
const report = await open(browser, folder.path("report.html"), { viewport: { width: 1120, height: 1180 }, deviceScaleFactor: 0.75 });
const end = await report.page.locator("#endpoints").boundingBox();
await report.page.screenshot({ path: join(docs, "report.png"), fullPage: true, clip: { x: 0, y: 0, width: 1120, height: end.y } });
await browser.close();
folder.remove();
