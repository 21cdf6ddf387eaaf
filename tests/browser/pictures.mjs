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
  const colours = { 31: "#ff7b72", 33: "#e3b341", 36: "#56d4dd", 90: "#8b949e" };
  const escape = (part) => part.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  let style = "";
  const spans = text.split(/(\u001b\[[\d;]*m)/).map((part) => {
    const codes = /^\u001b\[([\d;]*)m$/.exec(part);
    if (!codes) return `<span style="${style}">${escape(part)}</span>`;
    for (const code of (codes[1] || "0").split(";").map(Number)) {
      if (code === 0 || code === 39) style = code === 0 ? "" : style.replace(/color:[^;]*;/, "");
      if (code === 1) style += "font-weight:bold;";
      if (code === 7) style += "background:#c9d1d9;color:#0d1117;";
      if (colours[code]) style += `color:${colours[code]};`;
    }
    return "";
  });
  return `<!DOCTYPE html><meta charset="utf-8"><style>body{margin:0;background:#0d1117}pre{display:inline-block;margin:0;padding:14px 16px;
    color:#c9d1d9;font:13px/1.25 "DejaVu Sans Mono",monospace}</style><pre>${spans.join("").trimEnd()}</pre>`;
}

const tmux = (...args) => execFileSync("tmux", ["-S", folder.path("tmux"), ...args], { encoding: "utf8", env: { ...process.env, LC_ALL: "C.UTF-8", TMUX: "" } });
tmux("-f", "/dev/null", "new-session", "-d", "-x", "118", "-y", "26", `cd '${ROOT}' && sh -c 'zcat ${SAMPLE} | ${BINARY} watch --range 1h'`);
await new Promise((done) => setTimeout(done, 4000));
const screen = tmux("capture-pane", "-e", "-p");
tmux("kill-server");
const page = await browser.newPage({ viewport: { width: 1000, height: 600 } });
await page.goto(`file://${folder.write("watch.html", terminal(screen))}`);
await page.locator("pre").screenshot({ path: join(docs, "watch.png") });

slowpath(SAMPLE, "-o", folder.path("report.html"));
const report = await open(browser, folder.path("report.html"), { viewport: { width: 1120, height: 1180 } });
await report.page.screenshot({ path: join(docs, "report.png") });
await browser.close();
folder.remove();
