"use strict";
const root = document.documentElement;
const rows = [...document.querySelectorAll(".findings tbody tr")];
const markers = [...document.querySelectorAll("#map circle")];
const lines = [...document.querySelectorAll(".rules tbody tr")];
const search = document.getElementById("search");
const wanted = { rule: null, severity: null };

function fits(element) {
  return (!wanted.rule || element.dataset.rule === wanted.rule)
    && (!wanted.severity || element.dataset.severity === wanted.severity);
}

function refresh() {
  const words = search.value.trim().toLowerCase();
  for (const row of rows) row.hidden = !(fits(row) && row.textContent.toLowerCase().includes(words));
  for (const marker of markers) marker.toggleAttribute("hidden", !fits(marker));
  for (const line of lines) line.classList.toggle("chosen", Boolean(wanted.rule) && fits(line));
  document.getElementById("shown").textContent = `${rows.filter((row) => !row.hidden).length} / ${rows.length}`;
}

function choose(rule, severity) {
  Object.assign(wanted, { rule, severity });
  refresh();
}

document.getElementById("language").addEventListener("click", () => {
  root.dataset.language = root.dataset.language === "zh" ? "en" : "zh";
});
document.getElementById("clear").addEventListener("click", () => {
  search.value = "";
  choose(null, null);
});
search.addEventListener("input", refresh);
for (const line of lines) line.addEventListener("click", () => choose(line.dataset.rule, line.dataset.severity));
for (const tile of document.querySelectorAll("button.tile")) {
  tile.addEventListener("click", () => choose(null, tile.dataset.severity));
}
window.addEventListener("hashchange", () => {
  const row = document.querySelector(".findings tr:target");
  if (row && row.hidden) choose(null, null);
  if (row) row.scrollIntoView({ block: "center" });
});

const map = document.getElementById("map");
if (map) {
  const full = map.viewBox.baseVal.width;
  const box = map.viewBox.baseVal;
  const perPixel = () => Math.max(box.width / map.clientWidth, box.height / map.clientHeight);
  let drag = null;
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    const factor = event.deltaY < 0 ? 0.8 : 1.25;
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse());
    box.x = point.x - (point.x - box.x) * factor;
    box.y = point.y - (point.y - box.y) * factor;
    box.width *= factor;
    box.height *= factor;
    map.style.setProperty("--r", `${4 * box.width / full}px`);
  }, { passive: false });
  map.addEventListener("pointerdown", (event) => { drag = event; });
  window.addEventListener("pointerup", () => { drag = null; });
  map.addEventListener("pointermove", (event) => {
    if (!drag) return;
    box.x -= (event.clientX - drag.clientX) * perPixel();
    box.y -= (event.clientY - drag.clientY) * perPixel();
    drag = event;
  });
}
refresh();
