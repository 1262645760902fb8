/** A session that ran out while somebody reads: asked for again in place, so that nothing on the page is lost. */

/** @typedef {ReturnType<typeof import("./texts.js").pageTexts>} T */

/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Shows the dialog, once however many ask; resolves to whether the session goes on.
 * @param {T} t  with the texts below `session.`
 * @param {{user: string, guest: boolean}} who  guests have no password: they are told what to do
 * @returns {Promise<boolean>}
 */
export function renewSession(t, who) {
  asking = asking ?? ask(t, who).finally(() => (asking = null));
  return asking;
}

/**
 * @param {T} t
 * @param {{user: string, guest: boolean}} who
 * @returns {Promise<boolean>}
 */
function ask(t, { user, guest }) {
  const dialog = document.createElement("dialog");
  dialog.className = "session";
  dialog.setAttribute("aria-labelledby", "session-title");
  const title = made("h2", { id: "session-title", textContent: t("session.title") });
  const close = made("button", { type: "button", textContent: t("session.later") });
  close.addEventListener("click", () => dialog.close());
  if (guest) dialog.append(title, made("p", { textContent: t("session.guest") }), close);
  else dialog.append(title, made("p", { textContent: t("session.text") }), form(t, user, dialog, close));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "renewed");
    });
  });
}

/**
 * @param {T} t
 * @param {string} user
 * @param {HTMLDialogElement} dialog
 * @param {HTMLElement} close
 */
function form(t, user, dialog, close) {
  const element = /** @type {HTMLFormElement} */ (made("form", { className: "stack" }));
  const problem = made("p", { className: "notice bad", role: "alert", hidden: true });
  const name = field(t("session.user"), { name: "username", value: user, autocomplete: "username", required: true });
  const password = field(t("session.password"), { name: "password", type: "password", autocomplete: "current-password", required: true, autofocus: true });
  const code = field(t("session.code"), { name: "code", inputMode: "numeric", autocomplete: "one-time-code" });
  const acts = made("p", { className: "acts" });
  const elsewhere = made("a", { href: `/login?next=${encodeURIComponent(location.pathname + location.search)}`, className: "button", textContent: t("session.elsewhere") });
  acts.append(made("button", { className: "main", textContent: t("session.go_on") }), close, elsewhere);
  element.append(problem, name, password, code, acts);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const said = await logIn(new FormData(element), user);
    problem.hidden = said === "";
    problem.textContent = said && t(said);
    if (!said) dialog.close("renewed");
  });
  return element;
}

/**
 * Logs in; returns the key of what went wrong, empty if nothing did.
 * @param {FormData} fields
 * @param {string} before  who read until now
 */
async function logIn(fields, before) {
  const given = Object.fromEntries(fields);
  let answer;
  try {
    const headers = { "Content-Type": "application/json" };
    answer = await fetch("/api/session", { method: "POST", headers, body: JSON.stringify(given) });
  } catch {
    return "trouble.offline";
  }
  if (answer.status === 429) return "trouble.busy";
  if (!answer.ok) return "session.wrong";
  // Somebody else may not see what is on this page: they begin anew.
  if (before && given.username !== before) location.reload();
  return "";
}

/**
 * @param {string} text
 * @param {Record<string, unknown>} properties
 */
function field(text, properties) {
  const label = made("label", {});
  label.append(made("span", { textContent: text }), made("input", properties));
  return label;
}

/**
 * @param {string} name
 * @param {Record<string, unknown>} properties
 */
function made(name, properties) {
  return Object.assign(document.createElement(name), properties);
}
