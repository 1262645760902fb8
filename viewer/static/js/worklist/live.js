/**
 * Arrivals shown while the list is open. Rows change in place; new ones come in by themselves only while nobody
 * works with the list, and are announced otherwise. Nobody listens for a page that is hidden or left alone.
 */
import { arrangeRows, newRows, rowsOf, updateRows } from "./rows.js";

/** @typedef {ReturnType<typeof import("../lib/texts.js").pageTexts>} T */

const NEWS = "/api/worklist/arrivals";
const PAUSE_MS = 3000;
const RETRY_MS = 30000;
const STILL_MS = 2500;

/**
 * @param {HTMLElement} list
 * @param {T} t
 */
export function keepLive(list, t) {
  new Live(list, t).resume();
}

class Live {
  /**
   * @param {HTMLElement} list
   * @param {T} t
   */
  constructor(list, t) {
    this.list = list;
    this.t = t;
    this.idleMs = Number(list.dataset.idle) * 1000;
    this.receivingMs = Number(list.dataset.receiving) * 1000;
    /** @type {EventSource | null} */
    this.source = null;
    /** @type {Document | null} */
    this.waiting = null;
    this.lastInput = performance.now();
    this.lastFetch = -Infinity;
    this.timer = 0;
    this.afterTimer = 0;
    this.stillTimer = 0;
    this.idleTimer = 0;
    for (const kind of ["pointermove", "pointerdown", "keydown", "wheel", "touchstart"]) {
      document.addEventListener(kind, () => this.touched(), { passive: true });
    }
    document.addEventListener("visibilitychange", () => (document.hidden ? this.rest() : this.resume()));
    addEventListener("pagehide", () => this.rest());
    addEventListener("pageshow", (event) => event.persisted && this.resume());
  }

  touched() {
    const before = this.lastInput;
    this.lastInput = performance.now();
    if (!this.source && this.lastInput - before > this.idleMs) this.resume();
  }

  resume() {
    if (this.source || document.hidden) return;
    this.source = new EventSource(NEWS);
    this.source.addEventListener("arrived", () => this.soon(0));
    this.source.addEventListener("open", () => this.soon(0));
    this.source.addEventListener("error", () => this.failed());
    clearInterval(this.idleTimer);
    this.idleTimer = window.setInterval(() => {
      if (performance.now() - this.lastInput > this.idleMs) this.rest();
    }, 60000);
  }

  /** Listens no more, so that a session nobody uses can end. */
  rest() {
    this.source?.close();
    this.source = null;
    clearTimeout(this.timer);
    this.timer = 0;
    clearInterval(this.idleTimer);
  }

  failed() {
    if (this.source?.readyState !== EventSource.CLOSED) return; // The browser tries again by itself.
    this.rest();
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.resume();
    }, RETRY_MS);
    this.refresh();
  }

  /** @param {number} waitMs */
  soon(waitMs) {
    if (this.timer) return;
    const pause = this.lastFetch + PAUSE_MS - performance.now();
    this.timer = window.setTimeout(() => {
      this.timer = 0;
      this.refresh();
    }, Math.max(waitMs, pause, 0));
  }

  async refresh() {
    this.lastFetch = performance.now();
    let answer;
    try {
      answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    } catch {
      return; // The network is away; the browser tries the news again.
    }
    if (answer.redirected || answer.status === 401) this.ended();
    else if (answer.ok) this.show(new DOMParser().parseFromString(await answer.text(), "text/html"));
  }

  /** @param {Document} fresh */
  show(fresh) {
    const table = this.list instanceof HTMLTableElement;
    if (!table) {
      if (rowsOf(fresh).size) location.reload();
      return;
    }
    updateRows(fresh);
    const added = newRows(fresh).length;
    if (!added) this.settle(fresh);
    else if (this.mayInsert()) this.insert(fresh);
    else this.announce(fresh, added);
    if (document.querySelector("[data-arriving]")) this.after();
  }

  /** Asks again once the studies that are arriving now may be complete. */
  after() {
    clearTimeout(this.afterTimer);
    this.afterTimer = window.setTimeout(() => this.source && this.soon(0), Math.max(Math.min(this.receivingMs, 30000), 1000));
  }

  /** Whether rows may move: nobody points at them, has the focus in them, or has scrolled down. */
  mayInsert() {
    const { list } = this;
    const still = performance.now() - this.lastInput > STILL_MS;
    const held = list.contains(document.activeElement) || list.matches(":hover");
    return list.hasAttribute("data-live") && scrollY < 8 && still && !held && String(getSelection()) === "";
  }

  /** @param {Document} fresh */
  insert(fresh) {
    arrangeRows(fresh);
    this.settle(fresh);
  }

  /** @param {Document} fresh */
  settle(fresh) {
    const count = document.getElementById("count");
    if (count) count.textContent = fresh.getElementById("count")?.textContent ?? "";
    this.waiting = null;
    news().replaceChildren();
  }

  /**
   * @param {Document} fresh
   * @param {number} number
   */
  announce(fresh, number) {
    this.waiting = fresh;
    this.whenStill();
    const text = this.t(number === 1 ? "studies.live.one" : "studies.live.other", { n: number });
    const shown = news().querySelector("button");
    if (shown?.textContent === text) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "main";
    button.textContent = text;
    button.addEventListener("click", () => this.accept());
    news().replaceChildren(button);
  }

  /** Shows what waits as soon as nobody works with the list any more. */
  whenStill() {
    clearTimeout(this.stillTimer);
    this.stillTimer = window.setTimeout(() => {
      if (!this.waiting) return;
      if (this.mayInsert()) this.insert(this.waiting);
      else this.whenStill();
    }, 1000);
  }

  accept() {
    if (!this.waiting) return;
    this.insert(this.waiting);
    scrollTo({ top: 0 });
    const first = document.querySelector("a.row-link");
    if (first instanceof HTMLElement) first.focus({ preventScroll: true });
  }

  ended() {
    this.rest();
    const line = document.createElement("span");
    line.textContent = this.t("studies.live.ended");
    news().replaceChildren(line);
  }
}

function news() {
  return /** @type {HTMLElement} */ (document.getElementById("news"));
}
