// The page: loads code tables, deck and scene, keeps the state, and redraws when it changes.

import { here, isShared, opened } from "./modules/access.js";
import { languageAsked, readQuestion, writeLanguage, writeQuestion } from "./modules/address.js";
import { askAgreement, showAgreement, watchAgreement } from "./modules/agreement.js";
import { getBytes, getJson, ServiceError } from "./modules/api.js";
import { fit, flyTo, recall, rememberedPlace, turnTo, writeHash } from "./modules/camera.js";
import { buildContent } from "./modules/content.js";
import { askConflict, askKnown, conflictPanel, knownPanel } from "./modules/answers/known.js";
import { groundUnder } from "./modules/drawn-pipe.js";
import { askColouring, colourableClasses, colouringPanel, hangsOn, MEASURES, tintOf } from "./modules/colouring.js";
import { byId, element } from "./modules/dom.js";
import { instantiate } from "./modules/layers.js";
import { showLegend, showMeanings } from "./modules/legend.js";
import { setLooks } from "./modules/looks.js";
import { featurePanel, hidePanel, showPanel } from "./modules/panels.js";
import { button, nameOf, note } from "./modules/pieces.js";
import { foldLegend, isNarrow, keepPanelsAboveControls, mapSize, showWhoIsSignedIn } from "./modules/page.js";
import { ask, joined, questionAt, questionOf, questionsFor, questionTopics, startOf } from "./modules/questions.js";
import { guarded, report, say } from "./modules/saying.js";
import { decodeScene, extentOf, segmentMiddle, toProject, toScene } from "./modules/scene.js";
import { codeEntry, codeName, currentLanguage, setCodes, setLanguage, text } from "./modules/texts.js";

const NEAR_ZOOM = 0.5; // below it a tube is thinner than a pixel and the line layer does
const CLOSE_ZOOM = 2; // below it points and wells would cover the pipes
const SCENE_LIMIT = 60_000; // segments drawn at once; a larger map is loaded around the view
const SCENE_HALF_WIDTH_M = 1_500;
const JUDGED_HALF_WIDTH_M = 990; // under an agreement conflicts of at most 4 km² are judged at once
const ANSWERED_OPACITY = { ground: 0.4, structures: 0.2, nodes: 0.6, consumers: 0.6 }; // what steps back for an answer
const ID_COLUMN = { pipe_segment: "segment_id", node: "node_id", consumer: "consumer_id" };

const settings = new URLSearchParams(location.search);
const state = {
  ready: false,
  scene: null,
  project: null,
  agreement: null,
  version: settings.get("version"),
  hidden: new Set(),
  picked: null,
  question: null,
  answer: null,
  choice: {},
  drawing: null,
  colouring: null,
  found: null,
  known: null,
  isDrawing: false,
  exaggeration: 1,
  near: true,
  close: true,
  viewState: null,
};
let declaration;
let deck;
let redrawPanel = () => {};

const { Deck, LightingEffect, AmbientLight, DirectionalLight } = globalThis.deckgl;

function lights() {
  const sun = new DirectionalLight({ color: [255, 255, 255], intensity: 1.0, direction: [-1, 2, -4] });
  const fromBelow = new DirectionalLight({ color: [235, 240, 255], intensity: 0.8, direction: [1, -2, 4] });
  return new LightingEffect({ ambient: new AmbientLight({ color: [255, 255, 255], intensity: 1.0 }), sun, fromBelow });
}

async function start() {
  setLanguage(languageAsked() ?? (navigator.language.startsWith("zh") ? "zh" : "en"));
  if (!document.createElement("canvas").getContext("webgl2")) throw new ServiceError("no_webgl");
  say(text("loading"));
  const [deckJson, codes, looks] = await Promise.all(["/viewer/deck.json", "/viewer/codes.json", "/viewer/looks.json"].map((path) => getJson(path)));
  setCodes(codes);
  setLooks(looks);
  if (isShared) state.agreement = await askAgreement();
  else state.project = await getJson("/api/project");
  state.viewState = deckJson.initialViewState;
  declaration = deckJson;
  byId("project-name").textContent = state.project?.name ?? state.agreement.agency;
  const remembered = rememberedPlace();
  await Promise.all([loadScene(remembered), isShared ? null : listVersions()]);
  foldLegend(isNarrow());
  keepPanelsAboveControls();
  state.viewState = recall(state.scene, state.viewState) ?? fit(state.scene, state.viewState, mapSize(), wholeMap());
  makeDeck();
  setLanguageEverywhere(currentLanguage());
  connectControls();
  if (settings.has("ask")) await guarded(() => askAddress(remembered && state.viewState));
  if (isShared) watchAgreement();
  opened();
  state.ready = true;
}

async function loadScene(around) {
  const bbox = isLarge() ? boxAround(around ?? middleOf(mapExtent())) : null;
  byId("load-here").hidden = !bbox;
  const before = state.scene;
  state.scene = decodeScene(await getBytes("/api/scene", { version: state.version, bbox }));
  Object.assign(state, { picked: null, found: null });
  if (before && state.scene.extent) state.viewState = { ...state.viewState, target: toScene(state.scene, toProject(before, state.viewState.target)) };
  say(state.scene.extent ? "" : text("empty"));
}

const mapExtent = () => (state.agreement ?? state.project).extent;

// Too large to be drawn at once: by its segments, or by an agreement's area, of whose segments nobody knows the number.
function isLarge() {
  if (state.project) return state.project.classes.reduce((sum, entry) => sum + entry.segment_count, 0) > SCENE_LIMIT;
  const [west, south, east, north] = state.agreement.extent;
  return Math.max(east - west, north - south) > 2 * SCENE_HALF_WIDTH_M;
}

// What is shown to see everything: an agreement's whole area, pipes or not, unless only a part of it is loaded.
const wholeMap = () => (isShared && !isLarge() ? state.agreement.extent : undefined);

const middleOf = ([west, south, east, north]) => [(west + east) / 2, (south + north) / 2];
const boxAround = ([x, y], half = SCENE_HALF_WIDTH_M) => [x - half, y - half, x + half, y + half].join(",");

async function listVersions() {
  const versions = await getJson("/api/versions", { limit: 200 });
  const options = versions.map(({ version, message }) => element("option", { value: version, selected: String(version) === state.version }, `v${version} ${message ?? ""}`));
  byId("version").replaceChildren(element("option", { value: "", id: "newest-version" }, text("newest")), ...options);
  byId("version").value = state.version ?? "";
}

function makeDeck() {
  const { views } = instantiate({ views: declaration.views }, {});
  deck = new Deck({
    parent: byId("map"),
    views,
    viewState: { main: state.viewState },
    effects: [lights()],
    layers: [],
    pickingRadius: 4,
    useDevicePixels: true,
    // A software rasteriser takes longer over a pick than a click may last.
    ...(settings.has("test") && { eventRecognizerOptions: { click: { time: 60_000 } }, deviceProps: { webgl: { antialias: false } } }),
    getCursor: ({ isDragging, isHovering }) => (isDragging ? "grabbing" : state.isDrawing ? "crosshair" : isHovering ? "pointer" : "grab"),
    onViewStateChange: ({ viewState }) => moveTo(viewState),
    onClick: (info) => guarded(() => (state.isDrawing ? addPoint(info) : pick(info.object ?? null))),
    onAfterRender: () => (state.frames = (state.frames ?? 0) + 1),
    onError: (error) => say(error.message),
  });
  moveTo(state.viewState);
}

function moveTo(viewState) {
  state.viewState = viewState;
  const [near, close] = [viewState.zoom >= NEAR_ZOOM, viewState.zoom >= CLOSE_ZOOM];
  deck.setProps({ viewState: { main: viewState } });
  writeHash(state.scene, viewState);
  const [x, y, z] = toProject(state.scene, [...viewState.target]);
  byId("status").textContent = `EPSG:${state.scene.srid}  x ${x.toFixed(1)}  y ${y.toFixed(1)}  z ${z.toFixed(1)} m  ·  v${state.scene.version}`;
  if (near !== state.near || close !== state.close || !state.drawn) draw({ near, close });
}

function draw(changes = {}) {
  Object.assign(state, changes, { drawn: true });
  const visible = { ground: byId("show-ground").checked, structures: byId("show-structures").checked };
  const stretched = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, state.exaggeration, 0, 0, 0, 0, 1];
  const layers = declaration.layers.map((layer) => ({
    ...layer,
    modelMatrix: layer.id === "structures" ? null : stretched, // houses as tall as they are
    visible: visible[layer.id] ?? true,
    opacity: state.drawing ? (ANSWERED_OPACITY[layer.id] ?? 1) : 1,
  }));
  deck.setProps({ layers: instantiate({ layers }, buildContent(state.scene, { ...state, known: state.known?.places })).layers });
}

function setLanguageEverywhere(language) {
  setLanguage(language);
  byId("language").textContent = language === "zh" ? "English" : "中文";
  if (isShared) showAgreement(state.agreement);
  else byId("newest-version").textContent = text("newest");
  for (const link of document.querySelectorAll("[data-page]")) link.href = `${link.dataset.page}?language=${language}`;
  showLegend(state.scene, state.hidden, toggleClass);
  showMeanings(state.drawing, tint());
  offerChoices();
  redrawPanel();
}

const options = (names, words, chosen) => names.map((name) => element("option", { value: name, selected: name === chosen }, words(name)));

function offerChoices() {
  const asking = byId("asking").value;
  const groups = [...questionTopics()].map(([topic, names]) => element("optgroup", { label: text(`topic_${topic}`) }, ...options(names, (name) => text(`ask_${name}`), asking)));
  byId("asking").replaceChildren(...options([""], () => text("show_details"), asking), ...groups);
  const { measure, classCode } = state.colouring ?? {};
  byId("colouring").replaceChildren(...options(["", ...MEASURES], (name) => text(name ? `measure_${name}` : "utility_class"), measure));
  byId("coloured-class").replaceChildren(...options(colourableClasses(state.scene), (code) => codeName("utility_class", code), classCode));
  byId("coloured-class").hidden = !measure;
}

// What the map is coloured by when it is not by utility class.
const tint = () => (state.colouring ? tintOf(state.colouring) : null);

async function colour() {
  const [measure, classCode] = [byId("colouring").value, byId("coloured-class").value];
  state.colouring = measure && classCode ? await askColouring(measure, classCode, state.version) : null;
  const coloured = tint();
  draw({ tint: coloured?.segments ?? null });
  showMeanings(state.drawing, coloured);
  byId("coloured-class").hidden = !state.colouring;
  if (state.colouring) present(() => colouringPanel(state.colouring, (id) => guarded(() => showSegment(id))));
}

async function showSegment(id) {
  const index = state.scene.columns.segment_id.indexOf(id);
  if (index >= 0) flyToPlace(toProject(state.scene, segmentMiddle(state.scene, index)));
  await showFeature("pipe_segment", id, index);
}

function toggleClass(code) {
  if (!state.hidden.delete(code)) state.hidden.add(code);
  draw();
}

async function pick(object) {
  if (!object) return;
  const { kind, index } = object;
  if (kind === "known_conflicts") return showConflict(state.known.conflicts[index]);
  await takeFeature(kind, state.scene.columns[ID_COLUMN[kind]][index], index);
}

// Asks the question chosen of a feature picked or found, if it can start there; else shows what is known of it.
async function takeFeature(kind, id, index) {
  const name = byId("asking").value;
  if (name && questionOf(name).kinds.includes(kind)) await askAt(name, kind, id);
  else await showFeature(kind, id, index);
}

// A question that takes several places takes this one too, if it is the one that is being asked.
async function askAt(name, kind, id) {
  const title = await titleOf(kind, id);
  const goesOn = state.question?.name === name && questionOf(name).joins;
  await askQuestion(goesOn ? joined(state.question, kind, id, title) : questionAt(name, kind, id, title));
}

async function showFeature(kind, id, index) {
  const query = { version: state.version };
  const history = isShared ? [] : getJson(`/api/features/${kind}/${id}/history`);
  const [feature, changes] = await Promise.all([getJson(`/api/features/${kind}/${id}`, query), history]);
  draw({ picked: { kind, index, id } });
  const hanging = state.colouring && kind === "pipe_segment" ? hangsOn(state.colouring, id) : null;
  const more = hanging && note(`${text("hangs_on")} ${hanging}`);
  present(() => featurePanel(kind, feature, changes, featureButtons(kind, id, feature.properties ?? {}), more));
}

async function titleOf(kind, id) {
  const { properties } = await getJson(`/api/features/${kind}/${id}`, { version: state.version });
  return nameOf({ ...properties, feature_id: id });
}

const does = (name, run) => button(name, text(name), () => guarded(run));

function featureButtons(kind, id, properties) {
  const title = nameOf({ ...properties, feature_id: id });
  const asking = (name) => button(`ask-${name}`, text(`ask_${name}`), () => guarded(() => askQuestion(questionAt(name, kind, id, title))));
  const names = questionsFor(kind, properties.class_code);
  const rare = names.filter((name) => questionOf(name).isRare).map(asking);
  const more = element("details", {}, element("summary", {}, text("more_questions")), ...rare);
  const usual = names.filter((name) => !questionOf(name).isRare).map(asking);
  return [...(state.answer ? aboutTheAnswer(kind, id, properties, title) : []), ...usual, rare.length ? more : null];
}

// What can be said of a picked feature while an answer is shown.
function aboutTheAnswer(kind, id, properties, title) {
  const { question } = state;
  const back = does("back_to_answer", presentAnswer);
  if (!questionOf(question.name).joins) return [back];
  const told = (list) => () => askAgain({ [list]: [...question.params[list], id] }, { node_id: id, source_key: title });
  const isToldOf = question.name === "burst" && codeEntry("appurtenance", properties.appurtenance_code)?.role === "valve";
  if (isToldOf) return [back, properties.valve_state_code === "closed" ? does("open_it", told("opened")) : does("cannot_close", told("inaccessible"))];
  if (!questionsFor(kind, properties.class_code).includes(question.name)) return [back];
  return [back, does(`join_${question.name}`, () => askQuestion(joined(question, kind, id, title)))];
}

const drawer = () => ({
  isOn: state.isDrawing,
  toggle: () => {
    state.isDrawing = !state.isDrawing;
    presentAnswer();
  },
});

// A question of the page's own button: it is drawn on the map, or asked of the whole of it.
async function begin(name) {
  const { fresh, ofTheWhole } = questionOf(name);
  clear();
  state.isDrawing = "line" in fresh && !ofTheWhole;
  await askQuestion({ name, params: fresh, names: {} });
}

async function addPoint({ x, y }) {
  const [viewport] = deck.getViewports();
  const place = toProject(state.scene, groundUnder(state.scene, viewport, [x, y], state.exaggeration));
  const { name, params } = state.question;
  const before = questionOf(name).takesOne ? [] : params.line;
  await askAgain({ line: [...before, place.map((metre) => Number(metre.toFixed(3)))] });
}

// The conflicts known of the part of the map that is loaded.
async function showKnown() {
  const middle = toProject(state.scene, state.viewState.target);
  const around = isShared ? boxAround(middle, JUDGED_HALF_WIDTH_M) : byId("load-here").hidden ? null : boxAround(middle);
  const box = byId("show-conflicts");
  try {
    state.known = box.checked ? await askKnown(state.version, around) : null;
  } catch (error) {
    [state.known, box.checked] = [null, false];
    throw error;
  } finally {
    draw();
  }
}

async function showConflict(known) {
  const conflict = await askConflict(state.version, known);
  present(() => conflictPanel(conflict, flyToPlace));
}

async function listKnown() {
  await showKnown();
  if (state.known && !state.question) present(() => knownPanel(state.known, flyToPlace));
}

function present(panel) {
  redrawPanel = () => showPanel(...panel());
  redrawPanel();
}

// The question in the address; a view that came with it is kept.
async function askAddress(view) {
  const question = readQuestion();
  if (!question) return;
  const start = startOf(question);
  if (start && !Number(start[1])) return say(text("address_without_start"));
  await askQuestion({ ...question, title: start && (await titleOf(...start)) });
  if (view) moveTo(view);
}

async function askQuestion(question) {
  const answer = await ask(question, state.version);
  Object.assign(state, { question, answer, choice: {}, found: null });
  if (!questionOf(question.name).keepsPicked) state.picked = null;
  writeQuestion(question);
  drawAnswer();
  presentAnswer();
  frame(state.drawing.frame);
}

// Another question that an answer leads to; it is not drawn at.
async function turnToQuestion(question) {
  state.isDrawing = false;
  await askQuestion(question);
}

// The same question with changed parameters; `named` is what they are about.
function askAgain(params, named) {
  const { question } = state;
  const names = named ? { ...question.names, [named.node_id]: nameOf(named) } : question.names;
  return askQuestion({ ...question, params: { ...question.params, ...params }, names });
}

function choose(changes) {
  const before = JSON.stringify(state.drawing.frame);
  Object.assign(state.choice, changes);
  drawAnswer();
  presentAnswer();
  if (JSON.stringify(state.drawing.frame) !== before) frame(state.drawing.frame);
}

// Something further that the service has to say on the answer shown; it is kept under a name of the choice.
async function consult(name, path) {
  const { question } = state;
  const told = await getJson(path, { ...question.params, version: state.version });
  if (state.question === question) choose({ [name]: told });
}

function drawAnswer() {
  const { drawing } = questionOf(state.question.name).answer;
  draw({ drawing: drawing(state.answer, state.choice) });
  showMeanings(state.drawing, null);
}

function presentAnswer() {
  const { question, answer, choice } = state;
  const again = (params, named) => guarded(() => askAgain(params, named));
  const go = (next) => guarded(async () => turnToQuestion(await next()));
  present(() => questionOf(question.name).answer.panel(answer, { question, choice, choose, again, go, consult: (...asked) => guarded(() => consult(...asked)), drawer: drawer(), flyTo: flyToPlace, buttons: [does("clear_answer", clear)] }));
}

function frame(shown) {
  const extent = shown && extentOf(state.scene, shown.segmentIds, shown.places);
  if (extent) moveTo(fit(state.scene, state.viewState, mapSize(), extent));
}

function clear() {
  redrawPanel = () => {};
  hidePanel();
  writeQuestion(null);
  draw({ isDrawing: false, question: null, answer: null, drawing: null, picked: null, found: null });
  showMeanings(null, tint());
}

function flyToPlace(place) {
  const target = toScene(state.scene, place);
  target[2] *= state.exaggeration;
  moveTo(flyTo(state.viewState, target));
}

async function search(query) {
  if (!query) return;
  const hits = await getJson("/api/search", { q: query, version: state.version, limit: 12 });
  const exact = hits.filter((hit) => hit.source_key === query);
  if (!hits.length) return say(text("nothing_found"));
  if (exact.length === 1 || hits.length === 1) return goTo(exact[0] ?? hits[0]);
  const rows = hits.map((hit) => element("li", {}, element("button", { type: "button", onclick: () => guarded(() => goTo(hit)) }, hit.source_key || hit.name, element("small", {}, text(hit.kind)))));
  byId("search-results").replaceChildren(...rows);
  byId("search-results").hidden = false;
}

async function goTo(hit) {
  byId("search-results").hidden = true;
  const column = state.scene.columns[ID_COLUMN[hit.kind]];
  const index = column?.indexOf(hit.feature_id) ?? -1;
  const place = toScene(state.scene, [hit.x_m, hit.y_m, groundAt(hit.kind, index)]);
  state.found = place;
  moveTo(flyTo(state.viewState, place));
  draw();
  await takeFeature(hit.kind, hit.feature_id, index);
}

function groundAt(kind, index) {
  if (index < 0) return undefined;
  if (kind === "pipe_segment") return toProject(state.scene, segmentMiddle(state.scene, index))[2];
  const z = kind === "node" ? state.scene.columns.node_place[index * 3 + 2] : NaN;
  return Number.isNaN(z) ? undefined : z + state.scene.origin[2];
}

async function changeVersion(version) {
  state.version = version || null;
  clear();
  await loadScene(toProject(state.scene, state.viewState.target));
  setLanguageEverywhere(currentLanguage());
  moveTo(state.viewState);
  draw();
  if (state.colouring) await colour();
  if (state.known) await showKnown();
}

function connectControls() {
  byId("search").addEventListener("submit", (event) => {
    event.preventDefault();
    guarded(() => search(byId("search-text").value.trim()));
  });
  byId("language").addEventListener("click", () => {
    setLanguageEverywhere(currentLanguage() === "zh" ? "en" : "zh");
    writeLanguage(currentLanguage());
  });
  byId("version").addEventListener("change", (event) => guarded(() => changeVersion(event.target.value)));
  byId("fold-legend").addEventListener("click", () => foldLegend(!byId("legend-body").hidden));
  byId("colouring").addEventListener("change", () => guarded(colour));
  byId("coloured-class").addEventListener("change", () => guarded(colour));
  byId("close-details").addEventListener("click", clear);
  byId("show-ground").addEventListener("change", () => draw());
  byId("show-structures").addEventListener("change", () => draw());
  byId("show-conflicts").addEventListener("change", () => guarded(listKnown));
  for (const button of document.querySelectorAll("[data-begin]")) button.addEventListener("click", () => guarded(() => begin(button.dataset.begin)));
  byId("exaggeration").addEventListener("input", (event) => {
    byId("exaggeration-value").textContent = `×${event.target.value}`;
    draw({ exaggeration: Number(event.target.value) });
  });
  byId("load-here").addEventListener("click", () => guarded(() => changeVersion(state.version)));
  for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => turn(button.dataset.view));
  addEventListener("keydown", (event) => event.key === "Escape" && clear());
  addEventListener("hashchange", () => moveTo(recall(state.scene, state.viewState) ?? state.viewState));
}

function turn(name) {
  moveTo(name === "all" ? fit(state.scene, state.viewState, mapSize(), wholeMap()) : turnTo(state.viewState, name));
}

document.body.classList.toggle("shared", isShared);
globalThis.pipemap = state;
// Whoever is not known yet signs in first, where that is done with a browser, and comes back to this place.
start().catch((error) => (error.signIn ? location.assign(`${error.signIn}?next=${encodeURIComponent(here())}`) : report(error)));
if (!isShared) showWhoIsSignedIn();
