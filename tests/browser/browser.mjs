// Makes reports with the program and opens them in Debian's Chromium.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

export const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
export const BINARY = process.env.SLOWPATH || join(ROOT, "target/debug/slowpath");
export const PICTURES = join(ROOT, "target/browser");
mkdirSync(PICTURES, { recursive: true });

export function slowpath(...args) {
  return execFileSync(BINARY, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28, env: { PATH: process.env.PATH } });
}

export function scratch() {
  const folder = mkdtempSync(join(tmpdir(), "slowpath-browser-"));
  return {
    path: (name) => join(folder, name),
    write(name, text) {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });

// Opens a file and notes everything that it should not do.
export async function open(browser, path, options = {}) {
  const { hash = "", ...settings } = options;
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...settings });
  const page = await context.newPage();
  const address = pathToFileURL(path).href;
  const seen = { requests: [], errors: [], dialogs: 0 };
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && request.url() !== "data:,") seen.requests.push(request.url());
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) seen.errors.push(message.text());
  });
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("dialog", (dialog) => {
    seen.dialogs += 1;
    dialog.dismiss();
  });
  await page.goto(address + hash);
  await page.waitForSelector("html[data-ready]");
  return { page, seen, close: () => context.close() };
}
