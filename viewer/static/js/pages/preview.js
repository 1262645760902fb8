/** The dialog with one larger preview: turning pages, frames and window presets. */
import { isTaken, moved } from "../lib/keys.js";

/** Sizes asked of the server, so that its cache is shared between screens. */
const SIZES = [512, 1024, 1536, 2048];
/** A finger that moved this far sideways turns the page; less is a tap. */
const SWIPE_PIXELS = 48;

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @returns {T}
 */
function part(id) {
  return /** @type {T} */ (document.getElementById(`preview-${id}`));
}

export class Preview {
  /**
   * @param {HTMLAnchorElement[]} tiles
   * @param {(key: string, values?: Record<string, string | number>) => string} t
   */
  constructor(tiles, t) {
    this.tiles = tiles;
    this.t = t;
    this.index = 0;
    this.frame = 1;
    this.window = "";
    this.dialog = /** @type {HTMLDialogElement} */ (document.getElementById("preview"));
    /** @type {HTMLImageElement} */
    this.image = part("image");
    /** @type {HTMLInputElement} */
    this.slider = part("frame");
    this.listen();
  }

  listen() {
    part("close").addEventListener("click", () => this.dialog.close());
    part("previous").addEventListener("click", () => this.show(this.index - 1));
    part("next").addEventListener("click", () => this.show(this.index + 1));
    part("windows").addEventListener("click", (event) => this.chooseWindow(event));
    this.slider.addEventListener("input", () => this.showFrame(this.slider.valueAsNumber));
    this.image.addEventListener("load", () => this.settle(true));
    this.image.addEventListener("error", () => this.settle(false));
    this.dialog.addEventListener("keydown", (event) => this.turn(event));
    this.dialog.addEventListener("close", () => this.leave());
    this.listenToTouch();
  }

  listenToTouch() {
    let start = 0;
    const stage = part("stage");
    stage.addEventListener("touchstart", (event) => (start = event.touches[0].clientX), { passive: true });
    stage.addEventListener("touchend", (event) => {
      const way = event.changedTouches[0].clientX - start;
      if (Math.abs(way) > SWIPE_PIXELS) this.show(this.index - Math.sign(way));
    });
  }

  /** @param {number} index */
  open(index) {
    this.dialog.showModal();
    document.body.classList.add("previewing");
    this.show(index);
    part("next").focus();
  }

  leave() {
    document.body.classList.remove("previewing");
    this.image.removeAttribute("src");
    this.tiles[this.index].focus();
  }

  /** @param {number} index */
  show(index) {
    if (index < 0 || index >= this.tiles.length) return;
    this.index = index;
    this.frame = 1;
    const { title = "", frames, ct } = this.tiles[index].dataset;
    part("title").textContent = title;
    part("position").textContent = this.t("preview.position", { n: index + 1, total: this.tiles.length });
    this.image.alt = title;
    this.disable(part("previous"), index === 0);
    this.disable(part("next"), index === this.tiles.length - 1);
    part("frames").hidden = Number(frames) < 2;
    part("windows").hidden = ct === undefined;
    this.slider.max = String(frames);
    this.offerDownload(index);
    this.showFrame(1);
  }

  /** @param {number} index */
  offerDownload(index) {
    /** @type {HTMLAnchorElement | null | undefined} */
    const original = this.tiles[index].closest("li")?.querySelector("a[download]");
    /** @type {HTMLAnchorElement} */
    const download = part("download");
    download.href = original?.href ?? "";
    download.download = original?.download ?? "";
  }

  /** @param {number} frame */
  showFrame(frame) {
    this.frame = frame;
    this.slider.value = String(frame);
    part("frame-position").textContent = this.t("preview.frame.position", { n: frame, total: this.slider.max });
    this.load();
  }

  load() {
    this.image.classList.add("loading");
    part("loading").hidden = false;
    this.image.src = this.address(this.index, this.frame);
  }

  /**
   * Ends a load; neighbours are fetched ahead, so that the next key shows its image at once.
   * @param {boolean} shown
   */
  settle(shown) {
    this.image.classList.remove("loading");
    part("loading").hidden = true;
    this.image.hidden = !shown;
    part("problem").hidden = shown;
    if (!shown) return;
    for (const index of [this.index + 1, this.index - 1]) {
      if (this.tiles[index]) new Image().src = this.address(index, 1);
    }
  }

  /** @param {KeyboardEvent} event */
  turn(event) {
    if (isTaken(event)) return;
    const next = moved(event.key, this.index, this.tiles.length);
    if (next === null) return;
    event.preventDefault();
    if (next !== this.index) this.show(next);
  }

  /** @param {Event} event */
  chooseWindow(event) {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (!button) return;
    this.window = button.dataset.window ?? "";
    for (const other of part("windows").querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    this.load();
  }

  /**
   * @param {number} index
   * @param {number} frame
   */
  address(index, frame) {
    const { frames, ct } = this.tiles[index].dataset;
    const instance = this.tiles[index].pathname.replace(/\/rendered$/, "");
    const wanted = Math.max(innerWidth, innerHeight) * devicePixelRatio;
    const size = SIZES.find((known) => known >= wanted) ?? SIZES[SIZES.length - 1];
    const query = new URLSearchParams({ viewport: `${size},${size}` });
    if (this.window && ct !== undefined) query.set("window", this.window);
    const which = Number(frames) > 1 ? `/frames/${frame}/rendered` : "/rendered";
    return `${instance}${which}?${query}`;
  }

  /**
   * Disables a button without losing the keyboard's place in the dialog.
   * @param {HTMLButtonElement} button
   * @param {boolean} disabled
   */
  disable(button, disabled) {
    if (disabled && document.activeElement === button) part("close").focus();
    button.disabled = disabled;
  }
}
