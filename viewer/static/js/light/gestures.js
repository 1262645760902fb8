/**
 * Mouse and fingers on a pane, told as drags of a tool, pinches and turns of the wheel.
 *
 * Left mouse button: the active tool; middle: pan; right: zoom. One finger: its tool; two: pinch and pan; a finger
 * that rests before it moves: the window.
 */

/** @typedef {import("../lib/geometry.js").Point} Point */
/** @typedef {{begin(at: Point, event: PointerEvent): void, move(at: Point, by: Point): void, end(): void}} Drag */
/**
 * @typedef {object} Actor
 * @property {(event: PointerEvent) => string} toolFor  name of the tool of the left button or of one finger
 * @property {(tool: string) => Drag | null} drag
 * @property {(steps: number) => void} wheel
 * @property {(factor: number, at: Point, by: Point) => void} pinch  at: the middle of both fingers
 */

const REST_MS = 450;
/** A finger that trembles less far still rests. */
const TREMBLE = 8;
/** What the wheel of a mouse turns for one image; touch pads turn by less at a time. */
const WHEEL_STEP = 60;
const LINE = 20;

export class Gestures {
  /**
   * @param {HTMLElement} element
   * @param {Actor} actor
   */
  constructor(element, actor) {
    this.element = element;
    this.actor = actor;
    /** @type {Map<number, Point>} */
    this.fingers = new Map();
    /** @type {Drag | null} */
    this.drag = null;
    this.turned = 0;
    this.resting = 0;
    element.addEventListener("pointerdown", (event) => this.down(event));
    element.addEventListener("pointermove", (event) => this.moved(event));
    for (const name of ["pointerup", "pointercancel"]) {
      element.addEventListener(name, (event) => this.up(/** @type {PointerEvent} */ (event)));
    }
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
  }

  /**
   * @param {MouseEvent} event
   * @returns {Point}
   */
  placeOf(event) {
    const box = this.element.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  /** @param {PointerEvent} event */
  down(event) {
    if (event.pointerType === "mouse" && this.fingers.size > 0) return;
    this.element.setPointerCapture(event.pointerId);
    const at = this.placeOf(event);
    this.fingers.set(event.pointerId, at);
    this.stopDragging();
    if (this.fingers.size > 1) return;
    const tool = event.button === 1 ? "pan" : event.button === 2 ? "zoom" : this.actor.toolFor(event);
    this.begin(tool, at, event);
    if (event.pointerType !== "mouse") this.resting = window.setTimeout(() => this.rested(at, event), REST_MS);
    // The middle button would start the browser's own scrolling.
    if (event.button === 1) event.preventDefault();
  }

  /**
   * @param {Point} at
   * @param {PointerEvent} event
   */
  rested(at, event) {
    this.drag?.end();
    navigator.vibrate?.(10);
    this.begin("window", at, event);
  }

  /**
   * @param {string} tool
   * @param {Point} at
   * @param {PointerEvent} event
   */
  begin(tool, at, event) {
    this.drag = this.actor.drag(tool);
    this.drag?.begin(at, event);
  }

  /** @param {PointerEvent} event */
  moved(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const at = this.placeOf(event);
    if (this.fingers.size > 1) return this.pinch(event.pointerId, before, at);
    const by = /** @type {Point} */ ([at[0] - before[0], at[1] - before[1]]);
    if (this.resting && Math.hypot(...by) < TREMBLE) return;
    clearTimeout(this.resting);
    this.resting = 0;
    this.fingers.set(event.pointerId, at);
    this.drag?.move(at, by);
  }

  /**
   * @param {number} id
   * @param {Point} before
   * @param {Point} at
   */
  pinch(id, before, at) {
    const other = [...this.fingers].find(([each]) => each !== id)?.[1] ?? at;
    this.fingers.set(id, at);
    const factor = apart(at, other) / Math.max(apart(before, other), 1);
    const by = /** @type {Point} */ ([(at[0] - before[0]) / 2, (at[1] - before[1]) / 2]);
    this.actor.pinch(factor, [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2], by);
  }

  /** @param {PointerEvent} event */
  up(event) {
    this.fingers.delete(event.pointerId);
    this.stopDragging();
  }

  stopDragging() {
    clearTimeout(this.resting);
    this.resting = 0;
    this.drag?.end();
    this.drag = null;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    // With Ctrl the browser zooms the page, which some people need.
    if (event.ctrlKey) return;
    event.preventDefault();
    this.turned += event.deltaY * (event.deltaMode === 0 ? 1 : LINE);
    const steps = Math.trunc(this.turned / WHEEL_STEP);
    this.turned -= steps * WHEEL_STEP;
    if (steps) this.actor.wheel(steps);
  }
}

/**
 * @param {Point} a
 * @param {Point} b
 */
function apart(a, b) {
  return Math.hypot(a[0] - b[0], a[1] - b[1]);
}
