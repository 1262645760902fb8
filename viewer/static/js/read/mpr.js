/** Other planes of a volume (MPR) and projections through slabs of it (MIP), in four viewports of Cornerstone. */
import { letters } from "../lib/geometry.js";
import { Trouble } from "../lib/trouble.js";
import { startWindow } from "../lib/voi.js";
import { difference, opposite, part, short } from "./corners.js";
import { made } from "./panel.js";
import { chooseTool } from "./tools.js";
import { fillSlice, gridOf, isWhole, volumeProblem } from "./volume.js";

/** @typedef {import("./reader.js").Reader} Reader */
/** @typedef {import("../lib/display.js").Stack} Stack */
/** @typedef {import("../lib/voi.js").Voi} Voi */

const PLANES = /** @type {const} */ (["axial", "sagittal", "coronal"]);
const MODES = /** @type {const} */ (["mean", "maximum", "minimum"]);
const THINNEST = 0.1;
const THICKEST = 60;
const WINDOW_TRAVEL = 300;
const EDGES = /** @type {const} */ (["top", "right", "bottom", "left"]);

/** @param {Reader} reader */
export async function openMpr(reader) {
  const { stack } = reader.active;
  if (!stack || reader.mpr) return;
  const problem = volumeProblem(stack);
  if (problem) return reader.notice(reader.t(`read.mpr.${problem}`));
  const mpr = new Mpr(reader, stack);
  reader.mpr = mpr;
  try {
    await mpr.open();
  } catch (error) {
    mpr.close();
    if (error instanceof Trouble) reader.notice(reader.t(`trouble.${error.kind}`));
    else if (!(error instanceof DOMException)) throw error;
  }
  reader.redrawBar();
}

export class Mpr {
  /**
   * @param {Reader} reader
   * @param {Stack} stack
   */
  constructor(reader, stack) {
    this.reader = reader;
    this.stack = stack;
    // "derived:" keeps Cornerstone from asking a loader for slices that it was given.
    this.volumeId = `derived:${stack.key}`;
    this.element = /** @type {HTMLElement} */ (reader.root.querySelector(".read-mpr"));
    this.open_ = true;
    this.negative = false;
    /** @type {{center: number, width: number}} */
    this.window = { center: 0, width: 1 };
    this.start = this.window;
    this.thickness = THINNEST;
    /** @type {typeof MODES[number]} */
    this.mode = "mean";
    /** @type {Map<string, {host: HTMLDivElement, element: HTMLElement, viewport: any}>} */
    this.views = new Map();
  }

  async open() {
    const { reader } = this;
    this.element.hidden = false;
    reader.grid.hidden = true;
    reader.root.dataset.mpr = "loading";
    this.furnish();
    await this.load();
    if (!this.open_) return;
    await this.enable();
    if (this.open_) reader.root.dataset.mpr = "ready";
  }

  /** Makes the volume out of every image of the stack, telling how many are there. */
  async load() {
    const { reader, stack } = this;
    const grid = gridOf(stack);
    const [columns, rows] = grid.dimensions;
    let done = 0;
    const all = await Promise.all(grid.frames.map(async (frame) => {
      const pixels = await reader.source.load(frame, 1);
      done += 1;
      this.progress(done, grid.frames.length);
      return pixels;
    }));
    if (!this.open_) return;
    const size = columns * rows;
    const whole = grid.frames.every((frame, n) => isWhole(frame, all[n]));
    const scalarData = whole ? new Int16Array(size * all.length) : new Float32Array(size * all.length);
    grid.frames.forEach((frame, n) => fillSlice(frame, all[n], scalarData.subarray(n * size, (n + 1) * size)));
    const { dimensions, spacing, origin, direction, frameOfReference } = grid;
    const [first] = grid.frames;
    const metadata = { FrameOfReferenceUID: frameOfReference, Modality: first.series.modality, PhotometricInterpretation: "MONOCHROME2", BitsAllocated: 16, BitsStored: 16, SamplesPerPixel: 1, HighBit: 15, PixelRepresentation: 1, ImageOrientationPatient: direction.slice(0, 6), PixelSpacing: [spacing[1], spacing[0]], Columns: columns, Rows: rows, voiLut: [] };
    reader.core.volumeLoader.createLocalVolume(this.volumeId, { metadata, dimensions, spacing, origin, direction, scalarData });
    const voi = reader.active.voi();
    const middle = Math.floor(all.length / 2);
    const automatic = startWindow({ shades: { ...first.shades, voiLut: null } }, { values: /** @type {Int16Array} */ (all[middle].values) });
    this.start = this.window = /** @type {{center: number, width: number}} */ (voi && voi !== "lut" ? voi : automatic);
    this.negative = first.shades.inverted !== reader.active.look.negative;
  }

  /**
   * @param {number} done
   * @param {number} total
   */
  progress(done, total) {
    const bar = /** @type {HTMLProgressElement} */ (this.element.querySelector("progress"));
    bar.max = total;
    bar.value = done;
    bar.hidden = done === total;
    const text = /** @type {HTMLElement} */ (this.element.querySelector(".loading"));
    text.textContent = done === total ? "" : this.reader.t("read.mpr.loading", { n: done, total });
  }

  furnish() {
    const { t } = this.reader;
    this.element.replaceChildren();
    for (const plane of PLANES) {
      const element = made("section", { className: "read-pane" });
      element.dataset.plane = plane;
      element.setAttribute("aria-label", t(`read.mpr.${plane}`));
      const host = /** @type {HTMLDivElement} */ (part("host"));
      element.append(host, part("corner who", this.reader.active.study?.patient.name ?? ""), part("corner what", t(`read.mpr.${plane}`)), part("corner where"));
      for (const edge of EDGES) element.append(part(`edge ${edge}`));
      element.addEventListener("wheel", (event) => this.wheel(event, plane), { passive: false });
      this.views.set(plane, { host, element, viewport: null });
      this.element.append(element);
    }
    this.element.append(this.controls());
  }

  controls() {
    const { t } = this.reader;
    const box = made("form", { className: "read-slab" });
    const mode = made("select", { name: "mode" });
    mode.append(...MODES.map((each) => new Option(t(`read.mpr.${each}`), each)));
    mode.addEventListener("change", () => this.slab(this.thickness, /** @type {typeof MODES[number]} */ (mode.value)));
    const range = made("input", { name: "slab", type: "range", min: "0", max: String(THICKEST), step: "1", value: "0" });
    range.addEventListener("input", () => this.slab(Number(range.value), this.mode));
    const cross = made("button", { type: "button", textContent: t("read.mpr.crosshairs") });
    cross.dataset.tool = "crosshairs";
    cross.setAttribute("aria-pressed", "false");
    const close = made("button", { type: "button", textContent: t("read.mpr.close") });
    close.dataset.act = "mpr";
    box.append(
      made("p", { className: "loading", role: "status" }), made("progress", {}),
      labelled(t("read.mpr.mode"), mode), labelled(t("read.mpr.slab"), range), made("output", { name: "thickness", textContent: t("read.mpr.thin") }),
      cross, close, made("p", { className: "read-soft", textContent: t("read.mpr.unsaved") }),
    );
    return box;
  }

  async enable() {
    const { core, engine, mprGroup, tools } = this.reader;
    const { ViewportType, OrientationAxis, Events } = core.Enums;
    for (const [plane, view] of this.views) {
      const viewportId = `mpr-${plane}`;
      const orientation = OrientationAxis[plane.toUpperCase()];
      engine.enableElement({ viewportId, element: view.host, type: ViewportType.ORTHOGRAPHIC, defaultOptions: { orientation, background: [0, 0, 0] } });
      view.viewport = engine.getViewport(viewportId);
      await view.viewport.setVolumes([{ volumeId: this.volumeId }]);
      if (!this.open_) return;
      view.host.addEventListener(Events.IMAGE_RENDERED, () => this.label(plane));
      mprGroup.addViewport(viewportId, engine.id);
    }
    if (!mprGroup.hasTool("Crosshairs")) mprGroup.addTool("Crosshairs", { getReferenceLineColor: () => "rgb(90, 200, 250)", getReferenceLineControllable: () => true, getReferenceLineDraggableRotatable: () => false, getReferenceLineSlabThicknessControlsOn: () => false });
    mprGroup.setToolEnabled("Crosshairs");
    chooseTool(mprGroup, this.reader.tool, tools);
    this.paint();
    if (this.negative) this.applyInversion();
  }

  /** Gives every plane the window. */
  paint() {
    const { center, width } = this.window;
    const voiRange = { lower: center - width / 2, upper: center + width / 2 };
    for (const { viewport } of this.views.values()) {
      viewport?.setProperties({ voiRange });
      viewport?.render();
    }
    this.reader.root.dataset.mprWindow = `${Math.round(center)},${Math.round(width)}`;
  }

  /** @param {{center: number, width: number} | null} window */
  setWindow(window) {
    this.window = window ?? this.start;
    this.paint();
  }

  invert() {
    this.negative = !this.negative;
    this.applyInversion();
  }

  applyInversion() {
    for (const { viewport } of this.views.values()) {
      viewport?.setProperties({ invert: this.negative });
      viewport?.render();
    }
  }

  /**
   * @param {number} thickness  mm
   * @param {typeof MODES[number]} mode
   */
  slab(thickness, mode) {
    const { BlendModes } = this.reader.core.Enums;
    const blend = { mean: BlendModes.AVERAGE_INTENSITY_BLEND, maximum: BlendModes.MAXIMUM_INTENSITY_BLEND, minimum: BlendModes.MINIMUM_INTENSITY_BLEND }[mode];
    Object.assign(this, { thickness: Math.max(thickness, THINNEST), mode });
    for (const { viewport } of this.views.values()) {
      viewport?.setBlendMode(thickness > 0 ? blend : BlendModes.COMPOSITE);
      viewport?.setSlabThickness(this.thickness);
      viewport?.render();
    }
    const output = /** @type {HTMLOutputElement} */ (this.element.querySelector("output"));
    output.textContent = thickness > 0 ? `${thickness} mm` : this.reader.t("read.mpr.thin");
    this.reader.root.dataset.slab = `${mode},${thickness}`;
  }

  /** @param {HTMLElement} element */
  viewOf(element) {
    const found = [...this.views].find(([, { host }]) => host === element);
    if (!found) return undefined;
    return { dragWindow: (/** @type {number} */ right, /** @type {number} */ down) => this.drag(right, down), scroll: (/** @type {number} */ by) => this.scrollIn(found[0], by) };
  }

  /**
   * @param {number} right
   * @param {number} down
   */
  drag(right, down) {
    const { center, width } = this.window;
    const gain = Math.max(width, 1) / WINDOW_TRAVEL;
    this.setWindow({ width: Math.max(width + right * gain, 1), center: center + down * gain });
  }

  /**
   * @param {WheelEvent} event
   * @param {string} plane
   */
  wheel(event, plane) {
    event.preventDefault();
    event.stopPropagation();
    this.scrollIn(plane, Math.sign(event.deltaY));
  }

  /**
   * @param {string} plane
   * @param {number} by
   */
  scrollIn(plane, by) {
    const { viewport } = this.views.get(plane) ?? {};
    if (!viewport || !by) return;
    this.reader.core.utilities.scroll(viewport, { delta: by, volumeId: this.volumeId });
  }

  /** @param {number} by  of the keys: through the first plane */
  scroll(by) {
    this.scrollIn(PLANES[0], by);
  }

  reset() {
    for (const { viewport } of this.views.values()) viewport?.resetCamera();
    this.setWindow(null);
  }

  /** @param {string} plane */
  label(plane) {
    const { element, viewport } = this.views.get(plane) ?? {};
    if (!element || !viewport) return;
    const [origin, across, down] = [[0, 0], [100, 0], [0, 100]].map((at) => viewport.canvasToWorld(at));
    const [right, bottom] = [letters(difference(across, origin)), letters(difference(down, origin))];
    const edges = { top: opposite(bottom), right, bottom, left: opposite(right) };
    for (const edge of EDGES) /** @type {HTMLElement} */ (element.querySelector(`.edge.${edge}`)).textContent = edges[edge];
    const { focalPoint } = viewport.getCamera();
    const axis = PLANES.indexOf(/** @type {typeof PLANES[number]} */ (plane));
    const at = focalPoint[[2, 0, 1][axis]];
    const { center, width } = this.window;
    const lines = [`${short(at)} mm`, this.reader.t("read.window.values", { center: short(center), width: short(width) })];
    /** @type {HTMLElement} */ (element.querySelector(".where")).textContent = lines.join(" · ");
    Object.assign(element.dataset, { ...edges, at: focalPoint.map((/** @type {number} */ each) => each.toFixed(1)).join() });
  }

  close() {
    const { reader } = this;
    this.open_ = false;
    for (const [plane, { viewport }] of this.views) {
      if (!viewport) continue;
      reader.mprGroup.removeViewports(reader.engine.id, `mpr-${plane}`);
      reader.engine.disableElement(`mpr-${plane}`);
    }
    if (reader.core.cache.getVolume(this.volumeId)) reader.core.cache.removeVolumeLoadObject(this.volumeId);
    this.element.hidden = true;
    this.element.replaceChildren();
    reader.grid.hidden = false;
    reader.mpr = null;
    delete reader.root.dataset.mpr;
    if (reader.tool === "crosshairs") reader.choose("window");
    reader.resize();
    reader.redrawBar();
  }
}

/**
 * @param {string} text
 * @param {HTMLElement} control
 */
function labelled(text, control) {
  const label = made("label", {});
  label.append(made("span", { textContent: text }), control);
  return label;
}
