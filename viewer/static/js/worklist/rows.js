/** Rows of the list brought up to date in place: a row that stays is never replaced, so it keeps focus and pointer. */

/** @param {ParentNode} page */
export function rowsOf(page) {
  /** @type {NodeListOf<HTMLTableRowElement>} */
  const rows = page.querySelectorAll("tr[data-uid]");
  return new Map(Array.from(rows, (row) => [row.dataset.uid ?? "", row]));
}

/**
 * Shows what changed of studies that are in the list already.
 * @param {Document} fresh
 */
export function updateRows(fresh) {
  const known = rowsOf(document);
  for (const [uid, row] of rowsOf(fresh)) {
    const shown = known.get(uid);
    if (shown) updateRow(shown, row);
  }
}

/**
 * Returns the UIDs of rows that are not shown yet.
 * @param {Document} fresh
 */
export function newRows(fresh) {
  const known = rowsOf(document);
  return [...rowsOf(fresh).keys()].filter((uid) => !known.has(uid));
}

/**
 * Puts the rows of a fresh page in its order, those that are shown already as they are.
 * @param {Document} fresh
 */
export function arrangeRows(fresh) {
  const body = document.querySelector("#list tbody");
  const known = rowsOf(document);
  const wanted = rowsOf(fresh);
  if (!body) return;
  for (const [uid, row] of known) if (!wanted.has(uid)) row.remove();
  let place = body.firstElementChild;
  for (const [uid, row] of wanted) {
    const shown = known.get(uid);
    if (shown && shown === place) place = place.nextElementSibling;
    else body.insertBefore(shown ?? document.importNode(row, true), place);
  }
}

/**
 * @param {HTMLTableRowElement} shown
 * @param {HTMLTableRowElement} fresh
 */
function updateRow(shown, fresh) {
  shown.className = fresh.className;
  shown.toggleAttribute("data-arriving", fresh.hasAttribute("data-arriving"));
  for (const [index, cell] of Array.from(fresh.cells).entries()) {
    const old = shown.cells[index];
    const held = old.contains(document.activeElement);
    if (!held && old.innerHTML !== cell.innerHTML) old.innerHTML = cell.innerHTML;
  }
}
