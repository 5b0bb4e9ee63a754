// The map coloured by how much hangs on each segment, and the segments on which most hangs.

import { getJson } from "./api.js";
import { element } from "./dom.js";
import { ramp } from "./looks.js";
import { heading, list, note } from "./pieces.js";
import { codeEntry, codeName, metres, text } from "./texts.js";

export const MEASURES = ["people", "consumers", "critical", "stations", "valves", "length_m"];
const WORST = 200; // asked for, of which the first few stretches are listed
const LISTED = 12;

// One class of each group of pressure pipes on the map.
export function colourableClasses(scene) {
  const byGroup = new Map();
  for (const code of scene.summary.keys()) {
    const { flow, group } = codeEntry("utility_class", code) ?? {};
    if (flow === "pressure" && !byGroup.has(group)) byGroup.set(group, code);
  }
  return [...byGroup.values()];
}

export async function askColouring(measure, classCode, version) {
  const path = "/api/trace/criticality";
  const [all, worst] = await Promise.all([getJson(path, { class_code: classCode, version }), getJson(path, { class_code: classCode, version, limit: WORST })]);
  return { measure, classCode, all, worst, steps: stepsOf(all[measure]) };
}

// Lowest values of up to five steps that hold about as many of the values above 0 each.
function stepsOf(values) {
  const above = values.filter((value) => value > 0).sort((one, other) => one - other);
  const distinct = [...new Set(above)];
  const most = ramp().length - 1;
  if (distinct.length <= most) return distinct;
  return [...new Set(Array.from({ length: most }, (_, step) => above[Math.floor((step * above.length) / most)]))];
}

// 0 is a look of its own, the steps fill the ramp from its dark end.
function lookAt(steps, value) {
  const step = steps.findLastIndex((lowest) => value >= lowest);
  return step < 0 || value <= 0 ? ramp()[0] : ramp()[ramp().length - steps.length + step];
}

// What the map draws of it: looks by identity, and what each look means, the most first.
export function tintOf({ measure, all, steps }) {
  const values = all[measure];
  const [segments, found] = [new Map(), new Map()];
  all.segment_ids.forEach((id, index) => {
    const [value, look] = [values[index], lookAt(steps, values[index])];
    segments.set(id, look);
    const step = found.get(look) ?? { look, low: value, high: value, count: 0 };
    found.set(look, { look, low: Math.min(step.low, value), high: Math.max(step.high, value), count: step.count + 1 });
  });
  const legend = [...found.values()].sort((one, other) => other.low - one.low);
  return { segments, title: text(`measure_${measure}`), steps: legend.map(({ low, high, ...step }) => ({ ...step, words: range(low, high) })) };
}

const shown = (value) => value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 0 });
const range = (low, high) => (shown(low) === shown(high) ? shown(low) : `${shown(low)} – ${shown(high)}`);

export function colouringPanel({ worst, classCode }, show) {
  const row = ({ ids, index }) => {
    const name = worst.source_keys[index] ?? String(ids[0]);
    const others = ids.length > 1 ? ` +${ids.length - 1}` : "";
    const open = element("button", { type: "button", class: "place", onclick: () => show(ids[0]) }, name + others);
    return element("li", {}, open, element("small", {}, figures(worst, index)));
  };
  return [heading(text("colouring_title"), codeName("utility_class", classCode)), note(text("colouring_note")), ...list("worst", stretches(worst).slice(0, LISTED), row)];
}

// Segments that fall dry together have the same figures: one entry for them all.
function stretches(columns) {
  const found = new Map();
  columns.segment_ids.forEach((id, index) => {
    const key = MEASURES.map((measure) => columns[measure][index]).join();
    if (!found.has(key)) found.set(key, { ids: [], index });
    found.get(key).ids.push(id);
  });
  return [...found.values()];
}

// What hangs on one segment, as a line; null for a segment of another utility.
export function hangsOn({ all }, id) {
  const index = all.segment_ids.indexOf(id);
  return index < 0 ? null : figures(all, index);
}

function figures(columns, index) {
  const counted = ["people", "consumers", "critical", "stations", "valves"].filter((name) => columns[name][index] || name === "people");
  return [...counted.map((name) => `${columns[name][index]} ${text(`unit_${name}`)}`), metres(columns.length_m[index])].join(" · ");
}
