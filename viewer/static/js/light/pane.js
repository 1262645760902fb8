/** One place where images are looked at: which frame of which stack, with which window, lying how. */
import { renderedUrl } from "../lib/display.js";
import { startWindow, tableOf } from "../lib/voi.js";
import { Trouble } from "../lib/trouble.js";
import { overlayPicture, Painter } from "./painting.js";
import { FITTED, matrixOf } from "./view.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Stack} Stack */
/** @typedef {import("../lib/display.js").Study} Study */
/** @typedef {import("../lib/display.js").Window} Window */
/** @typedef {import("../lib/voi.js").Voi} Voi */
/** @typedef {import("../pixels/source.js").Pixels} Pixels */
/** @typedef {"empty" | "waiting" | "preview" | "lossless" | "trouble"} State */
/**
 * @typedef {object} Host  the viewer around a pane
 * @property {import("../pixels/source.js").PixelSource} source
 * @property {(pane: Pane) => void} changed  what the pane says of itself has changed
 * @property {(pane: Pane, trouble: Trouble) => void} failed
 * @property {(pane: Pane) => void} drawn  graphics may be drawn over the image
 */

/** Sizes of previews asked of the server, so that its cache is shared between screens. */
const PREVIEW_SIZES = [512, 1024];
/** A frame that comes sooner needs no preview. */
const PREVIEW_AFTER_MS = 150;

export class Pane {
  /**
   * @param {HTMLElement} element
   * @param {Host} host
   */
  constructor(element, host) {
    this.element = element;
    this.host = host;
    this.painter = new Painter(/** @type {HTMLCanvasElement} */ (element.querySelector("canvas")));
    this.painter.fit(this.size);
    /** @type {Study | null} */
    this.study = null;
    /** @type {Stack | null} */
    this.stack = null;
    this.index = 0;
    this.view = { ...FITTED };
    /** @type {Window | null} the window somebody chose; null: each image's own */
    this.window = null;
    this.negative = false;
    this.overlaysShown = true;
    /** @type {State} */
    this.state = "empty";
    /** @type {Pixels | null} */
    this.pixels = null;
    /** @type {HTMLImageElement | null} the preview that was asked for last */
    this.picture = null;
    /** @type {CanvasImageSource | null} */
    this.overlay = null;
    /** @type {Map<string, Voi>} */
    this.starts = new Map();
    this.asked = 0;
    this.waiting = 0;
    this.requested = false;
    this.quick = false;
    this.stale = true;
    new ResizeObserver(() => this.paint()).observe(element);
  }

  get size() {
    const { clientWidth, clientHeight } = this.element;
    return { width: Math.max(clientWidth, 1), height: Math.max(clientHeight, 1), ratio: devicePixelRatio || 1 };
  }

  /** @returns {Frame | null} */
  get frame() {
    return this.stack?.frames[this.index] ?? null;
  }

  get matrix() {
    return matrixOf(/** @type {Frame} */ (this.frame), this.view, this.size);
  }

  /** The window in force, null while it is not known or where the server chose it. */
  get voi() {
    const { frame, pixels } = this;
    if (!frame || !frame.stored || (!pixels && !this.window)) return null;
    return this.window ?? this.startOf(frame, /** @type {Pixels} */ (pixels));
  }

  /**
   * @param {Frame} frame
   * @param {Pixels} pixels
   * @returns {Voi}
   */
  startOf(frame, pixels) {
    const known = this.starts.get(frame.key);
    if (known) return known;
    const start = startWindow(frame, /** @type {any} */ (pixels));
    this.starts.set(frame.key, start);
    return start;
  }

  /**
   * Shows a stack from its beginning, or from one of its frames.
   * @param {Study} study
   * @param {Stack} stack
   * @param {number} [index]
   * @param {HTMLImageElement | null} [picture]  a preview of that frame which the page already has
   */
  show(study, stack, index = 0, picture = null) {
    this.leave();
    Object.assign(this, { study, stack, index: -1, window: null, negative: false, view: { ...FITTED }, pixels: null });
    this.starts.clear();
    this.painter.takePicture(null);
    this.go(index, picture);
  }

  /**
   * @param {number} index
   * @param {HTMLImageElement | null} [picture]
   */
  go(index, picture = null) {
    if (!this.stack) return;
    const next = Math.min(Math.max(index, 0), this.stack.frames.length - 1);
    if (next === this.index) return;
    this.leave();
    const before = this.frame;
    this.index = next;
    if (before && (before.rows !== this.frame?.rows || before.columns !== this.frame?.columns)) this.painter.takePicture(null);
    this.load(picture);
  }

  /** Gives up waiting for the frame on screen. */
  leave() {
    clearTimeout(this.waiting);
    if (this.frame && this.state !== "lossless") this.host.source.release([this.frame]);
  }

  /** @param {HTMLImageElement | null} [picture] */
  async load(picture = null) {
    const frame = /** @type {Frame} */ (this.frame);
    this.asked += 1;
    const asked = this.asked;
    this.overlay = null;
    const kept = this.host.source.peek(frame);
    if (kept) return this.settle(frame, kept);
    this.pixels = null;
    this.enter("waiting");
    if (picture) this.preview(picture, asked);
    else this.waiting = window.setTimeout(() => this.fetchPreview(frame, asked), PREVIEW_AFTER_MS);
    try {
      const pixels = await this.host.source.load(frame, 0);
      if (asked === this.asked) this.settle(frame, pixels);
    } catch (error) {
      if (asked === this.asked && error instanceof Trouble) this.fail(error);
      else if (!(error instanceof Trouble) && /** @type {Error} */ (error).name !== "AbortError") throw error;
    }
  }

  /** @param {Trouble} trouble */
  fail(trouble) {
    clearTimeout(this.waiting);
    // A preview stays, and is still called one, where only the way to the server is gone.
    if (this.state !== "preview" || trouble.kind === "unreadable") this.painter.takePicture(null);
    this.enter("trouble");
    this.host.failed(this, trouble);
  }

  /**
   * @param {Frame} frame
   * @param {number} asked
   */
  fetchPreview(frame, asked) {
    const picture = new Image();
    const wanted = Math.max(this.size.width, this.size.height) * this.size.ratio;
    const size = PREVIEW_SIZES.find((each) => each >= wanted) ?? PREVIEW_SIZES[1];
    picture.src = renderedUrl(frame, { size, window: frame.stored ? this.window : null });
    this.preview(picture, asked);
  }

  /**
   * @param {HTMLImageElement} picture
   * @param {number} asked
   */
  async preview(picture, asked) {
    this.picture = picture;
    try {
      await picture.decode();
    } catch {
      // Where there is no preview either, the frame itself tells why.
      return;
    }
    const late = asked !== this.asked || picture !== this.picture;
    if (late || (this.state !== "waiting" && this.state !== "preview")) return;
    this.painter.takePicture(picture);
    this.enter("preview");
  }

  /**
   * @param {Frame} frame
   * @param {Pixels} pixels
   */
  settle(frame, pixels) {
    clearTimeout(this.waiting);
    this.pixels = pixels;
    this.stale = true;
    this.enter("lossless");
    if (frame.overlays) this.loadOverlay(frame, this.asked);
  }

  /**
   * @param {Frame} frame
   * @param {number} asked
   */
  async loadOverlay(frame, asked) {
    const { overlayMask } = await import("../pixels/overlays.js");
    // An overlay that cannot be had leaves the image as it is.
    const mask = await overlayMask(frame).catch(() => null);
    if (!mask || asked !== this.asked) return;
    this.overlay = overlayPicture(mask, frame);
    this.paint();
  }

  /** @param {State} state */
  enter(state) {
    this.state = state;
    this.host.changed(this);
    this.paint();
  }

  /** @param {Partial<import("./view.js").View>} view */
  look(view) {
    this.view = { ...this.view, ...view };
    this.host.changed(this);
    this.paint();
  }

  /**
   * @param {Window | null} window
   * @param {boolean} [quick]  while it is being dragged
   */
  setWindow(window, quick = false) {
    this.window = window;
    this.quick = quick;
    this.stale = true;
    // Until the pixels are here the server draws the preview with this window.
    if (this.state === "preview" && this.frame) this.fetchPreview(this.frame, this.asked);
    this.host.changed(this);
    this.paint();
  }

  /** @param {boolean} negative */
  setNegative(negative) {
    this.negative = negative;
    this.stale = true;
    this.host.changed(this);
    this.paint();
  }

  /** Draws once before the screen is next refreshed, however often it is asked to. */
  paint() {
    if (this.requested) return;
    this.requested = true;
    requestAnimationFrame(() => {
      this.requested = false;
      this.paintNow();
    });
  }

  paintNow() {
    const { frame, painter, pixels } = this;
    painter.fit(this.size);
    if (!frame) return painter.clear();
    if (pixels && this.stale) {
      painter.take(pixels, this.table(frame, pixels), this.quick);
      this.stale = false;
    }
    painter.draw(frame, this.matrix, {
      negative: this.negative && !(pixels?.values),
      faded: this.state === "waiting" || this.state === "trouble",
      overlay: this.overlaysShown ? this.overlay : null,
    });
    this.host.drawn(this);
  }

  /**
   * @param {Frame} frame
   * @param {Pixels} pixels
   */
  table(frame, pixels) {
    if (!pixels.values) return null;
    const table = tableOf(frame.shades, this.voi ?? this.startOf(frame, pixels), pixels);
    return this.negative ? table.map((shade) => 255 - shade) : table;
  }
}
