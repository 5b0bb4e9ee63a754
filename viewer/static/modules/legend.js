// The legend: classes that occur, with their count and length, each a switch; the signs; what an answer means.

import { byId, element, rgb } from "./dom.js";
import { lookNames, lookOf, markOf } from "./looks.js";
import { codeEntry, currentLanguage, metres, text } from "./texts.js";

const SIGNS = ["valve_sign", "hydrant_sign", "well_sign", "source_sign"];

export function showLegend(scene, hidden, onToggle) {
  const rows = [...scene.summary].map(([code, summary]) => classRow(code, summary, hidden, onToggle));
  byId("legend-classes").replaceChildren(...rows);
  const unknown = [...scene.summary.values()].reduce((sum, entry) => sum + entry.depth_unknown, 0);
  const signs = SIGNS.map((key) => sign(element("i", { class: `mark ${key}` }), text(key)));
  const dashed = sign(element("i", { class: "mark dashed" }), `${text("unknown_depth_sign")} (${unknown})`);
  byId("legend-signs").replaceChildren(...(unknown ? [dashed] : []), ...signs);
}

// What the lines and marks of an answer mean; without one the steps of a coloured map, if it is one.
export function showMeanings(drawing, tint) {
  const rows = drawing ? [...lineMeanings(drawing), ...markMeanings(drawing)] : tint ? stepMeanings(tint) : [];
  byId("legend-answer").replaceChildren(...rows);
  byId("legend-answer").hidden = !rows.length;
}

function lineMeanings({ segments }) {
  const counts = new Map(lookNames().map((name) => [name, 0]));
  for (const { name } of segments?.values() ?? []) counts.set(name, counts.get(name) + 1);
  return [...counts].filter(([, count]) => count).map(([name, count]) => sign(line(lookOf(name)), text(name), count, name));
}

function markMeanings({ marks }) {
  return Object.entries(marks)
    .filter(([, places]) => places.length)
    .map(([name, places]) => sign(disc(markOf(name), places[0].text), text(`mark_${name}`), places.length, name));
}

const stepMeanings = ({ title, steps }) => [sign("", title), ...steps.map(({ look, words, count }) => sign(line(look), words, count, "step"))];

function sign(drawn, words, count, name) {
  const amount = count === undefined ? null : element("span", { class: "amount" }, String(count));
  return element("li", { class: "sign", "data-means": name }, drawn, element("span", { class: "words" }, words), amount);
}

const line = ({ color, pattern }) => element("i", { class: `line-sign ${pattern ?? "plain"}`, style: color && `--line-color:${rgb(color.slice(0, 3))}` });

function disc({ fill, stroke, radius_px: radius }, words) {
  const [r, g, b, alpha] = fill;
  return element("i", { class: "disc-sign", style: `--size:${Math.min(26, 8 + radius)}px;background:rgb(${r} ${g} ${b} / ${alpha / 255});border-color:${rgb(stroke)}` }, words ?? "");
}

function classRow(code, { count, length_m }, hidden, onToggle) {
  const names = codeEntry("utility_class", code);
  const [first, second] = currentLanguage() === "zh" ? [names.name_zh, names.name_en] : [names.name_en, names.name_zh];
  const box = element("input", { type: "checkbox", checked: !hidden.has(code), "data-class": code, onchange: () => onToggle(code) });
  const length = length_m >= 1000 ? `${(length_m / 1000).toFixed(1)} km` : metres(Math.round(length_m));
  return element(
    "li",
    {},
    element(
      "label",
      {},
      box,
      element("i", { class: "swatch", style: `background:${rgb(names.color)}` }),
      element("span", { class: "names" }, first, " ", element("small", {}, second)),
      element("span", { class: "amount" }, String(count), element("small", {}, length)),
    ),
  );
}
