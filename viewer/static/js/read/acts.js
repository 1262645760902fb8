/** Everything that a button or key does at once; what is dragged is in tools.js. */

/** @typedef {import("./reader.js").Reader} Reader */
/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {(reader: Reader) => unknown} Act */

const ZOOM_STEP = 1.25;

/** @type {Record<string, Act>} */
const ACTS = {
  previous: (reader) => scroll(reader, -1),
  next: (reader) => scroll(reader, 1),
  first: (reader) => reader.goTo(reader.active, 0),
  last: (reader) => reader.goTo(reader.active, (reader.active.stack?.frames.length ?? 1) - 1),
  seriesBefore: (reader) => reader.panel.step(-1),
  seriesAfter: (reader) => reader.panel.step(1),
  paneBefore: (reader) => stepPane(reader, -1),
  paneAfter: (reader) => stepPane(reader, 1),
  invert: (reader) => invert(reader),
  flip: (reader) => onImage(reader, (pane) => pane.flip(false)),
  flipDown: (reader) => onImage(reader, (pane) => pane.flip(true)),
  rotate: (reader) => onImage(reader, (pane) => pane.rotate(1)),
  rotateBack: (reader) => onImage(reader, (pane) => pane.rotate(-1)),
  larger: (reader) => onImage(reader, (pane) => pane.zoomBy(ZOOM_STEP)),
  smaller: (reader) => onImage(reader, (pane) => pane.zoomBy(1 / ZOOM_STEP)),
  fit: (reader) => onImage(reader, (pane) => pane.fit()),
  actual: (reader) => onImage(reader, (pane) => pane.actual()),
  reset: (reader) => (reader.mpr ? reader.mpr.reset() : onImage(reader, (pane) => pane.reset())),
  cine: (reader) => reader.cine.toggle(),
  sync: (reader) => reader.links.turn(!reader.links.on, reader.panes),
  lines: (reader) => reader.showLines(!reader.linesOn),
  overlays: (reader) => reader.showOverlays(reader.bare),
  panel: (reader) => reader.root.classList.toggle("no-panel"),
  findings: (reader) => reader.findings.toggle(),
  key: (reader) => reader.findings.markKey(),
  save: (reader) => reader.findings.save(),
  undo: (reader) => history(reader)?.undo(),
  redo: (reader) => history(reader)?.redo(),
  erase: (reader) => reader.findings.erase(),
  cancel: (reader) => cancel(reader),
  mpr: (reader) => toggleMpr(reader),
  nextStudy: (reader) => neighbour(reader, "next"),
  previousStudy: (reader) => neighbour(reader, "previous"),
  help: (reader) => import("./help.js").then(({ showHelp }) => showHelp(reader)),
};

/**
 * Does what a name stands for, and shows on the bar what is on now.
 * @param {Reader} reader
 * @param {string} name
 */
export async function act(reader, name) {
  await ACTS[name]?.(reader);
  reader.redrawBar();
}

/**
 * @param {Reader} reader
 * @param {number} by
 */
function scroll(reader, by) {
  if (reader.mpr) reader.mpr.scroll(by);
  else reader.scroll(reader.active, by);
}

/**
 * @param {Reader} reader
 * @param {(pane: Pane) => void} change
 */
function onImage({ active, mpr }, change) {
  if (!mpr && active.viewport && active.index >= 0) change(active);
}

/** @param {Reader} reader */
function invert(reader) {
  if (reader.mpr) reader.mpr.invert();
  else reader.active.setNegative(!reader.active.look.negative);
}

/** @param {Reader} reader */
function history({ core }) {
  return core?.utilities.HistoryMemo.DefaultHistoryMemo;
}

/**
 * @param {Reader} reader
 * @param {number} by
 */
function stepPane(reader, by) {
  const { panes, active } = reader;
  const pane = panes[(panes.indexOf(active) + by + panes.length) % panes.length];
  reader.activate(pane);
  pane.element.focus({ preventScroll: true });
}

/** @param {Reader} reader */
function cancel(reader) {
  if (reader.cine.playing) return reader.cine.stop();
  if (reader.tools && !reader.mpr && reader.active.viewport && reader.tools.cancelActiveManipulations(reader.active.host)) return undefined;
  if (reader.tool !== "window") return reader.choose("window");
  return reader.mpr ? reader.mpr.close() : undefined;
}

/** @param {Reader} reader */
async function toggleMpr(reader) {
  if (reader.mpr) return reader.mpr.close();
  const { openMpr } = await import("./mpr.js");
  return openMpr(reader);
}

/**
 * @param {Reader} reader
 * @param {"next" | "previous"} which
 */
function neighbour({ root }, which) {
  const link = /** @type {HTMLAnchorElement | null} */ (root.querySelector(`a[data-neighbour="${which}"][href]`));
  link?.click();
}
