// A pipe that is drawn on the map: its form, what it would be too near to, and the moves that clear it.

import { isShared } from "../access.js";
import { postJson } from "../api.js";
import { element } from "../dom.js";
import { actions, asQuery, button, cornersOf, drawingActions, form, heading, note, numberField, picture, rowButton, selectField } from "../pieces.js";
import { codeEntry, codeName, codesOf, message, text } from "../texts.js";
import { findings, placed } from "./clearance.js";

const MOST_LABELS = 40;

export const NEW_PIPE = { line: [], class_code: "water", width_mm: 300, cover_depth_m: 1 };
const HALF_CORRIDOR_M = 8;
const HALF_SECTION_M = 6;
// Sections along a pipe are stretched beyond this length.
const [UNSTRETCHED_M, MOST_STRETCHED] = [15, 10];
const BESIDE = ["horizontal", "stacked", "under_building"];

// Lines from a conflict to what it is with, where both heights are known.
export const gapsOf = (conflicts) => conflicts.map(({ nearest }) => nearest).filter(([from, to]) => from[2] !== null && to[2] !== null);

export function drawing({ pipe, drawn_axis: axis, conflicts }) {
  const marks = conflicts.map(placed).map((mark, rank) => (rank < MOST_LABELS ? mark : { ...mark, label: undefined }));
  return {
    segments: null,
    marks: { conflicts: marks, corners: cornersOf(pipe.line) },
    sketch: { ...pipe, axis: axis ?? [], gaps: gapsOf(conflicts) },
  };
}

// `drawer` says whether clicks add points, and changes that.
export function panel(answer, { question: { params }, again, go, flyTo, buttons, drawer }) {
  const accept = (move) => again(shifted(params, move));
  const isOwn = (move) => move?.side === "segment";
  const takeMove = ({ move }) => (isOwn(move) ? rowButton(text("accept_move"), () => accept(move), { "data-move": "one" }) : null);
  const cutAcross = ({ kind, point }) => (BESIDE.includes(kind) ? rowButton(text("cut_across"), () => go(() => sectionAcross(params, point)), { "data-cut": "across" }) : null);
  return [
    heading(text("drawn_title"), codeName("utility_class", params.class_code)),
    pipeForm(params, again),
    drawingActions(params, again, drawer, buttons),
    drawer.isOn ? note(text("click_to_draw")) : null,
    ...(answer.is_waiting ? [] : [
      ...(isShared ? [] : [actions(button("propose-route", text("propose_route"), () => go(() => ({ name: "route", params: { half_width_m: HALF_CORRIDOR_M, ...params }, names: {} })))), ...savingForm({ ...answer.pipe, line: params.line.map(([x, y]) => [x, y]) }, go)]),
      ...clearing(answer, accept), sectionAlong(params, answer), ...findings(answer, flyTo, (conflict) => [takeMove(conflict), cutAcross(conflict)]),
    ]),
  ];
}

function clearing({ clearing_move: move }, accept) {
  if (!move) return [];
  const take = button("accept-move", text("accept_move"), () => accept(move));
  return [element("div", { class: "clearing" }, element("p", {}, element("b", {}, text("clears_all")), " ", message(move)), take)];
}

// The attributes of a drawn pipe as the service takes them in an address.
export const pipeQuery = ({ line: _, pipe_line: __, half_width_m: ___, ...pipe }) => pipe;

// The pipe from the side with what it crosses; the longer the line, the more its heights are stretched.
function sectionAlong({ line, ...pipe }, { version }) {
  const exaggeration = Math.min(MOST_STRETCHED, Math.max(1, Math.round(lengthOf(line) / UNSTRETCHED_M)));
  return picture("section-along", "/api/section/drawing", { line: asQuery(line), ...pipeQuery(pipe), exaggeration, version });
}

const lengthOf = (line) => line.slice(1).reduce((sum, [x, y], at) => sum + Math.hypot(x - line[at][0], y - line[at][1]), 0);

// The section across the pipe at the place of it that is nearest to another.
function sectionAcross({ line, ...pipe }, [x, y]) {
  const pieces = line.slice(1).map((end, at) => [line[at], end]);
  const [[x1, y1, ...height], [x2, y2]] = pieces.reduce((best, piece) => (distanceTo(piece, x, y) < distanceTo(best, x, y) ? piece : best));
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const aside = [((y2 - y1) / length) * HALF_SECTION_M, (-(x2 - x1) / length) * HALF_SECTION_M];
  const ends = [-1, 1].map((side) => [x + side * aside[0], y + side * aside[1], ...height].map((metre) => Number(metre.toFixed(3))));
  return { name: "section", params: { ...pipeQuery(pipe), line: ends, pipe_line: line }, names: {} };
}

function distanceTo([[x1, y1], [x2, y2]], x, y) {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const share = Math.min(1, Math.max(0, ((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x1 + share * dx - x, y1 + share * dy - y);
}

// The whole pipe moved; up is less cover.
function shifted({ line, cover_depth_m: cover }, { dx_m, dy_m, dz_m }) {
  return { line: line.map(([x, y, ...z]) => [x + dx_m, y + dy_m, ...z]), cover_depth_m: Math.max(0, Number((cover - dz_m).toFixed(4))) };
}

// Class, pressure, burial, size and cover of a pipe that is not in the map.
export function pipeForm(params, again) {
  const isGas = codeEntry("utility_class", params.class_code)?.group === "gas";
  return form(
    choice("class_code", codesOf("utility_class"), params, (code) => again({ class_code: code, pressure_code: undefined })),
    isGas ? choice("pressure_code", [{ code: "" }, ...codesOf("pressure")], params, (code) => again({ pressure_code: code || undefined })) : null,
    choice("burial_code", [{ code: "" }, ...codesOf("burial")], params, (code) => again({ burial_code: code || undefined })),
    number("width_mm", params, again, { step: 1, min: 1 }),
    number("casing_mm", params, again, { step: 1, min: params.width_mm + 1, required: false }),
    number("cover_depth_m", params, again, { min: 0 }),
  );
}

// Parameters of a pipe that are numbers.
export const number = (name, params, again, limits) => numberField("drawn", name, params, again, limits);

// Name and button by which a pipe becomes a draft changeset, which is then shown.
export function savingForm(pipe, go) {
  const title = element("input", { type: "text", id: "design-title", maxlength: 200, value: `${text("drawn_title")} ${codeName("utility_class", pipe.class_code)}` });
  const save = async () => {
    const { changeset_id: id } = await postJson("/api/designs", { pipe, title: title.value.trim() || text("drawn_title") });
    return { name: "design", params: { id }, names: {} };
  };
  return [element("div", { class: "saving" }, title, button("save-design", text("save_design"), () => go(save)))];
}

const TABLES = { class_code: "utility_class", pressure_code: "pressure", burial_code: "burial" };

function choice(name, codes, params, choose) {
  const options = codes.map(({ code }) => [code, code ? codeName(TABLES[name], code) : "?"]);
  return selectField("drawn", name, options, params[name] ?? "", choose);
}
