// What this does and why is said in components/answer_tools/__init__.py.
// Streamlit imports this module once for each page load, so what is kept here outlives mounts.

const EDITOR_WITHIN_MS = 5000;

let component = null;
let root = null; // the shadow root of the mount that is on the page
let data = {};
let listening = false;

const keyOf = (element, kind) => {
  const holder = element.closest(`[class*="st-key-${kind}-"]`);
  const name = holder && Array.from(holder.classList).find((found) => found.startsWith(`st-key-${kind}-`));
  return name ? name.slice(`st-key-${kind}-`.length) : null;
};

function onClick(event) {
  const mark = markAt(event.target);
  if (mark) {
    onMarkPressed(event, mark);
    return;
  }
  const button = event.target instanceof Element ? event.target.closest("button") : null;
  if (!button) return;
  const copied = keyOf(button, "copy");
  if (copied) void copyAnswer(button, copied);
  const edited = keyOf(button, "edit");
  if (edited && /^[0-9a-f]{32}$/.test(edited)) focusWhenThere(`.st-key-edit-text-${edited} textarea`);
  const cancelled = keyOf(button, "edit-cancel");
  if (cancelled) focusWhenThere(`.st-key-edit-${cancelled} button`);
}

// The server draws it a moment later; then whoever pressed by keyboard is where they want to be.
function focusWhenThere(selector) {
  const look = () => {
    const found = document.querySelector(selector);
    found?.focus();
    return Boolean(found);
  };
  const observer = new MutationObserver(() => look() && observer.disconnect());
  observer.observe(document.body, { subtree: true, childList: true });
  setTimeout(() => observer.disconnect(), EDITOR_WITHIN_MS);
}

function listen() {
  if (listening) return;
  listening = true;
  document.addEventListener("click", onClick, true);
  document.addEventListener("pointerover", onPointerOver, true);
  document.addEventListener("focusin", onFocusIn, true);
  document.addEventListener("keydown", onMove, true);
  document.addEventListener("scroll", keepBeside, { capture: true, passive: true });
}

export default function answerTools(given) {
  component = given;
  root = given.parentElement;
  data = given.data ?? {};
  listen();
  for (const mark of document.querySelectorAll(MARKS)) nameMark(mark);
  copyWaiting();
  // Somebody may point at a mark already while its passage is still on its way here.
  const pointedAt = document.querySelector(MARKS.replaceAll("]", "]:hover"));
  if (pointedAt) showPassage(pointedAt);
  const mine = root;
  return () => {
    // Streamlit takes it down and puts it up again at every run; only for good does the passage go.
    setTimeout(() => root === mine && !mine.isConnected && hidePassage(), 1000);
  };
}
