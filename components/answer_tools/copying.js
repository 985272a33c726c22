// Copies an answer as Markdown, and says whether that worked.

const SAID_FOR_MS = 2000;
const WAITS_FOR_MS = 4000; // so long does a browser take a press for the reason of what happens after it
let saying = 0;
let waiting = null; // a press that came before the answer's text had

async function copyAnswer(button, turn) {
  const text = data.turns?.[turn]?.text;
  waiting = null;
  if (typeof text !== "string") {
    waiting = { button, turn, until: performance.now() + WAITS_FOR_MS };
    return;
  }
  const worked = (await byClipboard(text)) || byCommand(text);
  sayBeside(button, worked ? "Copied" : "Not copied: this browser does not allow it here.");
}

// The texts come a moment after the buttons.
function copyWaiting() {
  if (waiting && performance.now() < waiting.until && data.turns?.[waiting.turn])
    void copyAnswer(waiting.button, waiting.turn);
}

// Only where the page is served securely or from this machine.
async function byClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

// Old, but it also works on http.
function byCommand(text) {
  const area = document.createElement("textarea");
  area.value = text;
  area.style.cssText = "position:fixed;opacity:0";
  const focused = document.activeElement;
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  focused?.focus?.({ preventScroll: true });
  return worked;
}

function sayBeside(button, words) {
  const box = root?.querySelector(".copied");
  const spoken = root?.querySelector(".spoken");
  if (!box) return;
  box.textContent = spoken.textContent = words;
  if (!box.matches(":popover-open")) box.showPopover();
  putBeside(box, button.getBoundingClientRect());
  clearTimeout(saying);
  saying = setTimeout(() => {
    box.hidePopover();
    spoken.textContent = "";
  }, SAID_FOR_MS);
}
