/** From the bytes of a native or decompressed frame to stored values (PS3.5 8.1). */

const SOF_55 = 0xf7;

/** @typedef {Int8Array | Uint8Array | Int16Array | Uint16Array} Values */
/** @typedef {{rows: number, columns: number, bits: number, signed: boolean}} Layout  bits: Bits Stored */

/**
 * Returns stored values in rows, and the least and greatest of them; null if there are too few bytes.
 *
 * Bits above Bits Stored are no part of a value: old devices keep overlays there.
 * @param {ArrayBuffer} buffer
 * @param {Layout} layout
 * @returns {{values: Values, low: number, high: number} | null}
 */
export function storedValues(buffer, { rows, columns, bits, signed }) {
  const count = rows * columns;
  const wide = buffer.byteLength >= 2 * count;
  if (!wide && (bits > 8 || buffer.byteLength < count)) return null;
  const values = viewOf(buffer, { wide, signed, count });
  const spare = (wide ? 16 : 8) - bits;
  if (spare > 0) cleanse(values, { signed, bits });
  return { values, ...extremes(values) };
}

/**
 * Returns the bits of a value in a JPEG-LS stream (ISO 14495-1 C.2.2), 16 if there is no frame header.
 * @param {Uint8Array} stream
 */
export function precisionOf(stream) {
  let place = 2;
  while (place + 4 < stream.length && stream[place] === 0xff) {
    if (stream[place + 1] === SOF_55) return stream[place + 4];
    place += 2 + ((stream[place + 2] << 8) | stream[place + 3]);
  }
  return 16;
}

/**
 * @param {ArrayBuffer} buffer
 * @param {{wide: boolean, signed: boolean, count: number}} form
 * @returns {Values}
 */
function viewOf(buffer, { wide, signed, count }) {
  if (wide) return signed ? new Int16Array(buffer, 0, count) : new Uint16Array(buffer, 0, count);
  return signed ? new Int8Array(buffer, 0, count) : new Uint8Array(buffer, 0, count);
}

/**
 * @param {Values} values
 * @param {{signed: boolean, bits: number}} form
 */
function cleanse(values, { signed, bits }) {
  const shift = 32 - bits;
  if (signed) for (let n = 0; n < values.length; n += 1) values[n] = (values[n] << shift) >> shift;
  else for (let n = 0; n < values.length; n += 1) values[n] = (values[n] << shift) >>> shift;
}

/** @param {Values} values */
function extremes(values) {
  let low = values[0];
  let high = values[0];
  for (let n = 1; n < values.length; n += 1) {
    const value = values[n];
    if (value < low) low = value;
    else if (value > high) high = value;
  }
  return { low, high };
}
