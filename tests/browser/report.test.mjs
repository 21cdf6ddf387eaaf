// The HTML report in a real browser: it asks for nothing, says what the JSON report says, and can be used
// by hand, by keyboard, by screen reader, on paper and on a phone. Pictures are left in target/browser.
import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { PICTURES, ROOT, launch, open, scratch, slowpath } from "./browser.mjs";
import { log, payloads } from "./hostile.mjs";

const SAMPLE = "samples/saturated-pool.log.gz";
const AXE = readFileSync(join(ROOT, "tests/browser/node_modules/axe-core/axe.min.js"), "utf8");
const MOST = 2 << 20;

const folder = scratch();
let browser;
let report;
const html = folder.path("report.html");

before(async () => {
  slowpath(SAMPLE, "-o", html);
  report = JSON.parse(slowpath(SAMPLE, "-f", "json"));
  browser = await launch();
});

after(async () => {
  await browser?.close();
  folder.remove();
});

const quiet = (seen) => assert.deepEqual(seen, { requests: [], errors: [], dialogs: 0 });
const cells = (page, column) => page.locator(`#table tbody td[data-column="${column}"]`).allTextContents();

test("the page opens from disk, asks for nothing and complains of nothing", async () => {
  const { page, seen, close } = await open(browser, html);
  assert.equal(await page.locator("#table tbody tr").count(), report.endpoints.length);
  assert.equal(await page.locator("a[href^='http'], [src], link[href]:not([href='data:,'])").count(), 0);
  quiet(seen);
  await close();
});

test("what the page holds is the JSON report", async () => {
  const { page, close } = await open(browser, html);
  assert.deepEqual(await page.evaluate(() => report), report);
  await close();
});

test("the numbers of the table are those of the report", async () => {
  // The Markdown table is made in Rust from the same numbers; its names are escaped, so cells are compared.
  const markdown = slowpath(SAMPLE, "-n", "0", "-f", "markdown").split("\n").filter((line) => line.startsWith("|"));
  const split = (line) => line.split("|").slice(1, -1).map((cell) => cell.trim());
  const heads = split(markdown[0]);
  const rows = markdown.slice(2, 2 + report.endpoints.length).map(split);
  const { page, close } = await open(browser, html);
  let compared = 0;
  for (const [column, head] of [["requests", "requests"], ["busy", "busy"], ["errors", "errors"], ["wait.p50", "wait p50"], ["wait.p95", "wait p95"], ["wait.p99", "wait p99"],
    ["app.p50", "app p50"], ["app.p95", "app p95"], ["app.p99", "app p99"], ["total.p99", "total p99"]]) {
    const at = heads.indexOf(head);
    assert.notEqual(at, -1, head);
    assert.deepEqual(await cells(page, column), rows.map((row) => row[at]), head);
    compared += rows.length;
  }
  assert.equal(compared, 10 * report.endpoints.length);
  await close();
});

test("every finding is told with its sentences", async () => {
  const { page, close } = await open(browser, html);
  assert.equal(await page.locator(".finding").count(), report.findings.length);
  for (const [at, finding] of report.findings.entries()) {
    const text = await page.locator(`#finding-${at + 1}`).textContent();
    for (const part of [finding.title, finding.severity, finding.basis, finding.advice]) assert.ok(text.includes(part), part);
  }
  await close();
});

test("sorting, searching and filtering, and the address remembers", async () => {
  const { page, seen, close } = await open(browser, html);
  await page.getByRole("button", { name: "requests", exact: true }).click();
  const sorted = [...report.endpoints].sort((a, b) => b.requests - a.requests).map((e) => String(e.requests).replace(/\B(?=(\d{3})+$)/g, ","));
  assert.deepEqual(await cells(page, "requests"), sorted);
  assert.equal(await page.locator("th[aria-sort=descending]").textContent(), "requests");
  await page.getByRole("button", { name: "requests", exact: true }).click();
  assert.deepEqual(await cells(page, "requests"), sorted.reverse());
  await page.getByLabel("Search").fill("USERS");
  const users = report.endpoints.filter((e) => e.route.includes("users")).length;
  assert.equal((await cells(page, "endpoint")).length, users);
  await page.getByLabel("only with 5xx").check();
  assert.equal((await cells(page, "endpoint")).length, report.endpoints.filter((e) => e.route.includes("users") && e.errors_5xx).length);
  await page.getByLabel("only with 5xx").uncheck();
  await page.getByLabel("Method").selectOption({ label: "POST" });
  const names = await cells(page, "endpoint");
  assert.ok(names.length && names.every((name) => name.startsWith("POST /api/users")), names.join());
  const hash = new URL(page.url()).hash;
  quiet(seen);
  await close();
  const again = await open(browser, html, { hash });
  assert.deepEqual(await cells(again.page, "endpoint"), names);
  await again.close();
});

test("an endpoint in full, by mouse, keyboard and address", async () => {
  const { page, seen, close } = await open(browser, html);
  const first = report.endpoints[0];
  const name = `${first.method} ${first.route}`;
  await page.locator("#table").getByRole("link", { name, exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.waitForSelector("#endpoint:not([hidden])");
  assert.equal(await page.locator("#endpoint-title").textContent(), name);
  assert.equal(await page.evaluate(() => document.activeElement.id), "endpoint");
  const rows = await page.locator("#phases tbody tr").count();
  assert.equal(rows, Object.keys(first.phases).length);
  assert.ok((await page.locator("#endpoint svg").count()) >= 2);
  assert.ok((await page.locator("#endpoint").textContent()).includes("Slowest requests"));
  const hash = new URL(page.url()).hash;
  assert.equal(hash, "#endpoint-0");
  await page.getByRole("link", { name: "Close" }).click();
  await page.waitForSelector("#endpoint", { state: "hidden" });
  await page.goBack();
  await page.waitForSelector("#endpoint:not([hidden])");
  quiet(seen);
  await close();
  const again = await open(browser, html, { hash: "#endpoint-1" });
  assert.equal(await again.page.locator("#endpoint-title").textContent(), `${report.endpoints[1].method} ${report.endpoints[1].route}`);
  await again.close();
});

test("a cursor goes through the timeline by keys", async () => {
  const { page, close } = await open(browser, html);
  await page.locator("#timeline svg[tabindex]").first().focus();
  await page.keyboard.press("Home");
  const window = report.timeline[0];
  assert.match(await page.locator("#readout").textContent(), new RegExp(`^${window.from.slice(0, 10)} .*, ${window.requests} requests, ${window.errors_5xx} 5xx`));
  await page.keyboard.press("ArrowRight");
  assert.match(await page.locator("#readout").textContent(), new RegExp(`, ${report.timeline[1].requests} requests`));
  await page.locator("#windows summary").click();
  // The browser tells of the opening a moment later, and the rows are made then.
  await page.locator("#windows tbody tr").first().waitFor();
  assert.equal(await page.locator("#windows tbody tr").count(), report.timeline.length);
  await close();
});

test("no serious violation of accessibility, light and dark, wide and narrow", async () => {
  for (const [colorScheme, width] of [["light", 1440], ["dark", 1440], ["light", 390], ["dark", 390]]) {
    const { page, seen, close } = await open(browser, html, { colorScheme, viewport: { width, height: 900 }, hash: "#endpoint-0" });
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), colorScheme);
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth), false, `${width} is too narrow`);
    await page.evaluate(AXE);
    const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    const grave = found.violations.filter((violation) => ["serious", "critical"].includes(violation.impact));
    assert.deepEqual(grave.map((violation) => [violation.id, violation.nodes.slice(0, 3).map((node) => node.html)]), [], `${colorScheme} ${width}`);
    await page.evaluate(() => { location.hash = ""; scrollTo(0, 0); });
    await page.screenshot({ path: join(PICTURES, `report-${colorScheme}-${width}.png`), fullPage: true });
    await page.evaluate(() => { location.hash = "#endpoint-0"; });
    await page.locator("#endpoint").screenshot({ path: join(PICTURES, `endpoint-${colorScheme}-${width}.png`) });
    quiet(seen);
    await close();
  }
});

test("the theme can be chosen, and paper is white", async () => {
  const { page, close } = await open(browser, html, { colorScheme: "light" });
  await page.getByRole("button", { name: "Dark" }).click();
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
  await page.emulateMedia({ media: "print" });
  assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(255, 255, 255)");
  assert.equal(await page.locator("nav").isVisible(), false);
  const pdf = await page.pdf({ path: join(PICTURES, "report.pdf"), format: "A4" });
  assert.ok(pdf.length > 10_000);
  await close();
});

// The elements with the names of their attributes and their classes; no text.
const shape = (page) => page.evaluate(() => {
  const of = (node) => [node.localName, [...node.attributes].map((a) => a.name).sort().join(), node.getAttribute("class"), [...node.children].map(of)];
  return of(document.documentElement);
});

test("hostile names change nothing but text", async () => {
  assert.ok(payloads.length >= 200, `${payloads.length}`);
  const shapes = [];
  const texts = [];
  for (const [name, text] of [["benign", (n) => `name${n}x`], ["hostile", (n) => payloads[n]]]) {
    const file = folder.write(`${name}.log`, log(text));
    const target = folder.path(`${name}.html`);
    slowpath(file, "--log-format", "json", "--group-by", "host,user_agent,upstream", "-o", target);
    const source = readFileSync(target, "utf8");
    assert.ok(!/<\?|<%|<!--/.test(source), "something for PHP, SSI or ASP");
    const { page, seen, close } = await open(browser, target, { hash: "#endpoint-3" });
    await page.waitForTimeout(300);
    shapes.push(await shape(page));
    texts.push(await page.locator("#endpoints").textContent());
    quiet(seen);
    await close();
  }
  assert.deepEqual(shapes[1], shapes[0]);
  assert.ok(texts[1].includes("<img src=x onerror=alert(1)>"));
  assert.ok(!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]/.test(texts[1]));
});

test("ten thousand endpoints over a month stay small", async () => {
  const lines = [];
  for (let hour = 0; hour < 720; hour += 1) {
    const stamp = new Date(Date.UTC(2026, 0, 1) + hour * 3600e3).toISOString();
    for (let n = 0; n < 100; n += 1) {
      const route = (hour * 100 + n) % 10_000;
      lines.push(JSON.stringify({ time: stamp, request_method: "GET", uri: "/x", host: `host-${route}.example`, status: 200,
        request_time: (route % 977) / 100, upstream_response_time: "0.1", upstream_header_time: "0.09" }));
    }
  }
  const file = folder.write("month.log", `${lines.join("\n")}\n`);
  const target = folder.path("month.html");
  slowpath(file, "--log-format", "json", "--group-by", "host", "-o", target);
  const size = statSync(target).size;
  assert.ok(size <= MOST, `${size} bytes`);
  const began = performance.now();
  const { page, seen, close } = await open(browser, target);
  const ready = performance.now() - began;
  const [table, all] = await page.evaluate(() => [performance.getEntriesByName("table")[0].startTime, performance.getEntriesByType("navigation")[0].domContentLoadedEventEnd]);
  const shown = await page.evaluate(() => [report.endpoints.length, report.other ? report.other.endpoints : 0, report.timeline.length]);
  console.log(`month: ${size} bytes, ${shown.join("+")} endpoints and windows, table after ${table.toFixed(0)} ms, all after ${all.toFixed(0)} ms (${ready.toFixed(0)} ms with opening the tab)`);
  quiet(seen);
  await close();
});
