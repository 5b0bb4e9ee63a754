// Room for a new pipe across a drawn section: the strips where it keeps every clearance.

import { actions, asQuery, button, cornersOf, heading, list, picture, pipeName, placeRow } from "../pieces.js";
import { codeName, metres, text } from "../texts.js";
import { pipeForm } from "./drawn.js";

export const roomQuery = ({ line, ...pipe }) => ({ ...pipe, line: asQuery(line) });

export function drawing({ line, question, strips }) {
  const z = question.line[0][2];
  const lines = strips.map(({ from_m, to_m }) => [from_m, to_m].map((station) => [...along(line, station), z]));
  return { segments: null, marks: { corners: cornersOf(question.line) }, sketch: { axis: [], lines } };
}

// The place so many metres along a line.
export function along(line, station) {
  let before = 0;
  for (let at = 1; at < line.length; at++) {
    const [[x, y], [toX, toY]] = [line[at - 1], line[at]];
    const length = Math.hypot(toX - x, toY - y);
    if (station <= before + length || at === line.length - 1) {
      const share = Math.min(1, (station - before) / length);
      return [x + (toX - x) * share, y + (toY - y) * share];
    }
    before += length;
  }
  return line[0];
}

export function panel(answer, { question: { params }, again, go, flyTo, buttons }) {
  const back = button("back-to-section", text("back_to_section"), () => go(() => ({ name: "section", params: { line: params.line }, names: {} })));
  return [
    heading(text("room_title"), codeName("utility_class", params.class_code)),
    pipeForm(params, again),
    actions(back, ...buttons),
    picture("room-drawing", "/api/room/drawing", { ...roomQuery(params), version: answer.version }),
    ...list("room_strips", answer.strips, (strip) => stripRow(strip, answer.line, flyTo), text("room_none")),
  ];
}

function stripRow(strip, line, flyTo) {
  const fits = { true: "room_fits", false: "room_crosses", null: "room_untold" }[String(strip.is_free_at_cover)];
  const [x_m, y_m] = along(line, (strip.from_m + strip.to_m) / 2);
  const bounds = [strip.left, strip.right].map(boundWords).join(" | ");
  return placeRow({ x_m, y_m }, `${metres(strip.from_m)} – ${metres(strip.to_m)}`, flyTo, [text(fits), bounds, ...strip.blocked.map(blockedWords)]);
}

function blockedWords({ from_cover_m: from, to_cover_m: to, ...pipe }) {
  const covers = from === null ? text("depth_unknown") : text("room_not_at").replace("{from}", metres(Math.max(0, from))).replace("{to}", metres(to));
  return `${pipeName(pipe)}: ${covers}`;
}

function boundWords({ kind, code, source_key, limit_m, is_certain }) {
  if (kind === "end") return text("room_end");
  const name = codeName(kind === "pipe" ? "utility_class" : "structure_kind", code);
  const limit = limit_m === null ? "" : ` (${text("limit")} ${metres(limit_m)})`;
  return `${name} ${source_key ?? ""}${limit}${is_certain ? "" : " ?"}`;
}
