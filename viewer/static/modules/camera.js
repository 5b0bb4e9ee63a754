// The camera: named views, flights, and the URL's hash that remembers them in project coordinates.

import { toProject, toScene } from "./scene.js";

const VIEWS = {
  above: { rotationX: 90, rotationOrbit: 0 },
  oblique: { rotationX: 38, rotationOrbit: -24 },
  below: { rotationX: -42, rotationOrbit: -24 },
};
const MARGIN = 0.85;

export const turnTo = (viewState, name) => ({ ...viewState, ...VIEWS[name] });
export const flyTo = (viewState, target, zoom = 4.5) => ({ ...viewState, target, zoom: Math.max(viewState.zoom, zoom) });

// An extent in project coordinates, the whole scene unless told otherwise, in a window of some pixels whose middle
// lies `raised` pixels above that of the map.
export function fit(scene, viewState, { width, height, raised = 0 }, extent = scene.extent) {
  if (!extent) return viewState;
  const [west, south, east, north] = extent;
  const scale = Math.min(width / Math.max(east - west, 20), height / Math.max(north - south, 20)) * MARGIN;
  const [x, y, z] = toScene(scene, [(west + east) / 2, (south + north) / 2]);
  const turn = (viewState.rotationOrbit * Math.PI) / 180;
  const nearer = raised / scale / Math.max(Math.abs(Math.sin((viewState.rotationX * Math.PI) / 180)), 0.3);
  return { ...viewState, target: [x - nearer * Math.sin(turn), y - nearer * Math.cos(turn), z], zoom: Math.log2(scale) };
}

export function writeHash(scene, { target, zoom, rotationX, rotationOrbit }) {
  const numbers = [...toProject(scene, [...target]).map((metre) => metre.toFixed(2)), zoom.toFixed(2), rotationX.toFixed(1), rotationOrbit.toFixed(1)];
  history.replaceState(null, "", `#${numbers.join(",")}`);
}

// The remembered place in project coordinates; undefined when there is none.
export const rememberedPlace = () => readHash()?.slice(0, 3);

// The remembered view; null when there is none.
export function recall(scene, viewState) {
  const numbers = readHash();
  if (!numbers) return null;
  const [zoom, rotationX, rotationOrbit] = numbers.slice(3);
  return { ...viewState, target: toScene(scene, numbers), zoom, rotationX, rotationOrbit };
}

function readHash() {
  const numbers = location.hash.slice(1).split(",").map(Number);
  return numbers.length === 6 && numbers.every(Number.isFinite) ? numbers : null;
}
