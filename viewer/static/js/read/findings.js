/**
 * Measurements and key images: shown again when a study is opened, saved as DICOM objects, and never lost between.
 *
 * Invariant: a measurement that is not saved is in the browser's storage, under its reader and study, until it is.
 */
import { fetched, Trouble } from "../lib/trouble.js";
import { keepInside } from "./edges.js";
import { annotationOf, kindOf, measurementOf, trackingOf } from "./marks.js";
import { made } from "./panel.js";
import { listStates } from "./states.js";
import { linesOf } from "./wording.js";

/** @typedef {import("../lib/display.js").Frame} Frame */
/** @typedef {import("./marks.js").ImageReference} ImageReference */
/** @typedef {import("./marks.js").Measurement} Measurement */
/** @typedef {import("./reader.js").Reader} Reader */

/** Pixels by which a point may come back elsewhere than it was sent: the archive keeps single precision. */
const MOVED = 0.05;

export class Findings {
  /** @param {Reader} reader */
  constructor(reader) {
    this.reader = reader;
    this.element = /** @type {HTMLElement} */ (reader.root.querySelector(".read-findings"));
    /** What the archive has, by identifier. @type {Map<string, Measurement>} */
    this.saved = new Map();
    /** Of images that no open study has. @type {Measurement[]} */
    this.waiting = [];
    /** Frames marked as key images. @type {Set<string>} */
    this.keys = new Set();
    this.noting = 0;
  }

  /** Begins with Cornerstone: listens to what is drawn, and draws what was kept. */
  begin() {
    const { core, tools } = this.reader;
    const { ANNOTATION_ADDED, ANNOTATION_COMPLETED, ANNOTATION_MODIFIED, ANNOTATION_REMOVED } = tools.Enums.Events;
    for (const name of [ANNOTATION_ADDED, ANNOTATION_COMPLETED, ANNOTATION_MODIFIED, ANNOTATION_REMOVED]) core.eventTarget.addEventListener(name, () => this.soon());
    // Cornerstone listens to the same, and ends a measurement with it.
    for (const name of ["mouseup", "touchend"]) document.addEventListener(name, () => setTimeout(() => this.keepInside()));
    addEventListener("beforeunload", (event) => {
      if (this.unsaved().length === 0) return;
      event.preventDefault();
      event.returnValue = true;
    });
    return this.open();
  }

  get place() {
    return `reading:${this.reader.root.dataset.user}:${this.reader.study?.uid}`;
  }

  /** Brings back what was saved, and what was left unsaved. */
  async open() {
    const [kept, keys] = await Promise.all([this.ask("measurements"), this.ask("key-images")]);
    /** @type {Map<string, Measurement>} */
    const byId = new Map();
    for (const report of kept?.reports ?? []) for (const each of report.measurements) byId.set(each.id, each);
    for (const each of byId.values()) this.saved.set(each.id, each);
    for (const each of draft(this.place)) byId.set(each.id, each);
    for (const { images } of keys?.selections ?? []) for (const image of images) this.keys.add(keyOf(image));
    this.waiting = [...byId.values()];
    this.drawWaiting();
    this.draw();
    await listStates(this.reader, this.element);
    this.count();
  }

  /** Draws measurements whose images are known by now. */
  drawWaiting() {
    const { images, tools, panes, core } = this.reader;
    if (!core || this.waiting.length === 0) return;
    const frames = this.reader.framesByKey();
    this.waiting = this.waiting.filter((each) => {
      const frame = frames.get(keyOf(each.image));
      if (frame) tools.annotation.state.addAnnotation(annotationOf(each, frame, images.idOf(frame)), undefined);
      return !frame;
    });
    for (const { viewport } of panes) viewport?.render();
  }

  /** @returns {Measurement[]}  all that are drawn on images */
  all() {
    const { images, tools, source } = this.reader;
    if (!tools) return [];
    return tools.annotation.state.getAllAnnotations().flatMap((/** @type {any} */ annotation) => {
      const frame = images.frameOf(annotation.metadata.referencedImageId);
      return (frame && measurementOf(annotation, frame, source.peek(frame))) ?? [];
    });
  }

  unsaved() {
    const study = this.reader.study?.uid;
    const here = new Set(this.reader.study?.series.map(({ uid }) => uid));
    return study ? this.all().filter((each) => here.has(each.image.series) && !isSame(each, this.saved.get(each.id))) : [];
  }

  /** Ends measurements at the edges of their images, and says so: nothing may vanish without a word. */
  keepInside() {
    const { images, tools, active, t } = this.reader;
    const beyond = tools.annotation.state.getAllAnnotations().filter((/** @type {any} */ annotation) => {
      const kind = kindOf(annotation);
      const frame = images.frameOf(annotation.metadata.referencedImageId);
      return kind && frame && keepInside(kind, annotation, frame);
    });
    if (beyond.length === 0) return;
    this.reader.notice(t("read.measure.edge"));
    active.viewport?.render();
    this.soon();
  }

  /** A drag changes an annotation many times before the next picture; it is noted once. */
  soon() {
    if (this.noting) return;
    this.noting = window.setTimeout(() => {
      this.noting = 0;
      this.note();
    }, 100);
  }

  /** Keeps in the browser what is not saved. */
  note() {
    const left = [...this.unsaved(), ...this.waiting.filter(({ id }) => !this.saved.has(id))];
    try {
      if (left.length > 0) localStorage.setItem(this.place, JSON.stringify(left));
      else localStorage.removeItem(this.place);
    } catch {
      // Storage may be full or forbidden: the warning on leaving is left.
      this.reader.notice(this.reader.t("read.storage"));
    }
    this.draw();
  }

  /** Saves what is not saved as a structured report; what cannot be saved stays in the browser. */
  async save() {
    const measurements = this.unsaved();
    if (measurements.length === 0) return this.reader.notice(this.reader.t("read.saved.nothing"));
    const sent = await this.send("measurements", { measurements });
    if (!sent) return undefined;
    for (const each of measurements) this.saved.set(each.id, each);
    this.note();
    return this.reader.notice(this.reader.t("read.saved", { n: measurements.length }));
  }

  /** Saves the active image as a key image. */
  async markKey() {
    const { frame } = this.reader.active;
    if (!frame || this.keys.has(frame.key)) return;
    const image = { series: frame.series.uid, instance: frame.instance, frame: frame.number };
    if (!(await this.send("key-images", { title: "key", note: "", images: [image] }))) return;
    this.keys.add(frame.key);
    this.draw();
    this.reader.notice(this.reader.t("read.key.saved"));
  }

  /** @param {Frame | null} frame */
  isKey(frame) {
    return frame !== null && this.keys.has(frame.key);
  }

  /** Removes the chosen annotations, else the newest on the active image. */
  erase() {
    const { tools, active, images } = this.reader;
    if (!tools) return;
    const chosen = tools.annotation.selection.getAnnotationsSelected();
    const { frame } = active;
    const id = frame && images.idOf(frame);
    const here = tools.annotation.state.getAllAnnotations().filter((/** @type {any} */ each) => kindOf(each) && each.metadata.referencedImageId === id);
    const last = here[here.length - 1]?.annotationUID;
    for (const uid of chosen.length > 0 ? chosen : last ? [last] : []) this.remove(tools.annotation.state.getAnnotation(uid));
    active.viewport?.render();
  }

  /**
   * Removes an annotation so that it can be had back.
   * @param {any} annotation
   */
  remove(annotation) {
    const { tools, active, t } = this.reader;
    tools.AnnotationTool.createAnnotationMemo(active.host, annotation, { deleting: true });
    tools.annotation.state.removeAnnotation(annotation.annotationUID);
    if (this.saved.has(trackingOf(annotation))) this.reader.notice(t("read.erased.saved"));
  }

  /**
   * @param {string} what
   * @returns {Promise<any>}  null if it cannot be had: a reader without it is better than none
   */
  async ask(what) {
    try {
      return await (await fetched(this.address(what))).json();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      return null;
    }
  }

  /**
   * Sends something to be kept; after an expired session again. Returns whether it is kept.
   * @param {string} what
   * @param {object} body
   * @returns {Promise<boolean>}
   */
  async send(what, body) {
    const headers = { "Content-Type": "application/json" };
    try {
      await fetched(this.address(what), { method: "POST", headers, body: JSON.stringify(body) });
      return true;
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      if (error.kind === "expired" && (await this.reader.renewed())) return this.send(what, body);
      this.reader.notice(this.reader.t(error.kind === "refused" ? "read.unsaved.refused" : "read.unsaved.kept"));
      return false;
    }
  }

  /** @param {string} what */
  address(what) {
    return `/api/studies/${encodeURIComponent(this.reader.study?.uid ?? "")}/${what}`;
  }

  /** Shows on the button of the list, which is closed at first, how much there is in it. */
  count() {
    const { root, t } = this.reader;
    const button = /** @type {HTMLElement} */ (root.querySelector('[data-act="findings"]'));
    const { measurements, states } = root.dataset;
    const count = Number(measurements) + Number(states ?? 0);
    button.dataset.count = count ? String(count) : "";
    button.setAttribute("aria-label", `${t("read.act.findings")}${count ? ` (${count})` : ""}`);
  }

  toggle() {
    this.element.hidden = !this.element.hidden;
    this.draw();
  }

  /** Lists what was found. */
  draw() {
    const { root, t } = this.reader;
    const all = this.all();
    const unsaved = new Set(this.unsaved().map(({ id }) => id));
    Object.assign(root.dataset, { measurements: all.length, unsaved: unsaved.size, keys: this.keys.size });
    this.count();
    const list = made("ul", {});
    list.append(...all.map((each) => this.line(each, unsaved.has(each.id))));
    const title = made("h2", { textContent: t("read.measurements") });
    const note = made("p", { className: "read-soft", textContent: unsaved.size ? t("read.unsaved", { n: unsaved.size }) : all.length ? "" : t("read.measurements.none") });
    let box = this.element.querySelector(".read-measurements");
    if (!box) this.element.prepend((box = made("section", { className: "read-measurements" })));
    box.replaceChildren(title, list, note);
    this.reader.redrawBar();
  }

  /**
   * @param {Measurement} measurement
   * @param {boolean} isUnsaved
   */
  line({ id, kind, values, label, image }, isUnsaved) {
    const { t } = this.reader;
    const frame = this.reader.framesByKey().get(keyOf(image));
    const text = [label, ...linesOf(values, frame?.spacing?.kind === "detector", t)].filter(Boolean).join(" · ");
    const button = made("button", { type: "button", textContent: `${t(`read.tool.${kind}`)}${text ? `: ${text}` : ""}${isUnsaved ? " •" : ""}` });
    Object.assign(button.dataset, { kind, id, values: JSON.stringify(values) });
    button.addEventListener("click", () => frame && this.reader.find(frame));
    const item = made("li", {});
    item.append(button);
    return item;
  }
}

/** @param {ImageReference} image */
export function keyOf({ instance, frame }) {
  return `${instance}/${frame}`;
}

/**
 * @param {Measurement} measurement
 * @param {Measurement | undefined} saved
 */
function isSame({ points, label }, saved) {
  if (!saved || saved.label !== label || saved.points.length !== points.length) return false;
  // Cornerstone may begin an ellipse at another of its ends.
  return points.every((point) => saved.points.some((other) => point.every((at, axis) => Math.abs(at - other[axis]) < MOVED)));
}

/**
 * @param {string} place
 * @returns {Measurement[]}
 */
function draft(place) {
  try {
    return JSON.parse(localStorage.getItem(place) ?? "[]");
  } catch {
    return [];
  }
}
