/** One viewport of the reading viewer: a stack, where it stands, how it looks. */
import { Trouble } from "../lib/trouble.js";
import { label } from "./corners.js";
import { Laid } from "./laid.js";
import { pointOf, worldOf } from "./placing.js";
import { voiOf } from "./shading.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Stack} Stack */
/** @typedef {import("../lib/display.js").Study} Study */
/** @typedef {import("../lib/geometry.js").Point} Point */
/** @typedef {import("../lib/voi.js").Voi} Voi */
/** @typedef {import("./reader.js").Reader} Reader */
/** @typedef {import("./shading.js").Look} Look */

/** A drag over so many pixels changes a window by its own width. */
const WINDOW_TRAVEL = 300;
const LEAST_WIDTH = 1;

export class Pane {
  /**
   * @param {Reader} reader
   * @param {HTMLElement} element
   * @param {string} id
   */
  constructor(reader, element, id) {
    this.reader = reader;
    this.element = element;
    this.id = id;
    this.host = /** @type {HTMLDivElement} */ (element.querySelector(".host"));
    /** @type {any} */
    this.viewport = null;
    /** @type {Study | null} */
    this.study = null;
    /** @type {Stack | null} */
    this.stack = null;
    /** What is on screen; -1 before the first image. */
    this.index = -1;
    /** What was asked for last. */
    this.wanted = 0;
    /** @type {Look} */
    this.look = { voi: null, negative: false };
    /** @type {"empty" | "preview" | "loading" | "lossless" | "fault"} */
    this.state = "empty";
    this.repainting = 0;
    /** @type {import("./states.js").Applied | null} */
    this.applied = null;
    this.laid = new Laid(this);
  }

  /** The frame on screen. @returns {Frame | null} */
  get frame() {
    return this.stack?.frames[this.index] ?? null;
  }

  /** @returns {import("../pixels/source.js").Pixels | undefined} */
  get pixels() {
    return this.state === "fault" ? undefined : this.viewport?.getCornerstoneImage()?.pixels;
  }

  /** Gives this pane its viewport, once Cornerstone is there. */
  enable() {
    const { core, engine } = this.reader;
    engine.enableElement({ viewportId: this.id, element: this.host, type: core.Enums.ViewportType.STACK, defaultOptions: { background: [0, 0, 0] } });
    this.viewport = engine.getViewport(this.id);
    const { STACK_NEW_IMAGE, CAMERA_MODIFIED, IMAGE_RENDERED } = core.Enums.Events;
    // Cornerstone took the pixels as they were left by whoever drew them last; before it draws, they get this look.
    this.host.addEventListener(STACK_NEW_IMAGE, (event) => this.took(/** @type {CustomEvent} */ (event).detail.image));
    this.host.addEventListener(CAMERA_MODIFIED, () => this.reader.lookedAt(this));
    this.host.addEventListener(IMAGE_RENDERED, () => this.reader.drawn(this));
  }

  disable() {
    if (this.viewport) this.reader.engine.disableElement(this.id);
    this.viewport = null;
  }

  /**
   * Undoing a change leads Cornerstone to its image; then this pane is there, too.
   * @param {any} image  of Cornerstone
   */
  took(image) {
    this.paint(image);
    const { frame } = image;
    if (frame.stack !== this.stack || frame.index === this.wanted || this.index < 0) return;
    this.wanted = frame.index;
    this.showing(frame.index);
  }

  /** @param {any} image  of Cornerstone, which this viewport holds */
  paint(image) {
    const { core, images } = this.reader;
    images.paint(image, this.lookFor(image.frame));
    core.utilities.updateVTKImageDataWithCornerstoneImage(this.viewport.getImageData().imageData, image);
  }

  /**
   * @param {Frame} frame
   * @returns {Look}
   */
  lookFor(frame) {
    return { ...this.look, shades: this.applied?.shadesOf(frame) ?? null, laid: this.reader.bare ? null : this.laid.on(frame) };
  }

  /**
   * Takes a stack and shows one place of it.
   * @param {Study} study
   * @param {Stack} stack
   * @param {{index?: number, voi?: Voi | null}} [options]
   */
  async take(study, stack, { index = 0, voi = null } = {}) {
    Object.assign(this, { study, stack, index: -1, wanted: index, look: { voi, negative: false }, applied: null });
    this.say("preview");
    this.reader.took(this);
    if (this.viewport) await this.first(stack, index);
  }

  /**
   * Hands the whole stack to Cornerstone with its first image.
   * @param {Stack} stack
   * @param {number} index
   */
  async first(stack, index) {
    const { images } = this.reader;
    if (!(await this.loaded(stack, index))) return;
    await this.viewport.setStack(stack.frames.map((frame) => images.idOf(frame)), index);
    if (this.stack !== stack || this.wanted !== index) return;
    this.viewport.setViewPresentation({ rotation: 0 });
    this.viewport.resetCamera();
    this.showing(index);
    // The rest of the stack waited for its first image.
    this.reader.prefetch();
  }

  /**
   * Shows a place of the stack as soon as its pixels are there.
   * @param {number} index
   */
  async show(index) {
    const { stack } = this;
    if (!stack || !this.viewport) return;
    const place = Math.min(Math.max(index, 0), stack.frames.length - 1);
    if (place === this.wanted && this.state !== "fault") return;
    const left = stack.frames[this.wanted];
    this.wanted = place;
    if (left !== stack.frames[place]) this.reader.source.release([left]);
    this.reader.prefetch();
    if (!this.viewport.getCornerstoneImage() || this.index < 0) return this.first(stack, place);
    if (!this.reader.source.peek(stack.frames[place])) this.say("loading");
    if (!(await this.loaded(stack, place))) return;
    await this.viewport.setImageIdIndex(place);
    if (this.stack === stack && this.wanted === place) this.showing(place);
  }

  /**
   * Waits for a frame; returns whether it came and is still wanted.
   * @param {Stack} stack
   * @param {number} index
   */
  async loaded(stack, index) {
    try {
      await this.reader.source.load(stack.frames[index], 0);
    } catch (error) {
      if (this.stack === stack && this.wanted === index && error instanceof Trouble) this.fail(error);
      return false;
    }
    return this.stack === stack && this.wanted === index;
  }

  /** @param {number} index */
  showing(index) {
    this.index = index;
    this.say("lossless");
    this.laid.fetch();
    this.reader.shown(this);
  }

  /** @param {Trouble} trouble */
  fail(trouble) {
    this.say("fault");
    this.reader.explain(this, trouble);
  }

  /** @param {Pane["state"]} state */
  say(state) {
    this.state = state;
    label(this, this.reader.t);
  }

  /** @param {Voi | null} voi  null: as the image asks */
  setVoi(voi) {
    this.look.voi = voi;
    this.repaint();
    this.reader.windowed(this);
  }

  /** @param {boolean} negative */
  setNegative(negative) {
    this.look.negative = negative;
    this.repaint();
  }

  /** Paints the image anew before the next picture of the screen, once however often it is asked. */
  repaint() {
    if (this.repainting || !this.viewport) return;
    this.repainting = requestAnimationFrame(() => {
      this.repainting = 0;
      const image = this.viewport?.getCornerstoneImage();
      if (!image || this.index < 0) return;
      this.paint(image);
      this.viewport.render();
    });
  }

  /** Returns the window on screen. @returns {Voi | null} */
  voi() {
    const { frame, pixels } = this;
    return frame && pixels ? voiOf(frame, pixels, this.lookFor(frame)) : null;
  }

  /**
   * Left and right: contrast; up and down: brightness.
   * @param {number} right
   * @param {number} down
   */
  dragWindow(right, down) {
    const from = this.startingWindow();
    if (!from) return;
    const gain = Math.max(from.width, this.span() / 100) / WINDOW_TRAVEL;
    const width = Math.max(from.width + right * gain, LEAST_WIDTH);
    this.setVoi({ ...from, width, center: from.center + down * gain });
  }

  /** Returns the window that a drag begins with; a table has none, so the header's, or all values. */
  startingWindow() {
    const voi = this.voi();
    if (voi !== "lut") return voi;
    return this.frame?.windows[0] ?? { center: this.span() / 2, width: Math.max(this.span(), LEAST_WIDTH), function: "LINEAR" };
  }

  span() {
    const { frame, pixels } = this;
    return frame && pixels ? Math.abs((pixels.high - pixels.low) * (frame.shades.slope || 1)) : 0;
  }

  /** @param {1 | -1} quarters  clockwise */
  rotate(quarters) {
    const { rotation = 0 } = this.viewport.getViewPresentation();
    this.viewport.setViewPresentation({ rotation: (rotation + 360 + quarters * 90) % 360 });
    this.viewport.render();
  }

  /** @param {boolean} down  top and bottom change places */
  flip(down) {
    const { flipHorizontal, flipVertical } = this.viewport.getCamera();
    this.viewport.setCamera(down ? { flipVertical: !flipVertical } : { flipHorizontal: !flipHorizontal });
    this.viewport.render();
  }

  /** Screen pixels (CSS) for one pixel of the image, along its row. */
  scale() {
    if (!this.frame || !this.viewport) return 0;
    const [a, b] = [this.canvasOf([0, 0]), this.canvasOf([1, 0])];
    return Math.hypot(b[0] - a[0], b[1] - a[1]);
  }

  /**
   * @param {Point} point
   * @returns {Point}
   */
  canvasOf(point) {
    return this.viewport.worldToCanvas(worldOf(/** @type {Frame} */ (this.frame), point));
  }

  /**
   * @param {Point} canvas
   * @returns {Point}
   */
  pointAt(canvas) {
    return pointOf(/** @type {Frame} */ (this.frame), this.viewport.canvasToWorld(canvas));
  }

  /** @param {number} factor */
  zoomBy(factor) {
    this.viewport.setZoom(this.viewport.getZoom() * factor);
    this.viewport.render();
  }

  fit() {
    this.viewport.setZoom(1);
    this.viewport.setPan([0, 0]);
    this.viewport.render();
  }

  /** One pixel of the image for one of the screen, sharp: their edges lie on each other. */
  actual() {
    const ratio = window.devicePixelRatio;
    this.viewport.setZoom(this.viewport.getZoom() / (this.scale() * ratio));
    this.viewport.setPan([0, 0]);
    const [x, y] = this.canvasOf([0, 0]);
    this.moveBy([Math.round(x * ratio) / ratio - x, Math.round(y * ratio) / ratio - y]);
    this.viewport.render();
  }

  /**
   * Moves the image by less than a pixel, too, which Cornerstone's own panning leaves out.
   * @param {Point} shift  on the canvas
   */
  moveBy(shift) {
    const { focalPoint, position } = this.viewport.getCamera();
    const [from, to] = [this.viewport.canvasToWorld([0, 0]), this.viewport.canvasToWorld(shift)];
    const moved = (/** @type {number[]} */ place) => place.map((at, n) => at + from[n] - to[n]);
    this.viewport.setCamera({ focalPoint: moved(focalPoint), position: moved(position) });
  }

  reset() {
    Object.assign(this, { look: { voi: null, negative: false }, applied: null });
    const { flipHorizontal, flipVertical } = this.viewport.getCamera();
    if (flipHorizontal || flipVertical) this.viewport.setCamera({ flipHorizontal: false, flipVertical: false });
    this.viewport.setViewPresentation({ rotation: 0 });
    this.viewport.resetCamera();
    this.laid.fetch();
    this.repaint();
    this.reader.windowed(this);
  }
}
