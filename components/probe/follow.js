// Keeps the end of a growing answer in view, from a press until the person scrolls up or it has ended.
// (Streamlit does so too, but gives up when the page becomes shorter for a moment, as it does here.)

const UPWARD_KEYS = new Set(["ArrowUp", "PageUp", "Home"]);
const SETTLED_AFTER_MS = 1000; // the cues and follow-ups below an ended answer are drawn by then

let following = false;
let sizes = null; // watches the height of what is in the page

const scroller = () => document.querySelector('[data-testid="stMain"]');

function keepEndInView() {
  const main = following ? scroller() : null;
  if (main && main.scrollHeight - main.scrollTop - main.clientHeight > 1) main.scrollTop = main.scrollHeight;
}

function followFromNow() {
  following = true;
  sizes ??= new ResizeObserver(guarded(keepEndInView));
  const content = scroller()?.querySelector('[data-testid="stMainBlockContainer"]');
  if (content) sizes.observe(content);
  keepEndInView();
}

function followNoMore() {
  setTimeout(() => {
    if (press) return; // another answer has begun
    following = false;
    sizes?.disconnect();
  }, SETTLED_AFTER_MS);
}

// An answer that comes at a place of its own: its beginning is what the person wants to see.
function bringIntoView(element) {
  const box = element.getBoundingClientRect();
  const room = window.innerHeight / 2;
  if (box.top < 0 || box.top > room) element.scrollIntoView({ block: "start" });
}

// Goes by what the person does: the scroll position alone cannot tell, as growing text moves it, too.
function onScrollIntent(event) {
  if (event.target instanceof HTMLTextAreaElement) return;
  const upward = event.type === "wheel" ? event.deltaY < 0 : event.type === "touchmove" || UPWARD_KEYS.has(event.key);
  if (upward) following = false;
}
