/** Everything that a button or key does at once; tools that are dragged are in tools.js. */
import { PRESETS } from "../lib/voi.js";
import { FITTED, mirrored, scaleOf, turned, zoomed } from "./view.js";

/** @typedef {import("./viewer.js").Viewer} Viewer */
/** @typedef {(viewer: Viewer) => void} Act */

const ZOOM_STEP = 1.25;
/** Of the window's width, for those who cannot drag. */
const WINDOW_STEP = 0.1;

/** @type {Record<string, Act>} */
export const ACTS = {
  previous: (viewer) => viewer.scroll(-1),
  next: (viewer) => viewer.scroll(1),
  first: (viewer) => viewer.goTo(0),
  last: (viewer) => viewer.goTo(Infinity),
  stackBefore: (viewer) => viewer.nextStack(-1),
  stackAfter: (viewer) => viewer.nextStack(1),
  paneBefore: (viewer) => activate(viewer, 0),
  paneAfter: (viewer) => activate(viewer, viewer.panes.length - 1),
  invert: ({ active }) => active.setNegative(!active.negative),
  flip: ({ active }) => active.look(mirrored(active.view, false)),
  flipDown: ({ active }) => active.look(mirrored(active.view, true)),
  rotate: ({ active }) => active.look(turned(active.view, 1)),
  rotateBack: ({ active }) => active.look(turned(active.view, -1)),
  larger: (viewer) => viewer.look(viewer.active, zoomed(viewer.active.view, ZOOM_STEP)),
  smaller: (viewer) => viewer.look(viewer.active, zoomed(viewer.active.view, 1 / ZOOM_STEP)),
  fit: (viewer) => viewer.look(viewer.active, { zoom: 1, x: 0, y: 0 }),
  actual: (viewer) => actualSize(viewer),
  reset: (viewer) => reset(viewer),
  brighter: (viewer) => widen(viewer, -WINDOW_STEP, 0),
  darker: (viewer) => widen(viewer, WINDOW_STEP, 0),
  harder: (viewer) => widen(viewer, 0, -WINDOW_STEP),
  softer: (viewer) => widen(viewer, 0, WINDOW_STEP),
  cine: (viewer) => viewer.play(),
  two: (viewer) => viewer.two(),
  sync: (viewer) => synchronise(viewer),
  overlays: ({ active }) => overlays(active),
  full: (viewer) => full(viewer, !viewer.root.classList.contains("full")),
  more: ({ root }) => root.querySelector('[data-act="more"]')?.setAttribute("aria-expanded", String(root.classList.toggle("more"))),
  cancel: (viewer) => cancel(viewer),
  erase: (viewer) => viewer.measures?.erase(viewer.active),
  undo: (viewer) => viewer.measures?.undo(viewer.active),
  redo: (viewer) => viewer.measures?.redo(viewer.active),
  help: (viewer) => import("./help.js").then(({ showHelp }) => showHelp(viewer)),
};

/**
 * Chooses the window of a digit: for CT the presets, for all others those of the header.
 * @param {Viewer} viewer
 * @param {string} digit
 */
export function presetOf(viewer, digit) {
  const { active } = viewer;
  const ct = active.stack?.series.modality === "CT";
  const found = ct ? PRESETS.find(({ key }) => key === digit) : active.frame?.windows[Number(digit) - 1];
  if (found && active.frame?.stored) viewer.choosePreset(`${found.center},${found.width}`);
}

/**
 * @param {Viewer} viewer
 * @param {number} index
 */
function activate(viewer, index) {
  viewer.activate(viewer.panes[index]);
  viewer.active.element.focus({ preventScroll: true });
}

/**
 * One pixel of the image on one of the screen.
 * @param {Viewer} viewer
 */
function actualSize(viewer) {
  const { active } = viewer;
  if (!active.frame) return;
  const fitted = scaleOf(active.frame, { ...active.view, zoom: 1 }, active.size);
  viewer.look(active, { zoom: 1 / (fitted * active.size.ratio), x: 0, y: 0 });
}

/** @param {Viewer} viewer */
function reset(viewer) {
  const { active } = viewer;
  active.look({ ...FITTED });
  active.setNegative(false);
  active.setWindow(null);
}

/**
 * @param {Viewer} viewer
 * @param {number} shift  of the centre, in widths
 * @param {number} stretch
 */
function widen({ active }, shift, stretch) {
  const { voi } = active;
  if (!voi || voi === "lut") return;
  active.setWindow({ ...voi, center: voi.center + voi.width * shift, width: Math.max(voi.width * (1 + stretch), 1) });
}

/** @param {Viewer} viewer */
function synchronise(viewer) {
  viewer.synchronised = !viewer.synchronised;
  viewer.follow(viewer.active);
  viewer.changed(viewer.active);
}

/** @param {import("./pane.js").Pane} pane */
function overlays(pane) {
  pane.overlaysShown = !pane.overlaysShown;
  pane.look({});
}

/**
 * @param {Viewer} viewer
 * @param {boolean} on
 */
function full(viewer, on) {
  viewer.root.classList.toggle("full", on);
  document.body.classList.toggle("viewing-full", on);
  viewer.changed(viewer.active);
}

/** @param {Viewer} viewer */
function cancel(viewer) {
  if (viewer.cine?.playing) return viewer.cine.stop();
  if (viewer.measures?.cancel(viewer.active)) return;
  full(viewer, false);
}
