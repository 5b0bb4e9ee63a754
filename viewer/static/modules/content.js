// From scene and answer to what each layer draws: the constants that the deck's declaration refers to.

import { drawnPipes } from "./drawn-pipe.js";
import { markNames } from "./looks.js";
import { buildPipes } from "./pipes.js";
import { DEPTH_UNKNOWN, INACTIVE, NO_CODE, toScene } from "./scene.js";
import { signOf } from "./symbols.js";
import { codeEntry } from "./texts.js";

const PICKED = { color: [255, 214, 10, 255], pattern: "solid" };
const UNKNOWN = [102, 0, 204];
const SMALL_SIGNS = new Set(["well", "inlet"]);
const FADED_SHARE = 0.75;

// `drawing` is what an answer wants drawn: `segments` maps identities to looks, `marks` has places by kind of mark;
// `tint` colours segments where no answer does.
export function buildContent(scene, { hidden, drawing, tint, picked, found, known, agreement, near, close }) {
  const ids = scene.columns.segment_id;
  const looks = drawing?.segments ?? tint;
  const isPicked = (segment) => picked?.kind === "pipe_segment" && picked.index === segment;
  const lookOf = (segment) => (isPicked(segment) ? PICKED : looks?.get(ids[segment]));
  return {
    pipes: buildPipes(scene, hidden, pipeColour(scene, lookOf, Boolean(looks)), (segment) => lookOf(segment)?.pattern, near),
    nodes: buildNodes(scene, hidden, near, close),
    consumers: near ? buildConsumers(scene) : [],
    structures: buildStructures(scene),
    ground: { vertices: scene.columns.ground_vertex, triangles: scene.columns.ground_triangle },
    ...buildSketch(scene, drawing?.sketch, near),
    granted: outlines(scene, agreement?.rings),
    sites: outlines(scene, agreement?.sites.flatMap(({ rings }) => rings)),
    ...buildMarks(scene, { known_conflicts: known ?? [], ...drawing?.marks }, found),
  };
}

function pipeColour(scene, lookOf, isFaded) {
  const { segment_class: classes, segment_flags: flags } = scene.columns;
  const own = scene.classes.map((code) => [...(codeEntry("utility_class", code)?.color ?? UNKNOWN), 255]);
  const faded = own.map((color) => [...color.slice(0, 3).map((c) => c + (205 - c) * FADED_SHARE), 255]);
  return (segment) => {
    const look = lookOf(segment);
    if (look?.color) return look.color;
    const stepsBack = !look && (isFaded || flags[segment] & INACTIVE);
    return (stepsBack ? faded : own)[classes[segment]] ?? [...UNKNOWN, 255];
  };
}

function buildNodes(scene, hidden, near, close) {
  const { node_place: xyz, node_class: classes, node_appurtenance: kinds, node_state: states } = scene.columns;
  const depths = close ? lowestEnds(scene) : new Map();
  const [points, signs, shafts] = [[], [], []];
  for (let index = 0; index < classes.length; index++) {
    const code = scene.classes[classes[index]] ?? "unknown";
    if (hidden.has(code)) continue;
    const [x, y, z] = xyz.subarray(index * 3, index * 3 + 3);
    const position = [x, y, Number.isNaN(z) ? 0 : z];
    const role = kinds[index] === NO_CODE ? null : codeEntry("appurtenance", scene.appurtenances[kinds[index]])?.role;
    const sign = signOf(role, scene.valve_states[states[index]]);
    const isSmall = SMALL_SIGNS.has(sign);
    if (sign && (sign === "source" || (isSmall ? close : near))) signs.push({ index, position, sign, size: isSmall ? 15 : 22 });
    else if (close && !sign) points.push({ index, position, color: codeEntry("utility_class", code)?.color ?? UNKNOWN });
    const bottom = depths.get(`${x},${y}`);
    if (bottom < position[2]) shafts.push({ from: position, to: [x, y, bottom] });
  }
  return { points, signs, shafts };
}

// The lowest pipe end of known depth at each plan position, to hang the ground's signs on.
function lowestEnds(scene) {
  const { segment_start: starts, segment_vertex: xyz, segment_flags: flags } = scene.columns;
  const lowest = new Map();
  for (let segment = 0; segment < flags.length; segment++) {
    if (flags[segment] & DEPTH_UNKNOWN) continue;
    for (const vertex of [starts[segment], starts[segment + 1] - 1]) {
      const [x, y, z] = xyz.subarray(vertex * 3, vertex * 3 + 3);
      const key = `${x},${y}`;
      if (!(lowest.get(key) <= z)) lowest.set(key, z);
    }
  }
  return lowest;
}

function buildConsumers(scene) {
  const { consumer_place: xyz, consumer_is_critical: critical } = scene.columns;
  return Array.from(critical, (isCritical, index) => ({
    index,
    position: [...xyz.subarray(index * 3, index * 3 + 3)],
    sign: isCritical ? "critical" : "consumer",
    size: isCritical ? 24 : 16,
  }));
}

function buildStructures(scene) {
  const { structure_start: starts, structure_vertex: xyz, structure_top: tops } = scene.columns;
  return Array.from(tops, (top, index) => {
    const outline = [];
    for (let at = starts[index] * 3; at < starts[index + 1] * 3; at += 3) outline.push([xyz[at], xyz[at + 1], 0]);
    return { outline, height: Number.isNaN(top) ? 0 : Math.max(top, 0) };
  });
}

function buildSketch(scene, sketch, near) {
  const gaps = (sketch?.gaps ?? []).map(([from, to]) => ({ from: toScene(scene, from), to: toScene(scene, to) }));
  const outline = (sketch?.corridor ?? []).map((place) => toScene(scene, place));
  const lines = (sketch?.lines ?? []).map(([from, to]) => ({ from: toScene(scene, from), to: toScene(scene, to) }));
  const corridor = [...outline.slice(1).map((to, index) => ({ from: outline[index], to })), ...lines];
  return { sketch: drawnPipes(scene, sketch, near), gaps, corridor };
}

// Rings on the ground as lines from corner to corner.
function outlines(scene, rings = []) {
  return rings.flatMap((ring) => ring.slice(1).map(([x, y], at) => ({ from: toScene(scene, ring[at].slice(0, 2)), to: toScene(scene, [x, y]) })));
}

function buildMarks(scene, marks, found) {
  const located = (places) => places.filter((place) => place.x_m !== null && place.x_m !== undefined);
  const placed = ({ x_m, y_m, z_m, text, label }) => ({ position: toScene(scene, [x_m, y_m, z_m]), text, label });
  const shown = Object.fromEntries(markNames().map((name) => [name, located(marks[name] ?? []).map(placed)]));
  return { ...shown, found: found ? [{ position: found }] : [] };
}
