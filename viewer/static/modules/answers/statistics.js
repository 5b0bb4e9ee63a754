// How much there is of what: length, number, age and cover by class, owner, material or decade, as bars and rows; of the whole map, or within an area drawn on it.

import { element } from "../dom.js";
import { cornersOf, drawingActions, form, heading, list, note, picture, selectField } from "../pieces.js";
import { attributeValue, metres, text } from "../texts.js";

const BY = ["class_code", "owner", "material_code", "lifecycle_code", "decade"];
const DETAILS = ["depth", "decade", "material"];
const LEAST_CORNERS = 3;

export const NEW_STATISTICS = { line: [], by: "class_code", detail: "depth" };

export const hasArea = ({ line }) => line.length >= LEAST_CORNERS;

export function drawing({ question: { line } }) {
  const sides = line.length < 2 ? [] : line.map((corner, at) => [corner, line[(at + 1) % line.length]]);
  return { segments: null, marks: { corners: cornersOf(line) }, sketch: { axis: [], gaps: sides } };
}

export function panel({ groups, total, versions }, { question: { params }, again, buttons, drawer }) {
  const [whole] = total;
  return [
    heading(text("statistics"), whole ? kilometres(whole.length_m) : ""),
    form(choice("by", BY, params, again), choice("detail", DETAILS, params, again)),
    drawingActions(params, again, drawer, buttons, "draw_an_area"),
    drawer.isOn ? note(text("click_an_area")) : null,
    whole ? null : note(text("empty")),
    hasArea(params) ? null : picture("statistics-drawing", "/api/statistics/drawing", { by: params.by, detail: params.detail, version: versions }),
    ...list("statistics_groups", groups, (group) => groupRow(group, params.by)),
  ];
}

const kilometres = (length) => (length < 1000 ? metres(Math.round(length)) : `${(length / 1000).toFixed(2)} km`);

function groupRow({ group, segments, length_m, mean_age_years: age, mean_cover_m: cover, least_cover_m: least, greatest_cover_m: greatest }, by) {
  const value = group[by];
  const name = value === null ? text("statistics_unknown") : attributeValue("pipe_segment", by, value);
  const depth = cover === null ? null : `${text("cover")} ${metres(cover)} (${metres(least)} – ${metres(greatest)})`;
  const years = age === null ? null : text("statistics_age").replace("{years}", age.toFixed(0));
  return element("li", {}, element("b", {}, name), element("small", {}, [kilometres(length_m), `${segments} ${text("segments")}`, depth, years].filter(Boolean).join(" · ")));
}

function choice(name, options, params, again) {
  const made = options.map((value) => [value, text(`statistics_${value}`)]);
  return selectField("statistics", name, made, params[name], (value) => again({ [name]: value }));
}
