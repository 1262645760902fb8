/** From stored values to modality values, such as Hounsfield units (PS3.3 C.11.1). */

/** @typedef {import("./display.js").Shades} Shades */
/** @typedef {import("./display.js").Lut} Lut */
/** @typedef {{first: number, bits: number, values: Uint16Array}} Table  `values[0]` belongs to the input `first` */

/** @type {WeakMap<Lut, Table>} */
const tables = new WeakMap();

/**
 * Returns what the Modality LUT or rescale makes of a stored value, such as Hounsfield units.
 * @param {Shades} shades
 * @param {number} stored
 */
export function modalityValue(shades, stored) {
  if (shades.modalityLut) return lookedUp(tableFrom(shades.modalityLut), stored);
  return stored * shades.slope + shades.intercept;
}

/**
 * @param {Lut} lut
 * @returns {Table}
 */
export function tableFrom(lut) {
  let table = tables.get(lut);
  if (!table) {
    const text = atob(lut.values);
    const values = new Uint16Array(text.length / 2);
    for (let n = 0; n < values.length; n += 1) values[n] = text.charCodeAt(2 * n) | (text.charCodeAt(2 * n + 1) << 8);
    table = { first: lut.first, bits: lut.bits, values };
    tables.set(lut, table);
  }
  return table;
}

/**
 * Returns a table's value; inputs beyond either end get the end's (PS3.3 C.11.1.1.1).
 * @param {Table} table
 * @param {number} value
 */
export function lookedUp({ first, values }, value) {
  const place = Math.min(Math.max(value - first, 0), values.length - 1);
  return values[Math.floor(place)];
}
