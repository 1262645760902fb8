/** Faults as people meet them: a kind, for which both catalogues have a sentence below `trouble.`. */

/** @typedef {"expired" | "refused" | "gone" | "unreadable" | "busy" | "offline"} TroubleKind */

/** @type {Record<number, TroubleKind>} */
const KINDS = { 401: "expired", 403: "refused", 404: "gone", 410: "gone", 429: "busy", 503: "busy" };

export class Trouble extends Error {
  /** @param {TroubleKind} kind */
  constructor(kind) {
    super(kind);
    this.name = "Trouble";
    this.kind = kind;
  }
}

/**
 * Fetches from this server; every answer but a success is a Trouble. An aborted fetch stays an AbortError.
 * @param {string} address
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
export async function fetched(address, options = {}) {
  let answer;
  try {
    answer = await fetch(address, { credentials: "same-origin", ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Trouble("offline");
  }
  if (!answer.ok) throw new Trouble(KINDS[answer.status] ?? "unreadable");
  return answer;
}
