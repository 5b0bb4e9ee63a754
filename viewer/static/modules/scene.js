// Decodes the binary scene: header length, header, then the typed arrays the header names.

const ARRAYS = { float32: Float32Array, float64: Float64Array, uint32: Uint32Array, uint8: Uint8Array };

// Bits of segment_flags.
export const DEPTH_UNKNOWN = 1;
export const INACTIVE = 8;
export const NO_CODE = 255;

export function decodeScene(buffer) {
  const start = 4 + new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, start - 4)));
  const columns = {};
  for (const [name, { dtype, offset, length }] of Object.entries(header.columns)) {
    columns[name] = new ARRAYS[dtype](buffer, start + offset, length);
  }
  return { ...header, columns, summary: summarise(header, columns) };
}

// Segment count and length in metres of every class that occurs; plan length where the depth is unknown.
function summarise(header, columns) {
  const { segment_start: starts, segment_class: classes, segment_flags: flags, segment_vertex: xyz } = columns;
  const summary = new Map();
  for (let segment = 0; segment < classes.length; segment++) {
    const code = header.classes[classes[segment]] ?? "unknown";
    const entry = summary.get(code) ?? { count: 0, length_m: 0, depth_unknown: 0 };
    const flat = flags[segment] & DEPTH_UNKNOWN;
    for (let at = starts[segment] * 3; at < (starts[segment + 1] - 1) * 3; at += 3) {
      const rise = flat ? 0 : xyz[at + 5] - xyz[at + 2];
      entry.length_m += Math.hypot(xyz[at + 3] - xyz[at], xyz[at + 4] - xyz[at + 1], rise);
    }
    entry.count += 1;
    entry.depth_unknown += flat ? 1 : 0;
    summary.set(code, entry);
  }
  return summary;
}

// West, south, east and north of some segments and places, in project coordinates; null when the scene has none of them.
export function extentOf(scene, segmentIds, places) {
  const { segment_id: ids, segment_start: starts, segment_vertex: xyz } = scene.columns;
  const wanted = new Set(segmentIds);
  const extent = [Infinity, Infinity, -Infinity, -Infinity];
  const take = (x, y) => {
    [extent[0], extent[1]] = [Math.min(extent[0], x), Math.min(extent[1], y)];
    [extent[2], extent[3]] = [Math.max(extent[2], x), Math.max(extent[3], y)];
  };
  for (let segment = 0; segment < ids.length; segment++) {
    if (!wanted.has(ids[segment])) continue;
    for (let at = starts[segment] * 3; at < starts[segment + 1] * 3; at += 3) take(xyz[at] + scene.origin[0], xyz[at + 1] + scene.origin[1]);
  }
  for (const { x_m, y_m } of places) if (x_m !== null) take(x_m, y_m);
  return extent[0] <= extent[2] ? extent : null;
}

// Middle of a segment's axis, in scene metres.
export function segmentMiddle(scene, segment) {
  const { segment_start: starts, segment_vertex: xyz } = scene.columns;
  const place = (vertex) => xyz.subarray(vertex * 3, vertex * 3 + 3);
  const [first, last] = [starts[segment], starts[segment + 1] - 1];
  if (last - first > 1) return [...place((first + last) >> 1)];
  return [0, 1, 2].map((axis) => (place(first)[axis] + place(last)[axis]) / 2);
}

export const toScene = (scene, [x, y, z]) => [x - scene.origin[0], y - scene.origin[1], (z ?? scene.origin[2]) - scene.origin[2]];
export const toProject = (scene, place) => place.map((offset, axis) => offset + scene.origin[axis]);
