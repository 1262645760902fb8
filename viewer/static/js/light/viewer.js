/** The light viewer: one or two panes, a toolbar, keys, and what is fetched ahead. */
import { PixelSource } from "../pixels/source.js";
import { ACTS } from "./acts.js";
import { explain } from "./faults.js";
import { Gestures } from "./gestures.js";
import { listenToKeys } from "./keys.js";
import { furnish, label, placeText, windowText } from "./labels.js";
import { Pane } from "./pane.js";
import { reflect } from "./toolbar.js";
import { dragOf } from "./tools.js";
import { zoomed } from "./view.js";

/** @typedef {import("../lib/display.js").Study} Study */
/** @typedef {import("../lib/display.js").Stack} Stack */
/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Instance} Instance */
/** @typedef {import("../lib/trouble.js").Trouble} Trouble */
/** @typedef {ReturnType<typeof import("../lib/texts.js").pageTexts>} T */

const MIB = 1024 * 1024;
/** Memory for pixels: phones close pages that take more. */
const PHONE_BYTES = 160 * MIB;
const DESK_BYTES = 640 * MIB;
/** Images read ahead where every byte is paid for. */
const FEW_AHEAD = 6;
const MANY_AHEAD = 600;
const TELL_AFTER_MS = 600;
const SAY_WAITING_AFTER_MS = 400;

export class Viewer {
  /**
   * @param {HTMLElement} root
   * @param {T} t
   */
  constructor(root, t) {
    this.root = root;
    this.t = t;
    this.coarse = matchMedia("(pointer: coarse)").matches;
    this.source = new PixelSource({ maxBytes: this.coarse ? PHONE_BYTES : DESK_BYTES });
    this.tool = "window";
    this.toolChosen = false;
    this.synchronised = true;
    /** @type {import("./measures.js").Measures | null} */
    this.measures = null;
    /** @type {import("./cine.js").Cine | null} */
    this.cine = null;
    /** @type {Study | null} */
    this.study = null;
    this.telling = 0;
    this.panes = Array.from(root.querySelectorAll(".pane"), (element) => this.makePane(/** @type {HTMLElement} */ (element)));
    this.active = this.panes[0];
    this.slider = /** @type {HTMLInputElement} */ (root.querySelector(".slider"));
    this.presets = /** @type {HTMLSelectElement} */ (root.querySelector(".presets"));
    this.listen();
  }

  /** @param {HTMLElement} element */
  makePane(element) {
    furnish(element, this.t);
    const pane = new Pane(element, {
      source: this.source,
      changed: (each) => this.changed(each),
      failed: (each, trouble) => this.failed(each, trouble),
      drawn: (each) => this.measures?.draw(each),
    });
    new Gestures(/** @type {HTMLElement} */ (element.querySelector("canvas")), {
      toolFor: (event) => this.touched(pane, event),
      drag: (tool) => dragOf(tool, this, pane),
      wheel: (steps) => this.scroll(steps, pane),
      pinch: (factor, at, by) => this.pinched(pane, factor, at, by),
    });
    element.addEventListener("focus", () => this.activate(pane));
    return pane;
  }

  listen() {
    this.root.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      if (button?.dataset.tool) this.choose(button.dataset.tool);
      if (button?.dataset.act) this.act(button.dataset.act);
    });
    this.slider.addEventListener("input", () => this.goTo(this.slider.valueAsNumber - 1));
    this.presets.addEventListener("change", () => {
      this.choosePreset(this.presets.value);
      this.presets.blur();
    });
    listenToKeys(this);
    addEventListener("online", () => this.retry());
    document.addEventListener("visibilitychange", () => document.hidden && this.cine?.stop());
  }

  /**
   * @param {Study} study
   * @param {{stack: Stack, index: number, picture: HTMLImageElement | null} | null} first
   */
  open(study, first) {
    this.study = study;
    if (first) this.active.show(study, first.stack, first.index, first.picture);
  }

  /**
   * @param {Stack} stack
   * @param {{pane?: Pane, study?: Study, index?: number}} [where]
   */
  showStack(stack, { pane = this.active, study = pane.study ?? this.study ?? undefined, index = 0 } = {}) {
    if (!study) return;
    this.cine?.stop();
    pane.element.querySelector(".document")?.remove();
    pane.element.classList.remove("holds-document");
    pane.show(study, stack, index);
    this.activate(pane);
  }

  /** @param {Pane} pane */
  activate(pane) {
    if (this.active !== pane) this.cine?.stop();
    this.active = pane;
    for (const each of this.panes) each.element.classList.toggle("active", each === pane);
    this.changed(pane);
  }

  /**
   * @param {Pane} pane
   * @param {PointerEvent} event
   */
  touched(pane, event) {
    if (this.active !== pane) this.activate(pane);
    pane.element.focus({ preventScroll: true });
    const finger = event.pointerType === "touch" && !this.toolChosen;
    if (!finger) return this.tool;
    return pane.stack && pane.stack.frames.length === 1 ? "pan" : "scroll";
  }

  /**
   * @param {Pane} pane
   * @param {number} factor
   * @param {[number, number]} at
   * @param {[number, number]} by
   */
  pinched(pane, factor, at, by) {
    const { width, height } = pane.size;
    const view = zoomed(pane.view, factor, [at[0] - width / 2, at[1] - height / 2]);
    this.look(pane, { ...view, x: view.x + by[0], y: view.y + by[1] });
  }

  /** @param {string} name */
  act(name) {
    ACTS[name]?.(this);
  }

  /** @param {string} tool */
  choose(tool) {
    this.toolChosen = true;
    this.tool = tool;
    if (tool === "ruler" || tool === "angle") this.needMeasures();
    this.changed(this.active);
  }

  async needMeasures() {
    const { Measures } = await import("./measures.js");
    this.measures = this.measures ?? new Measures(this.t);
    return this.measures;
  }

  /** @param {string} value  of the list of presets */
  choosePreset(value) {
    const [center, width] = value.split(",").map(Number);
    const own = this.active.frame?.windows.find((each) => `${each.center},${each.width}` === value);
    this.active.setWindow(value ? own ?? { center, width, function: "LINEAR" } : null);
  }

  /**
   * @param {number} steps
   * @param {Pane} [pane]
   */
  scroll(steps, pane = this.active) {
    this.goTo(pane.index + steps, pane);
  }

  /**
   * @param {number} index
   * @param {Pane} [pane]
   */
  goTo(index, pane = this.active) {
    pane.go(index);
    this.follow(pane);
  }

  /**
   * Shows in the other pane what lies at the same place.
   * @param {Pane} pane
   */
  async follow(pane) {
    const other = this.panes.find((each) => each !== pane);
    if (!other || !this.synchronised) return;
    const { placeIn } = await import("./beside.js");
    const index = placeIn(pane, other);
    if (index !== null) other.go(index);
  }

  /**
   * @param {Pane} pane
   * @param {Partial<import("./view.js").View>} view
   */
  look(pane, view) {
    pane.look(view);
    if (!this.synchronised) return;
    const { zoom, x, y } = pane.view;
    for (const other of this.panes) if (other !== pane && other.stack) other.look({ zoom, x, y });
  }

  /** @param {Pane} pane */
  changed(pane) {
    if (!pane.frame) return;
    label(pane, this.t, { prior: pane.study !== this.study });
    this.mark(pane);
    if (pane.state !== "trouble") pane.element.querySelector(".fault")?.replaceChildren();
    if (pane !== this.active) return;
    this.tell(pane);
    reflect(this, pane);
    if (pane.state === "lossless") this.ahead();
  }

  /**
   * Says what is waited for, once it takes long enough to be noticed.
   * @param {Pane} pane
   */
  mark(pane) {
    const mark = /** @type {HTMLElement} */ (pane.element.querySelector(".waiting-mark"));
    const asked = pane.asked;
    const waits = pane.state === "waiting" || pane.state === "preview";
    if (!waits) {
      mark.textContent = "";
      return;
    }
    setTimeout(() => {
      const still = pane.asked === asked && (pane.state === "waiting" || pane.state === "preview");
      if (still && pane.stack) mark.textContent = this.t("viewer.waiting", { what: placeText(pane.stack, pane.index, this.t) });
    }, SAY_WAITING_AFTER_MS);
  }

  /**
   * Tells screen readers where somebody arrived, not every step on the way.
   * @param {Pane} pane
   */
  tell(pane) {
    clearTimeout(this.telling);
    this.telling = window.setTimeout(() => {
      const status = /** @type {HTMLElement} */ (this.root.querySelector(".status"));
      if (pane.stack && pane.frame) status.textContent = [placeText(pane.stack, pane.index, this.t), windowText(pane.voi, this.t)].filter(Boolean).join(", ");
    }, TELL_AFTER_MS);
  }

  /** Reads ahead outward from what is shown, the active pane first. */
  ahead() {
    const few = /** @type {any} */ (navigator).connection?.saveData;
    const panes = [this.active, ...this.panes.filter((each) => each !== this.active)];
    this.source.ahead(panes.flatMap((pane) => outward(pane, few ? FEW_AHEAD : MANY_AHEAD)));
  }

  /**
   * @param {Pane} pane
   * @param {Trouble} trouble
   */
  failed(pane, trouble) {
    explain(this, pane, trouble);
  }

  /** Asks again for what could not be had. */
  retry() {
    for (const pane of this.panes) if (pane.state === "trouble") pane.load();
  }

  /** @param {-1 | 1} way */
  nextStack(way) {
    const stacks = (this.active.study ?? this.study)?.series.flatMap((series) => series.stacks) ?? [];
    const next = stacks[stacks.indexOf(/** @type {Stack} */ (this.active.stack)) + way];
    if (next) this.showStack(next);
  }

  /** Opens the second pane, or closes it. */
  async two() {
    const { openBeside, closeBeside } = await import("./beside.js");
    if (this.panes.length > 1) closeBeside(this);
    else openBeside(this);
  }

  async play() {
    const { Cine } = await import("./cine.js");
    this.cine = this.cine ?? new Cine(this);
    this.cine.toggle();
  }
}

/**
 * Returns the frames around the shown one, the nearest first.
 * @param {Pane} pane
 * @param {number} most
 * @returns {Frame[]}
 */
function outward({ stack, index }, most) {
  const frames = [];
  const all = stack?.frames ?? [];
  for (let far = 1; far < all.length && frames.length < most; far += 1) {
    if (all[index + far]) frames.push(all[index + far]);
    if (all[index - far]) frames.push(all[index - far]);
  }
  return frames;
}
