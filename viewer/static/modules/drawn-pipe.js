// A pipe that is drawn and not in the map: its shape, and the ground that a click meets.

import { buildPipes } from "./pipes.js";
import { toScene } from "./scene.js";
import { codeEntry } from "./texts.js";

const ROUNDS = 4; // from the height last found to that of the ground there

// What the layers of pipes draw of one pipe, or of none.
export function drawnPipes(scene, sketch, near) {
  const axis = sketch?.axis ?? [];
  const columns = {
    segment_start: [0, axis.length],
    segment_vertex: Float32Array.from(axis.flatMap((place) => toScene(scene, place))),
    segment_class: axis.length ? [0] : [],
    segment_flags: [0],
    segment_shape: [0],
    segment_width_mm: [sketch?.casing_mm ?? sketch?.width_mm],
    segment_height_mm: [sketch?.casing_mm ?? sketch?.width_mm],
  };
  const colour = [...(codeEntry("utility_class", sketch?.class_code)?.color ?? [0, 0, 0]), 255];
  return buildPipes({ columns, classes: [sketch?.class_code], shapes: ["circle"] }, new Set(), () => colour, () => "dashed", near);
}

// Where the line of sight through a pixel meets the ground, in scene metres.
export function groundUnder(scene, viewport, [x, y], exaggeration) {
  const [, , depth] = viewport.project([...viewport.target]);
  const [from, to] = [depth * 0.99, depth].map((d) => viewport.unproject([x, y, d]));
  const at = (z) => {
    const share = (z - from[2]) / (to[2] - from[2]);
    return [0, 1].map((axis) => from[axis] + share * (to[axis] - from[axis]));
  };
  let place = at(0);
  for (let round = 0; round < ROUNDS; round++) place = at(groundHeight(scene, place) * exaggeration);
  return [...place, groundHeight(scene, place)];
}

// Height of the ground at a place; outside of the surveyed ground that of its nearest point.
function groundHeight(scene, place) {
  const { ground_vertex: xyz, ground_triangle: corners } = scene.columns;
  const vertex = (index) => xyz.subarray(corners[index] * 3, corners[index] * 3 + 3);
  for (let at = 0; at < corners.length; at += 3) {
    const height = heightWithin(place, vertex(at), vertex(at + 1), vertex(at + 2));
    if (height !== null) return height;
  }
  return nearestHeight(xyz, place);
}

// Height of a triangle above a place; null where the place is outside.
function heightWithin([x, y], [ax, ay, az], [bx, by, bz], [cx, cy, cz]) {
  const area = (by - cy) * (ax - cx) + (cx - bx) * (ay - cy);
  const a = ((by - cy) * (x - cx) + (cx - bx) * (y - cy)) / area;
  const b = ((cy - ay) * (x - cx) + (ax - cx) * (y - cy)) / area;
  return a >= 0 && b >= 0 && a + b <= 1 ? a * az + b * bz + (1 - a - b) * cz : null;
}

function nearestHeight(xyz, [x, y]) {
  let [height, least] = [0, Infinity];
  for (let at = 0; at < xyz.length; at += 3) {
    const distance = (xyz[at] - x) ** 2 + (xyz[at + 1] - y) ** 2;
    if (distance < least) [height, least] = [xyz[at + 2], distance];
  }
  return height;
}
