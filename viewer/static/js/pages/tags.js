/** The table of attributes: shows the rows whose tag, keyword or value has the words typed. */

const search = /** @type {HTMLElement} */ (document.getElementById("tag-search"));
const input = /** @type {HTMLInputElement} */ (search.querySelector("input"));
const count = /** @type {HTMLElement} */ (document.getElementById("tag-count"));
const rows = Array.from(document.querySelectorAll(".tags tbody tr")).map((row) => ({
  element: /** @type {HTMLElement} */ (row),
  depth: Number(/** @type {HTMLElement} */ (row).dataset.depth),
  text: folded(row.textContent ?? ""),
}));

/**
 * Returns a text without accents, case and the punctuation of tags: `(0010,0010)` is found as 00100010.
 * @param {string} text
 */
function folded(text) {
  const plain = text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[đĐ]/g, "d");
  return `${plain.toLowerCase()} ${plain.replace(/[(),]/g, "").toLowerCase()}`;
}

function filter() {
  const words = folded(input.value).split(/\s+/).filter(Boolean);
  let found = 0;
  let inside = -1;
  // From below, so that a sequence whose inside has the words is shown as well.
  for (const row of [...rows].reverse()) {
    const fits = words.every((word) => row.text.includes(word));
    const holds = inside > row.depth;
    row.element.hidden = !fits && !holds;
    if (fits) found += 1;
    inside = fits || holds ? row.depth : Math.min(inside, row.depth);
  }
  count.textContent = words.length ? (count.dataset.text ?? "").replace("{n}", String(found)) : "";
}

search.hidden = false;
input.addEventListener("input", filter);
for (const select of document.querySelectorAll("select")) {
  select.addEventListener("change", () => select.form?.requestSubmit());
}
