// Puts the page together, and goes where the address says.
function theme() {
  const button = byId("theme");
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const set = (on) => {
    root.dataset.theme = on ? "dark" : "light";
    button.setAttribute("aria-pressed", String(on));
  };
  set(dark.matches);
  dark.addEventListener("change", () => set(dark.matches));
  button.addEventListener("click", () => set(root.dataset.theme !== "dark"));
}

function route() {
  const [place, words] = location.hash.slice(1).split("?");
  const found = /^endpoint-(\d+)$/.exec(place);
  byId("endpoint").hidden = true;
  if (found && report.endpoints[found[1]]) endpointView(Number(found[1]));
  else if (place === "endpoints") recall(words);
  const current = found ? "endpoints" : place.startsWith("finding-") ? "findings" : place;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === `#${current}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

theme();
figures();
findings();
table();
rows();
performance.mark("table");
timeline();
heat();
shared();
about();
window.addEventListener("hashchange", route);
route();
// For whoever waits until everything is there.
document.documentElement.dataset.ready = "true";
