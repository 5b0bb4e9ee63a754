// The agreement that an agency's people look under: its terms, its area, the sites it does not show, and its end.

import { addressOf, getJson } from "./api.js";
import { byId, element } from "./dom.js";
import { attributeLabel, codeName, currentLanguage, message, text } from "./texts.js";

// A key that is revoked, or over, is noticed within this time though nothing is asked of the map.
const LOOK_AGAIN_MS = 15_000;

export async function askAgreement() {
  const agreement = await getJson("/share/agreement");
  const rings = ringsOf(agreement.area_wkt);
  const sites = agreement.sites_telephone ? (await getJson("/share/sites")).features : [];
  return { ...agreement, rings, extent: extentOf(rings), sites: sites.map(siteOf) };
}

const ringsOf = (wkt) => [...wkt.matchAll(/\(([^()]+)\)/g)].map(([, ring]) => ring.split(",").map((place) => place.trim().split(" ").map(Number)));

function extentOf(rings) {
  const [eastings, northings] = [0, 1].map((axis) => rings.flatMap((ring) => ring.map((place) => place[axis])));
  return [Math.min(...eastings), Math.min(...northings), Math.max(...eastings), Math.max(...northings)];
}

function siteOf({ geometry, properties }) {
  const rings = geometry.type === "MultiPolygon" ? geometry.coordinates.flat() : geometry.coordinates;
  const [west, south, east, north] = extentOf(rings);
  return { rings, telephone: properties.telephone, x_m: (west + east) / 2, y_m: (south + north) / 2 };
}

// An answer that is refused leads away by itself.
export function watchAgreement() {
  const look = () => getJson("/share/agreement").catch(() => {});
  setInterval(look, LOOK_AGAIN_MS);
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
  // A browser's way back may show a page as it was left.
  byId("sign-out").addEventListener("submit", () => (document.body.hidden = true));
  addEventListener("pageshow", ({ persisted }) => persisted && look());
}

export function showAgreement(agreement) {
  const comma = currentLanguage() === "zh" ? "、" : ", ";
  const terms = {
    agency: agreement.agency,
    purpose: agreement.purpose,
    until: new Date(agreement.expires_at).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" }),
    classes: agreement.class_codes.map((code) => codeName("utility_class", code)).join(comma),
    position: precision(agreement.position_precision),
    depth: precision(agreement.depth_precision),
    version: agreement.frozen_version === null ? text("terms_newest") : `v${agreement.frozen_version}`,
    files: text(agreement.may_export ? "terms_export" : "terms_view_only"),
  };
  const rows = Object.entries(terms).flatMap(([name, value]) => [element("dt", {}, text(`terms_${name}`)), element("dd", { "data-term": name }, value)]);
  byId("terms").replaceChildren(
    element("h3", {}, `${text("terms")} ${agreement.agreement_id}`),
    element("dl", {}, ...rows),
    element("details", {}, element("summary", {}, `${text("terms_attributes")} (${agreement.attributes.length})`), agreement.attributes.map(attributeLabel).join(comma)),
    areaSign("granted", "terms_area"),
    ...(agreement.sites.length ? [areaSign("site", "terms_sites", ` ☎ ${agreement.sites_telephone}`)] : []),
    element("p", { class: "note" }, message(agreement)),
    ...(agreement.has_sheet ? [link("sheet", "terms_sheet", "/share/sheet", { language: currentLanguage() })] : []),
    ...(agreement.may_export ? [link("export", "terms_take", "/share/export", { format: "gpkg" })] : []),
  );
  byId("sign-out").hidden = false;
  byId("signed-in").textContent = agreement.agency;
  byId("sign-out").action = `/map/sign-out?language=${currentLanguage()}`;
}

const link = (id, words, path, query) => element("a", { class: "button", id, href: addressOf(path, query), target: "_blank", rel: "noopener" }, text(words));
const areaSign = (kind, words, more = "") => element("p", { class: "sign" }, element("i", { class: `line-sign ${kind}` }), text(words) + more);

// A class of precision in words: exact, shifted, masked, grid_5m, step_0.5m.
function precision(name) {
  const [kind, size] = name.split("_");
  return text(`precision_${kind}`).replace("{size}", (size ?? "").replace("m", " m"));
}
