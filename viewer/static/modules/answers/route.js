// The route proposed for a new pipe along a drawn line: what it crosses, or what stands in the way of any.

import { element } from "../dom.js";
import { actions, button, cornersOf, form, heading, list, note } from "../pieces.js";
import { codeName, message, metres, reason, text } from "../texts.js";
import { conflictRow, placed } from "./clearance.js";
import { gapsOf, number, savingForm } from "./drawn.js";

export function drawing({ question: { line }, pipe, corridor, crossings, blocked_by: conflicts }) {
  const z = line[0][2] ?? pipe?.line[0][2] ?? null;
  const [first, last] = [line[0], line.at(-1)];
  const crossed = crossings.map(({ point: [x_m, y_m, z_m] }) => ({ x_m, y_m, z_m }));
  return {
    segments: null,
    marks: { conflicts: conflicts.map(placed), crossings: crossed, corners: cornersOf([first, last]) },
    sketch: { ...pipe, axis: pipe?.line ?? [], gaps: gapsOf(conflicts), corridor: corridor.map(([x, y]) => [x, y, z]) },
  };
}

export function panel(answer, { question: { params }, again, go, flyTo, buttons }) {
  const back = button("back-to-drawing", text("back_to_drawing"), () => go(() => ({ name: "drawn", params, names: {} })));
  return [
    heading(text("route_title"), codeName("utility_class", params.class_code)),
    form(number("cover_depth_m", params, again, { min: 0 }), number("half_width_m", params, again, { min: 0.5 })),
    actions(back, ...buttons),
    element("p", { class: answer.found ? "figure" : "warning", id: "route-told", "data-found": String(answer.found) }, message(answer)),
    ...(answer.found ? savingForm(answer.pipe, go) : blocked(answer, flyTo)),
    ...list("route_crossings", answer.crossings, (crossing) => crossingRow(crossing, flyTo)),
    note(text("route_grid").replace("{cell}", metres(answer.cell_m))),
  ];
}

function blocked({ blocked_by: conflicts, cannot_tell: untold }, flyTo) {
  return [
    ...(conflicts.length ? [element("h3", {}, text("route_blocked")), element("ol", { class: "places conflicts", "data-list": "route_blocked" }, ...conflicts.map((conflict) => conflictRow(conflict, flyTo)))] : []),
    ...list("cannot_tell", untold, (item) => element("li", {}, `${item.other_source_key ?? item.other_id ?? ""} ${reason(item)}`)),
  ];
}

function crossingRow({ other_class_code: code, other_source_key: key, is_above, between_m, limit_m, point }, flyTo) {
  const passes = is_above === null ? "passes_unknown" : is_above ? "passes_above" : "passes_below";
  const between = between_m === null ? null : `${metres(between_m)}${limit_m === null ? "" : ` (${text("limit")} ${metres(limit_m)})`}`;
  return element(
    "li",
    {},
    element("button", { type: "button", class: "place", onclick: () => flyTo(point) }, `${codeName("utility_class", code)} ${key}`),
    element("small", {}, [text(passes), between].filter(Boolean).join(" · ")),
  );
}
