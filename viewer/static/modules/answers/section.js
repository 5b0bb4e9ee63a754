// A section drawn across the street: every pipe it cuts with offset, depth and size, to scale.

import { isShared } from "../access.js";
import { element } from "../dom.js";
import { paint } from "../looks.js";
import { actions, asQuery, button, cornersOf, drawingActions, heading, list, note, picture, pipeName, placeRow } from "../pieces.js";
import { codeName, message, metres, text } from "../texts.js";
import { NEW_PIPE, pipeQuery } from "./drawn.js";

export const NEW_SECTION = { line: [] };

// The section as the service is asked for it, with the drawn pipe that it shows.
export const sectionQuery = ({ line, pipe_line: axis, ...pipe }) => ({ line: asQuery(line), ...(axis && { ...pipeQuery(pipe), pipe_line: asQuery(axis) }) });

export function drawing({ line, cuts }) {
  const told = cuts.map(({ feature_id }) => feature_id).filter(Boolean);
  return {
    segments: told.length ? paint({ told }) : null,
    marks: { corners: cornersOf(line) },
    sketch: { axis: [], corridor: line },
  };
}

export function panel(answer, { question: { params }, again, go, flyTo, buttons, drawer }) {
  const { line, pipe_line: axis } = params;
  const back = axis && button("back-to-drawing", text("back_to_drawing"), () => go(() => ({ name: "drawn", params: { ...pipeQuery(params), line: axis }, names: {} })));
  return [
    heading(text("section_title"), answer.is_waiting ? "" : metres(answer.length_m)),
    drawingActions(params, again, drawer, [back, ...buttons]),
    drawer.isOn ? note(text("click_to_section")) : null,
    ...(answer.is_waiting ? [] : [
      isShared ? null : actions(button("find-room", text("find_room"), () => go(() => ({ name: "room", params: { ...NEW_PIPE, ...pipeQuery(params), line }, names: {} })))),
      picture("section-drawing", "/api/section/drawing", { ...sectionQuery(params), version: answer.version }),
      ...list("section_cuts", answer.cuts, (cut) => cutRow(cut, flyTo), text("section_empty")),
      ...list("section_too_near", answer.too_near, (pair) => element("li", {}, `${pair.one}–${pair.other}`, element("small", {}, message(pair)))),
    ]),
  ];
}

function cutRow(cut, flyTo) {
  const depth = cut.cover_depth_m === null ? text("depth_unknown") : text("section_cover").replace("{depth}", metres(cut.cover_depth_m));
  const about = [text("section_offset").replace("{offset}", metres(cut.station_m)), depth, sizeOf(cut), cut.owner, cut.is_live ? null : text("dig_out_of_use")];
  const name = cut.is_drawn ? `${codeName("utility_class", cut.class_code)} (${text("drawn_title")})` : pipeName(cut);
  return placeRow({ x_m: cut.x_m, y_m: cut.y_m, z_m: cut.axis_z_m }, name, flyTo, [about.filter(Boolean).join(" · ")]);
}

export function sizeOf({ width_mm, height_mm, shape_code }) {
  if (width_mm === null) return null;
  return shape_code === "circle" || height_mm === null ? `⌀${width_mm}` : `${width_mm}×${height_mm}`;
}
