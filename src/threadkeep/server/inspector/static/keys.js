// Keys: what each does is told by whoever shows the page.

const OFF = "threadkeep-keys";
const WRITING = "input, textarea, select, [contenteditable]";

export const keys = {
  get on() {
    return localStorage.getItem(OFF) !== "off";
  },
  set on(value) {
    if (value) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "off");
  },
};

/** Listen. `act` has a function for each key; it returns false where the key means nothing. */
export function listen(act) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (event.defaultPrevented || document.querySelector("dialog[open]")) return;
    const writing = event.target.closest?.(WRITING) !== null;
    if (event.key === "Escape") {
      if (writing) event.target.blur();
      else if (act.Escape() !== false) event.preventDefault();
      return;
    }
    const arrow = event.key === "ArrowDown" || event.key === "ArrowUp";
    // Letters can be switched off; arrows move only what is focused itself, and scroll all else.
    if (writing || (arrow ? !event.target.matches?.(".message, .threads a") : !keys.on)) return;
    const does = Object.hasOwn(act, event.key) ? act[event.key] : null;
    if (does !== null && does() !== false) event.preventDefault();
  });
}
