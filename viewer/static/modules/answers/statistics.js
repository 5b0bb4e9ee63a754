// How much there is of what: length, number, age and cover by class, owner, material or decade, as bars and rows.

import { element } from "../dom.js";
import { actions, form, heading, list, note, picture, selectField } from "../pieces.js";
import { attributeValue, metres, text } from "../texts.js";

const BY = ["class_code", "owner", "material_code", "lifecycle_code", "decade"];
const DETAILS = ["depth", "decade", "material"];

export const NEW_STATISTICS = { by: "class_code", detail: "depth" };

export const drawing = () => ({ segments: null, marks: {} });

export function panel({ groups, total, versions }, { question: { params }, again, buttons }) {
  const [whole] = total;
  return [
    heading(text("statistics"), whole ? kilometres(whole.length_m) : ""),
    form(choice("by", BY, params, again), choice("detail", DETAILS, params, again)),
    actions(...buttons),
    whole ? null : note(text("empty")),
    picture("statistics-drawing", "/api/statistics/drawing", { ...params, version: versions }),
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
