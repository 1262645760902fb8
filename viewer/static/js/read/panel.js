/** The panel of series: the study's and those of earlier ones, to click or drag into a pane. */
import { thumbnailUrl } from "../lib/display.js";
import { Trouble } from "../lib/trouble.js";
import { day } from "./corners.js";
import { likeness } from "./hanging.js";

/** @typedef {import("./reader.js").Reader} Reader */
/** @typedef {import("./pane.js").Pane} Pane */
/** @typedef {import("../lib/display.js").Study} Study */
/** @typedef {import("../lib/display.js").Stack} Stack */
/** @typedef {{uid: string, date: string, time: string, description: string, modalities: string[], bodyParts: string[], images: number}} Prior */

const THUMBNAIL = 128;
const DRAGGED = "application/x-pacs-stack";

export class Panel {
  /** @param {Reader} reader */
  constructor(reader) {
    this.reader = reader;
    this.element = /** @type {HTMLElement} */ (reader.root.querySelector(".read-series"));
    /** @type {Prior[]} */
    this.priors = [];
    /** @type {Map<string, {study: Study, stack: Stack}>} */
    this.stacks = new Map();
  }

  draw() {
    const { study, studies, t } = this.reader;
    if (!study) return;
    const parts = [this.section(study, "")];
    for (const prior of this.priors) parts.push(this.priorSection(prior, studies.get(prior.uid)));
    if (this.priors.length === 0) parts.push(made("p", { className: "read-soft", textContent: t("read.priors.none") }));
    this.element.replaceChildren(...parts);
    this.mark();
  }

  /**
   * @param {Study} study
   * @param {string} title
   */
  section(study, title) {
    const section = made("section", {});
    if (title) section.append(made("h2", { textContent: title }));
    for (const series of study.series) {
      for (const stack of series.stacks) section.append(this.button(study, stack));
      for (const [kind, count] of counted(series.documents)) section.append(this.document(study, series.uid, kind, count));
    }
    if (study.series.every(({ stacks }) => stacks.length === 0)) section.append(made("p", { className: "read-soft", textContent: this.reader.t("read.no_images") }));
    return section;
  }

  /**
   * @param {Prior} prior
   * @param {Study | undefined} study
   */
  priorSection(prior, study) {
    const { t } = this.reader;
    const title = `${t("read.prior")} ${day(prior.date)} · ${prior.description || prior.modalities.join(", ")}`;
    if (study) return this.section(study, title);
    const section = made("section", {});
    const open = made("button", { type: "button", className: "read-prior", textContent: title });
    open.addEventListener("click", () => this.openPrior(prior.uid, section));
    section.append(open);
    return section;
  }

  /**
   * @param {string} uid
   * @param {HTMLElement} section
   */
  async openPrior(uid, section) {
    try {
      await this.reader.openPrior(uid);
      this.draw();
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      section.append(made("p", { className: "read-soft", role: "alert", textContent: this.reader.t(`trouble.${error.kind}`) }));
    }
  }

  /**
   * @param {Study} study
   * @param {Stack} stack
   */
  button(study, stack) {
    const { t } = this.reader;
    this.stacks.set(stack.key, { study, stack });
    const { series, frames } = stack;
    const button = made("button", { type: "button", className: "read-stack", draggable: true, title: t("read.series.hint") });
    button.dataset.stack = stack.key;
    const image = made("img", { src: thumbnailUrl(stack, THUMBNAIL), alt: "", width: 64, height: 64, loading: "lazy", decoding: "async" });
    image.addEventListener("error", () => image.classList.add("broken"));
    const text = made("span", {});
    text.append(
      made("strong", { textContent: [series.modality, series.number].filter((each) => each !== null && each !== "").join(" ") }),
      made("span", { className: "read-title", textContent: stack.title || t("read.series.unnamed") }),
      made("span", { className: "read-soft", textContent: t(stack.cine || frames[0].frames > 1 ? "read.frames" : "read.images", { n: frames.length }) }),
    );
    button.append(image, text);
    button.addEventListener("click", () => this.reader.active.take(study, stack));
    button.addEventListener("dragstart", (event) => event.dataTransfer?.setData(DRAGGED, stack.key));
    return button;
  }

  /**
   * What is no image is shown by the study's page.
   * @param {Study} study
   * @param {string} series
   * @param {string} kind
   * @param {number} count
   */
  document(study, series, kind, count) {
    const { t } = this.reader;
    const text = kind === "video" ? t("read.video") : t(`kind.${kind}`);
    return made("a", { className: "read-document", href: `/studies/${study.uid}?series=${encodeURIComponent(series)}`, textContent: count > 1 ? `${text} (${count})` : text });
  }

  /**
   * Lets series be dropped into a pane.
   * @param {Pane} pane
   */
  acceptDrops(pane) {
    const { element } = pane;
    element.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes(DRAGGED)) return;
      event.preventDefault();
      element.classList.add("target");
    });
    element.addEventListener("dragleave", () => element.classList.remove("target"));
    element.addEventListener("drop", (event) => {
      element.classList.remove("target");
      const found = this.stacks.get(event.dataTransfer?.getData(DRAGGED) ?? "");
      if (!found) return;
      event.preventDefault();
      this.reader.activate(pane);
      pane.take(found.study, found.stack);
    });
  }

  /** Marks what is on screen. */
  mark() {
    const shown = new Set(this.reader.panes.map(({ stack }) => stack?.key));
    const active = this.reader.active?.stack?.key;
    for (const button of this.element.querySelectorAll("button[data-stack]")) {
      const key = /** @type {HTMLElement} */ (button).dataset.stack;
      button.classList.toggle("shown", shown.has(key));
      button.setAttribute("aria-pressed", String(key === active));
    }
  }

  /**
   * Puts the next series of the same study into the active pane, and its like of the other study beside it.
   * @param {number} by
   */
  step(by) {
    const { active, panes } = this.reader;
    const own = [...this.stacks.values()].filter(({ study }) => study === active.study);
    const next = own[own.findIndex(({ stack }) => stack === active.stack) + by];
    if (!next) return;
    active.take(next.study, next.stack);
    const beside = panes.find((pane) => pane.study && pane.study !== active.study);
    if (!beside || !active.stack) return;
    const stack = active.stack;
    const others = [...this.stacks.values()].filter(({ study }) => study === beside.study);
    others.sort((one, other) => likeness(other.stack, stack) - likeness(one.stack, stack));
    if (others[0] && others[0].stack !== beside.stack) beside.take(others[0].study, others[0].stack);
  }
}

/** @param {{kind: string}[]} documents */
function counted(documents) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { kind } of documents) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, unknown>} properties
 * @returns {HTMLElementTagNameMap[K]}
 */
export function made(name, properties) {
  const { role, ...rest } = properties;
  const element = Object.assign(document.createElement(name), rest);
  if (role) element.setAttribute("role", String(role));
  return element;
}
