// The long profile of a run: ground, wells, levels and slopes from the side, and what crosses it.

import { paint } from "../looks.js";
import { actions, heading, list, note, picture, pipeName, placeRow } from "../pieces.js";
import { message, metres, text } from "../texts.js";
import { along } from "./room.js";
import { sizeOf } from "./section.js";

// A run is named by its segments in order, or by the two nodes it goes between.
export const startRun = (kind, id) => (kind === "node" ? { segment_id: [], from_node_id: id } : { segment_id: [id] });
export const isOpenRun = ({ from_node_id, to_node_id }) => Boolean(from_node_id) && !to_node_id;

export function lengthenRun(params, kind, id) {
  if (kind === "node") return params.from_node_id ? { ...params, to_node_id: id } : startRun(kind, id);
  return params.from_node_id ? startRun(kind, id) : { segment_id: [...new Set([...params.segment_id, id])] };
}

const placeOf = ({ line }, station, z) => {
  const [x_m, y_m] = along(line, station);
  return { x_m, y_m, z_m: z };
};

export function drawing(answer) {
  if (answer.is_waiting) return { segments: null, marks: {} };
  const crossings = answer.crossings.map((one) => placeOf(answer, one.station_m, one.axis_z_m));
  const segmentIds = answer.pipes.map(({ segment_id }) => segment_id);
  return { segments: paint({ told: segmentIds }), marks: { crossings }, frame: { segmentIds, places: [] } };
}

export function panel(answer, { question: { params, title }, flyTo, buttons }) {
  if (answer.is_waiting) return [heading(text("ask_profile"), title ?? ""), actions(...buttons), note(text("click_the_end").replace("{join}", text("join_profile")))];
  return [
    heading(text("ask_profile"), metres(answer.length_m), answer.pipes[0]?.class_code),
    actions(...buttons),
    note(text(params.from_node_id ? "profile_between" : "profile_longer")),
    picture("profile-drawing", "/api/profile/drawing", { ...params, version: answer.version }),
    ...list("profile_pipes", answer.pipes, (pipe) => pipeRow(pipe, answer, flyTo)),
    ...list("profile_crossings", answer.crossings, (crossing) => crossingRow(crossing, answer, flyTo)),
  ];
}

function pipeRow(pipe, answer, flyTo) {
  const slope = pipe.slope_permille === null ? text("profile_slope_unknown") : `${pipe.slope_permille.toFixed(1)} ‰`;
  return placeRow(placeOf(answer, (pipe.from_station_m + pipe.to_station_m) / 2, pipe.start.axis_z_m), pipe.source_key, flyTo, [[metres(pipe.length_m), sizeOf(pipe), slope].filter(Boolean).join(" · ")]);
}

function crossingRow(crossing, answer, flyTo) {
  const gap = crossing.gap_m === null ? text("depth_unknown") : `${text(crossing.is_above ? "profile_above" : "profile_below")} ${metres(crossing.gap_m)}`;
  return placeRow(placeOf(answer, crossing.station_m, crossing.axis_z_m), pipeName(crossing), flyTo, [gap, crossing.message_en ? message(crossing) : null]);
}
