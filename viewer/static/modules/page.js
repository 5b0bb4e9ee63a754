// The room of the page: what panels leave of the map, and the legend's fold.

import { getJson } from "./api.js";
import { byId } from "./dom.js";

const NARROW_PX = 820; // as in style.css

export const isNarrow = () => innerWidth <= NARROW_PX;

// The part of the map that no panel covers: beside the panels, or above them where it is narrow; a hidden one is 0 wide.
export function mapSize() {
  const { clientWidth, clientHeight } = byId("map");
  const [legend, details, controls] = ["legend", "details", "controls"].map(byId);
  if (isNarrow()) {
    const [top, bottom] = [legend.offsetHeight, details.offsetHeight || controls.offsetHeight];
    return { width: clientWidth, height: Math.max(clientHeight - top - bottom, 120), raised: (bottom - top) / 2 };
  }
  return { width: clientWidth - Math.max(1.5 * legend.offsetWidth, 2 * details.offsetWidth), height: clientHeight - 2 * controls.offsetHeight };
}

// The panels end where the controls begin, in however many rows those are.
export const keepPanelsAboveControls = () => {
  const tell = () => document.documentElement.style.setProperty("--controls-height", `${byId("controls").offsetHeight}px`);
  new ResizeObserver(tell).observe(byId("controls"));
};

export const foldLegend = (isFolded) => {
  byId("legend-body").hidden = isFolded;
  byId("fold-legend").setAttribute("aria-expanded", String(!isFolded));
};

// Who of the staff is signed in with this browser, with the way out; nothing where nobody signs in so.
export async function showWhoIsSignedIn() {
  const { actor } = await getJson("/sign-in/who").catch(() => ({}));
  byId("sign-out").hidden = !actor;
  byId("signed-in").textContent = actor ?? "";
}
