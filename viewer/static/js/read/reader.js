/** The reading viewer as a whole: studies, panes, what is active, and what one pane's change means for the others. */
import { openStudy } from "../lib/display.js";
import { PRESETS } from "../lib/voi.js";
import { PixelSource } from "../pixels/source.js";
import { askText } from "./asking.js";
import { drawBar } from "./bar.js";
import { Cine } from "./cine.js";
import { label, paneElement } from "./corners.js";
import { Findings } from "./findings.js";
import { hang, protocolFor } from "./hanging.js";
import { Images } from "./images.js";
import { drawLines, Links } from "./linking.js";
import { Pane } from "./pane.js";
import { made, Panel } from "./panel.js";
import { clearState } from "./states.js";
import { chooseTool, prepareTools } from "./tools.js";
import { wishes } from "./wishes.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("../lib/display.js").Stack} Stack */
/** @typedef {import("../lib/display.js").Study} Study */
/** @typedef {import("../lib/trouble.js").Trouble} Trouble */
/** @typedef {import("./hanging.js").Protocol} Protocol */
/** @typedef {ReturnType<typeof import("../lib/texts.js").pageTexts>} T */
/** What takes drags: a pane, or a plane of a volume. */
/** @typedef {{dragWindow: (right: number, down: number) => void, scroll: (by: number) => void}} View */

const ENGINE = "reading";
const NOTICE_MS = 6000;
/** @type {Record<string, number>} */
const PANES = { "1x1": 1, "1x2": 2, "2x1": 2, "2x2": 4 };

export class Reader {
  /**
   * @param {HTMLElement} root
   * @param {T} t
   * @param {Protocol[]} protocols
   */
  constructor(root, t, protocols) {
    this.root = root;
    this.t = t;
    this.protocols = protocols;
    this.grid = /** @type {HTMLElement} */ (root.querySelector(".read-grid"));
    this.source = new PixelSource({ maxBytes: Number(root.dataset.memory) });
    /** @type {Study | null} */
    this.study = null;
    /** @type {Map<string, Study>} */
    this.studies = new Map();
    /** @type {Map<string, Frame>} */
    this.frames = new Map();
    /** @type {Pane[]} */
    this.panes = [];
    this.layout = "1x1";
    this.links = new Links();
    this.linesOn = true;
    this.tool = "window";
    this.noticing = 0;
    /** Cornerstone's core and tools, null until their code is there. @type {any} */
    this.core = null;
    /** @type {any} */
    this.tools = null;
    /** @type {any} */
    this.engine = null;
    /** @type {any} */
    this.group = null;
    /** @type {any} */
    this.mprGroup = null;
    /** @type {any} */
    this.images = null;
    /** @type {import("./mpr.js").Mpr | null} */
    this.mpr = null;
    this.cine = new Cine(this);
    this.panel = new Panel(this);
    this.findings = new Findings(this);
    this.addPane();
    /** @type {Pane} */
    this.active = this.panes[0];
    this.active.element.classList.add("active");
  }

  /**
   * Hangs a study as its protocol says.
   * @param {Study} study
   * @param {boolean} withPrior  whether a prior will come
   */
  hang(study, withPrior) {
    this.study = study;
    this.know(study);
    const protocol = protocolFor(this.protocols, study);
    this.arrangement = withPrior && protocol.withPrior ? protocol.withPrior : protocol;
    this.root.dataset.protocol = protocol.name;
    const hung = hang(this.arrangement, study, null);
    const expected = this.arrangement.panes.filter((place, n) => hung[n] || (place.study === "prior" && withPrior)).length;
    const layout = expected >= PANES[this.arrangement.layout] ? this.arrangement.layout : smallest(expected);
    // On a screen that is taller than wide, two images stand on each other.
    this.setLayout(layout === "1x2" && this.grid.clientWidth < this.grid.clientHeight ? "2x1" : layout);
    hung.slice(0, this.panes.length).forEach((each, n) => each && this.takeHung(this.panes[n], each));
    this.panel.draw();
  }

  /**
   * Hangs the prior in the panes that wait for it.
   * @param {Study} prior
   */
  hangPrior(prior) {
    this.know(prior);
    this.panel.draw();
    if (!this.study || !this.arrangement) return;
    hang(this.arrangement, this.study, prior).forEach((each, n) => {
      const pane = this.panes[n];
      if (each?.study === prior && pane && !pane.stack) this.takeHung(pane, each);
    });
  }

  /** @param {Study} study */
  know(study) {
    this.studies.set(study.uid, study);
    for (const { stacks } of study.series) for (const { frames } of stacks) for (const frame of frames) this.frames.set(frame.key, frame);
    this.findings.drawWaiting();
  }

  framesByKey() {
    return this.frames;
  }

  /**
   * @param {Pane} pane
   * @param {NonNullable<import("./hanging.js").Hung>} hung
   */
  takeHung(pane, { study, stack, window }) {
    const preset = PRESETS.find(({ name }) => name === window);
    const voi = preset && stack.series.modality === "CT" ? { center: preset.center, width: preset.width, function: "LINEAR" } : null;
    pane.take(study, stack, { voi });
  }

  /**
   * Shows as many panes as a layout has; those that stay keep what they show.
   * @param {string} layout
   */
  setLayout(layout) {
    const wanted = PANES[layout] ?? 1;
    while (this.panes.length > wanted) this.removePane();
    while (this.panes.length < wanted) this.addPane();
    this.layout = this.grid.dataset.layout = layout;
    if (!this.panes.includes(this.active)) this.activate(this.panes[0]);
    this.resize();
    this.redrawBar();
  }

  addPane() {
    const element = paneElement(this.panes.length + 1, this.t);
    const pane = new Pane(this, element, `pane-${this.panes.length + 1}`);
    this.grid.append(element);
    this.panes.push(pane);
    element.addEventListener("pointerdown", () => this.activate(pane), true);
    element.addEventListener("focus", () => this.activate(pane));
    element.addEventListener("wheel", (event) => this.wheel(event, pane), { passive: false });
    this.panel.acceptDrops(pane);
    if (this.engine) this.enable(pane);
  }

  removePane() {
    const pane = /** @type {Pane} */ (this.panes.pop());
    if (this.group && pane.viewport) this.group.removeViewports(ENGINE, pane.id);
    pane.disable();
    pane.element.remove();
  }

  /**
   * Begins with Cornerstone's code: every pane gets its viewport and what it waits for.
   * @param {any} core
   * @param {any} tools
   */
  begin(core, tools) {
    Object.assign(this, { core, tools, images: new Images(core, this.source) });
    this.engine = new core.RenderingEngine(ENGINE);
    prepareTools(this);
    this.choose(this.tool);
    for (const pane of this.panes) this.enable(pane);
    new ResizeObserver(() => this.resize()).observe(this.grid);
    return this.findings.begin();
  }

  /** @param {Pane} pane */
  enable(pane) {
    pane.enable();
    this.group.addViewport(pane.id, ENGINE);
    if (pane.stack) pane.first(pane.stack, pane.wanted);
  }

  resize() {
    if (!this.engine || this.grid.hidden) return;
    for (const { element, host } of this.panes) {
      // A canvas of half a pixel would be scaled by the browser, which blurs every pixel of it.
      const { width, height } = element.getBoundingClientRect();
      Object.assign(host.style, { width: `${Math.floor(width)}px`, height: `${Math.floor(height)}px` });
    }
    this.engine.resize(true, true);
  }

  /** @param {Pane} pane */
  activate(pane) {
    if (this.active === pane) return;
    this.active = pane;
    for (const each of this.panes) each.element.classList.toggle("active", each === pane);
    this.redrawBar();
    this.panel.mark();
    this.prefetch();
    this.redrawLines();
  }

  /** @param {string} name  of the bar */
  choose(name) {
    this.tool = name;
    this.root.dataset.tool = name;
    if (this.group && name !== "crosshairs") chooseTool(this.group, name, this.tools);
    if (this.mprGroup) chooseTool(this.mprGroup, name, this.tools);
    this.redrawBar();
  }

  /**
   * @param {WheelEvent} event
   * @param {Pane} pane
   */
  wheel(event, pane) {
    event.preventDefault();
    this.activate(pane);
    if (event.deltaY) this.scroll(pane, Math.sign(event.deltaY));
  }

  /**
   * @param {Pane} pane
   * @param {number} by
   */
  scroll(pane, by) {
    this.goTo(pane, pane.wanted + by);
  }

  /**
   * @param {Pane} pane
   * @param {number} index
   */
  goTo(pane, index) {
    const shown = pane.show(index);
    this.links.scrolled(pane, this.panes);
    return shown;
  }

  /**
   * Shows a frame in the active pane.
   * @param {Frame} frame
   */
  async find(frame) {
    const pane = this.active;
    const study = [...this.studies.values()].find(({ series }) => series.includes(frame.series));
    if (pane.stack === frame.stack) await this.goTo(pane, frame.index);
    else if (study) await pane.take(study, frame.stack, { index: frame.index });
  }

  /**
   * Returns what a drag on an element of Cornerstone means.
   * @param {HTMLElement} element
   * @returns {View | undefined}
   */
  viewOf(element) {
    const pane = this.panes.find(({ host }) => host === element);
    if (!pane) return this.mpr?.viewOf(element);
    return { dragWindow: (right, down) => pane.dragWindow(right, down), scroll: (by) => this.scroll(pane, by) };
  }

  /** Reads ahead outward from what is on screen, the active pane first. */
  prefetch() {
    const order = [this.active, ...this.panes.filter((pane) => pane !== this.active)];
    this.source.ahead(wishes(order.flatMap(({ stack, wanted }) => (stack ? [{ stack, index: wanted }] : []))));
  }

  /** @param {Pane} pane  got another stack */
  took(pane) {
    // What was read ahead of another stack leaves the line to the first image of this one.
    this.source.ahead([]);
    this.panel.mark();
    if (pane === this.active) this.redrawBar();
  }

  /** @param {Pane} pane  shows another image */
  shown(pane) {
    this.root.dataset.state = "reading";
    this.redrawLines();
    if (pane === this.active) this.redrawBar();
  }

  /** @param {Pane} pane  was drawn anew: what lies over the image follows it */
  drawn(pane) {
    label(pane, this.t);
    clearState(pane);
    pane.applied?.draw(pane);
    if (pane !== this.active) drawLines([pane], this.active, this.linesOn);
  }

  /** Whether texts and overlays are hidden. */
  get bare() {
    return this.root.classList.contains("bare");
  }

  /** @param {boolean} on  texts around images and overlays in them */
  showOverlays(on) {
    this.root.classList.toggle("bare", !on);
    for (const pane of this.panes) pane.repaint();
  }

  /** @param {boolean} on */
  showLines(on) {
    this.linesOn = on;
    this.redrawLines();
  }

  redrawLines() {
    drawLines(this.panes, this.active, this.linesOn);
  }

  redrawBar() {
    drawBar(this);
  }

  /** @param {Pane} pane  was zoomed, moved or turned */
  lookedAt(pane) {
    this.links.lookedAt(pane, this.panes);
  }

  /** @param {Pane} pane  got another window */
  windowed(pane) {
    this.links.windowed(pane, this.panes);
    if (pane === this.active) this.redrawBar();
  }

  /**
   * Says in a pane why its image is not there; an expired session is asked to be renewed first.
   * @param {Pane} pane
   * @param {Trouble} trouble
   */
  async explain(pane, { kind }) {
    const text = made("p", { role: "alert", textContent: this.t(`trouble.${kind}`) });
    const retry = made("button", { type: "button", textContent: this.t("read.retry") });
    retry.addEventListener("click", () => pane.show(pane.wanted));
    pane.element.querySelector(".fault")?.replaceChildren(text, retry);
    if (kind !== "expired" || !(await this.renewed())) return;
    for (const each of this.panes) if (each.state === "fault") each.show(each.wanted);
  }

  /** Asks for the password again; returns whether the session goes on. */
  async renewed() {
    const { renewSession } = await import("../lib/session.js");
    return renewSession(this.t, { user: this.root.dataset.user ?? "", guest: this.root.dataset.guest !== undefined });
  }

  /**
   * Opens an earlier study of the patient for the series panel.
   * @param {string} uid
   */
  async openPrior(uid) {
    if (!this.studies.has(uid)) this.know(await openStudy(uid));
  }

  /**
   * Asks for a short text, such as that of an arrow; empty if nobody gave one.
   * @param {string} text
   * @returns {Promise<string>}
   */
  askText(text) {
    return askText(this.t, text);
  }

  /**
   * Says something that nothing else on screen shows.
   * @param {string} text
   */
  notice(text) {
    const place = /** @type {HTMLElement} */ (this.root.querySelector(".read-notice"));
    place.textContent = text;
    clearTimeout(this.noticing);
    this.noticing = window.setTimeout(() => (place.textContent = ""), NOTICE_MS);
  }
}

/** @param {number} count */
function smallest(count) {
  return count <= 1 ? "1x1" : count === 2 ? "1x2" : "2x2";
}
