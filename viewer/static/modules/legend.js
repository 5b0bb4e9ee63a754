// The legend: classes that occur, with their count and length, each a switch.

import { byId, element, rgb } from "./dom.js";
import { codeEntry, currentLanguage, metres, text } from "./texts.js";

const SIGNS = ["valve_sign", "hydrant_sign", "well_sign", "source_sign"];

export function showLegend(scene, hidden, onToggle) {
  const rows = [...scene.summary].map(([code, summary]) => classRow(code, summary, hidden, onToggle));
  byId("legend-classes").replaceChildren(...rows);
  const unknown = [...scene.summary.values()].reduce((sum, entry) => sum + entry.depth_unknown, 0);
  const signs = SIGNS.map((key) => element("li", { class: "sign" }, element("i", { class: `mark ${key}` }), text(key)));
  const dashed = element("li", { class: "sign" }, element("i", { class: "mark dashed" }), `${text("unknown_depth_sign")} (${unknown})`);
  byId("legend-signs").replaceChildren(...(unknown ? [dashed] : []), ...signs);
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
