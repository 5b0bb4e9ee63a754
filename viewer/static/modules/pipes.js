// From the scene to instance arrays: what to draw of the pipes, with which colour.

import { DEPTH_UNKNOWN } from "./scene.js";

const RECT = "rect";
const LINE_SHARE_OF_TUBE = 0.6; // the far-view line hides inside the near-view tube

const PATTERNS = ["solid", "dashed", "dotted"];

// `patternOf` gives the pattern of a segment that an answer is about, undefined for others. One entry per drawn group; `segments` maps a picked instance back to its segment.
export function buildPipes(scene, hidden, colour, patternOf, near) {
  const { segment_class: classes, segment_flags: flags } = scene.columns;
  const shown = [];
  const unknown = [];
  for (let segment = 0; segment < classes.length; segment++) {
    if (hidden.has(scene.classes[classes[segment]] ?? "unknown")) continue;
    (flags[segment] & DEPTH_UNKNOWN ? unknown : shown).push(segment);
  }
  const solid = near ? buildSolids(scene, shown, colour) : { tubes: null, joints: null, ducts: null };
  return {
    lines: buildLines(scene, shown, colour),
    unknown: buildLines(scene, unknown, colour),
    ...buildStress(scene, [...shown, ...unknown], colour, patternOf),
    ...solid,
  };
}

function buildStress(scene, segments, colour, patternOf) {
  const groups = Object.fromEntries(PATTERNS.map((pattern) => [pattern, []]));
  for (const segment of segments) groups[patternOf(segment)]?.push(segment);
  return Object.fromEntries(PATTERNS.map((pattern) => [`stress_${pattern}`, buildLines(scene, groups[pattern], colour)]));
}

function buildLines(scene, segments, colour) {
  const { segment_start: starts, segment_vertex: xyz } = scene.columns;
  const total = segments.reduce((sum, segment) => sum + starts[segment + 1] - starts[segment], 0);
  const path = new Float32Array(total * 3);
  const colours = new Uint8Array(total * 4);
  const widths = new Float32Array(total);
  const startIndices = new Uint32Array(segments.length + 1);
  let at = 0;
  segments.forEach((segment, index) => {
    const [first, end] = [starts[segment], starts[segment + 1]];
    path.set(xyz.subarray(first * 3, end * 3), at * 3);
    const [width, height] = halfSize(scene, segment);
    for (let vertex = at; vertex < at + end - first; vertex++) {
      colours.set(colour(segment), vertex * 4);
      widths[vertex] = (Math.min(width, height) || 0) * 2 * LINE_SHARE_OF_TUBE;
    }
    at += end - first;
    startIndices[index + 1] = at;
  });
  const attributes = {
    getPath: { value: path, size: 3 },
    getColor: { value: colours, size: 4, normalized: true },
    getWidth: { value: widths, size: 1 },
  };
  return { segments, data: { length: segments.length, startIndices, attributes } };
}

// Half the outer width and height in metres; NaN when the survey does not say.
function halfSize(scene, segment) {
  const { segment_width_mm: widths, segment_height_mm: heights } = scene.columns;
  const width = widths[segment] || heights[segment];
  const height = heights[segment] || widths[segment];
  return [width / 2000, height / 2000];
}

function buildSolids(scene, segments, colour) {
  const { segment_shape: shapes, segment_width_mm: widths, segment_height_mm: heights } = scene.columns;
  const rect = scene.shapes.indexOf(RECT);
  const sized = segments.filter((segment) => widths[segment] > 0 || heights[segment] > 0);
  const round = sized.filter((segment) => shapes[segment] !== rect);
  const square = sized.filter((segment) => shapes[segment] === rect);
  return {
    tubes: buildPieces(scene, round, colour),
    joints: buildJoints(scene, round, colour),
    ducts: buildPieces(scene, square, colour),
  };
}

// A straight piece: the unit mesh (radius 1, z 0..1) carried onto the axis between two vertices.
function buildPieces(scene, segments, colour) {
  const { segment_start: starts, segment_vertex: xyz } = scene.columns;
  const total = segments.reduce((sum, segment) => sum + starts[segment + 1] - starts[segment] - 1, 0);
  const instances = newInstances(total);
  let piece = 0;
  for (const segment of segments) {
    const [width, height] = halfSize(scene, segment);
    for (let at = starts[segment] * 3; at < (starts[segment + 1] - 1) * 3; at += 3) {
      const along = [xyz[at + 3] - xyz[at], xyz[at + 4] - xyz[at + 1], xyz[at + 5] - xyz[at + 2]];
      const across = sideways(along);
      const up = upwards(across, along);
      instances.matrices.set([...across.map((c) => c * width), ...up.map((c) => c * height), ...along, 0, 0, 0], piece * 12);
      setInstance(instances, piece++, segment, xyz.subarray(at, at + 3), colour(segment));
    }
  }
  return finished(instances);
}

// A ball at every vertex, so that bends and joins are closed.
function buildJoints(scene, segments, colour) {
  const { segment_start: starts, segment_vertex: xyz } = scene.columns;
  const total = segments.reduce((sum, segment) => sum + starts[segment + 1] - starts[segment], 0);
  const instances = newInstances(total);
  let joint = 0;
  for (const segment of segments) {
    const [radius] = halfSize(scene, segment);
    for (let vertex = starts[segment]; vertex < starts[segment + 1]; vertex++) {
      instances.matrices.set([radius, 0, 0, 0, radius, 0, 0, 0, radius, 0, 0, 0], joint * 12);
      setInstance(instances, joint++, segment, xyz.subarray(vertex * 3, vertex * 3 + 3), colour(segment));
    }
  }
  return finished(instances);
}

// Horizontal unit vector square to the axis; any for a vertical pipe.
function sideways([x, y]) {
  const run = Math.hypot(x, y);
  return run > 1e-6 ? [-y / run, x / run, 0] : [1, 0, 0];
}

// along × across: with `across` and `along` a right-handed triple.
function upwards([ax, ay], [x, y, z]) {
  const length = Math.hypot(x, y, z) || 1;
  return [(-z * ay) / length, (z * ax) / length, (x * ay - y * ax) / length];
}

function newInstances(count) {
  return {
    segments: new Uint32Array(count),
    positions: new Float32Array(count * 3),
    colours: new Uint8Array(count * 4),
    matrices: new Float32Array(count * 12),
  };
}

function setInstance(instances, index, segment, position, colour) {
  instances.segments[index] = segment;
  instances.positions.set(position, index * 3);
  instances.colours.set(colour, index * 4);
}

function finished({ segments, positions, colours, matrices }) {
  const attributes = {
    getPosition: { value: positions, size: 3 },
    getColor: { value: colours, size: 4, normalized: true },
    instanceModelMatrix: { value: matrices, size: 12 },
  };
  return { segments, data: { length: segments.length, attributes } };
}
