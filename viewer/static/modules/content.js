// From scene and answer to what each layer draws: the constants that the deck's declaration refers to.

import { buildPipes } from "./pipes.js";
import { DEPTH_UNKNOWN, INACTIVE, NO_CODE, toScene } from "./scene.js";
import { signOf } from "./symbols.js";
import { codeEntry } from "./texts.js";

const ZONES = { isolated: [214, 31, 38, 255], dry: [245, 139, 32, 255], already_dry: [96, 104, 116, 255] };
const PICKED = [255, 214, 10, 255];
const UNKNOWN = [102, 0, 204];
const SMALL_SIGNS = new Set(["well", "inlet"]);
const FADED_SHARE = 0.75;

export function buildContent(scene, state) {
  const { hidden, answer, picked, near, close } = state;
  const zones = zoneOfSegment(answer);
  const isPicked = (segment) => picked?.kind === "pipe_segment" && picked.index === segment;
  const isStressed = (segment) => isPicked(segment) || zones?.has(scene.columns.segment_id[segment]);
  return {
    pipes: buildPipes(scene, hidden, pipeColour(scene, zones, isPicked), isStressed, near),
    nodes: buildNodes(scene, hidden, near, close),
    consumers: near ? buildConsumers(scene) : [],
    structures: buildStructures(scene),
    ground: { vertices: scene.columns.ground_vertex, triangles: scene.columns.ground_triangle },
    ...buildMarks(scene, state),
  };
}

function pipeColour(scene, zones, isPicked) {
  const { segment_class: classes, segment_id: ids, segment_flags: flags } = scene.columns;
  const own = scene.classes.map((code) => [...(codeEntry("utility_class", code)?.color ?? UNKNOWN), 255]);
  const faded = own.map((color) => [...color.slice(0, 3).map((c) => c + (205 - c) * FADED_SHARE), 255]);
  return (segment) => {
    if (isPicked(segment)) return PICKED;
    if (zones) return ZONES[zones.get(ids[segment])] ?? faded[classes[segment]];
    return (flags[segment] & INACTIVE ? faded : own)[classes[segment]] ?? [...UNKNOWN, 255];
  };
}

function zoneOfSegment(answer) {
  if (answer?.type !== "burst") return null;
  const zones = ["isolated", "dry", "already_dry"];
  return new Map(zones.flatMap((zone) => answer[`${zone}_segment_ids`].map((id) => [id, zone])));
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

function buildMarks(scene, { answer, found }) {
  const mark = (place) => ({ position: toScene(scene, [place.x_m, place.y_m, place.z_m]), text: place.text });
  const located = (places) => (places ?? []).filter((place) => place.x_m !== null).map(mark);
  const burst = answer?.type === "burst" ? answer : null;
  const conflicts = answer?.type === "clearance" ? answer.conflicts : [];
  return {
    found: found ? [{ position: found }] : [],
    conflicts: conflicts.map(({ point }) => ({ position: toScene(scene, point) })),
    critical: located(burst?.consumers.critical),
    hydrants_lost: located(burst?.hydrants_lost),
    burst: located(burst?.burst),
    valves: located(burst?.valves_to_close.map((valve, index) => ({ ...valve, text: String(valve.order ?? index + 1) }))),
  };
}
