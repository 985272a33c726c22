// Draws what components/latency_charts/__init__.py describes. Every word becomes a text node: names in
// a log come from configuration files, models and people.

const SVG = "http://www.w3.org/2000/svg";
const PLOT = { height: 210, left: 44, right: 12, top: 10, bottom: 40 };
const DASHES = ["", "6 4", "2 3", "9 3 2 3"];

const make = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
const draw = (name, attributes = {}, ...children) =>
  fill(document.createElementNS(SVG, name), attributes, children);

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function milliseconds(value) {
  if (value < 10) return `${value.toFixed(1)} ms`;
  if (value < 1000) return `${Math.round(value)} ms`;
  return value < 100000 ? `${(value / 1000).toFixed(value < 10000 ? 2 : 1)} s` : `${(value / 60000).toFixed(1)} min`;
}

const ink = (series) => `var(--c${series.colour % 5})`;

// Where a value stands between 0 and 1.
function placed(axis, value) {
  const [low, high] = axis.domain;
  const on = axis.log ? Math.log10 : (number) => number;
  const share = (on(Math.max(value, axis.log ? low : -Infinity)) - on(low)) / (on(high) - on(low) || 1);
  return Math.min(1, Math.max(0, share));
}

// ---- curves

function curves(chart) {
  const readout = make("div", { class: "readout", "aria-live": "polite" });
  const plot = draw("svg", { class: "plot", height: PLOT.height, tabindex: 0, role: "img" });
  plot.setAttribute("aria-label", `${chart.title}. ${chart.says} Arrow keys read the values.`);
  const place = make("div", {}, legend(chart.series), readout, plot);
  let width = 0;
  let at = null;

  const x = (value) => PLOT.left + placed(chart.x, value) * (width - PLOT.left - PLOT.right);
  const y = (value) => PLOT.top + (1 - placed(chart.y, value)) * (PLOT.height - PLOT.top - PLOT.bottom);

  function redraw() {
    width = plot.clientWidth;
    if (!width) return;
    plot.setAttribute("viewBox", `0 0 ${width} ${PLOT.height}`);
    plot.replaceChildren(...axes(), ...chart.series.flatMap(curve));
    if (at !== null) show(at);
  }

  function axes() {
    const foot = PLOT.height - PLOT.bottom;
    const lines = chart.y.ticks.flatMap(([value, label]) => [
      draw("line", { class: "grid", x1: PLOT.left, x2: width - PLOT.right, y1: y(value), y2: y(value) }),
      draw("text", { x: PLOT.left - 6, y: y(value) + 4, "text-anchor": "end" }, label),
    ]);
    let free = -Infinity;
    for (const [value, label] of chart.x.ticks) {
      const half = label.length * 3.4;
      const middle = Math.min(Math.max(x(value), PLOT.left - 20 + half), width - half);
      lines.push(draw("line", { class: "axis", x1: x(value), x2: x(value), y1: foot, y2: foot + 4 }));
      if (middle - half < free + 6) continue; // no label on top of another
      free = middle + half;
      lines.push(draw("text", { x: middle, y: foot + 17, "text-anchor": "middle" }, label));
    }
    lines.push(draw("line", { class: "axis", x1: PLOT.left, x2: width - PLOT.right, y1: foot, y2: foot }));
    const middle = (PLOT.left + width - PLOT.right) / 2;
    lines.push(draw("text", { x: middle, y: PLOT.height - 4, "text-anchor": "middle" }, chart.x.label));
    return lines;
  }

  function curve(series) {
    const points = series.points.filter((point) => point[1] !== null);
    const common = { stroke: ink(series), "stroke-dasharray": DASHES[series.dash % DASHES.length] };
    if (series.shape === "dots" || points.length === 1)
      return points.map(([px, py]) => draw("circle", { cx: x(px), cy: y(py), r: 4, fill: ink(series) }));
    const path = points.map(([px, py], place) => {
      const step = series.shape === "steps" && place ? `L${x(px)} ${y(points[place - 1][1])}` : "";
      return `${step}${place ? "L" : "M"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`;
    });
    return [draw("path", { class: "curve", d: path.join(""), ...common })];
  }

  // The value of a series at an x: of the step it is in, between two points of a line, or the nearest day's.
  function valueAt(series, value) {
    const points = series.points.filter((point) => point[1] !== null);
    const after = points.findIndex((point) => point[0] >= value);
    if (chart.x.days) return points.find((point) => point[0] === value)?.[1] ?? null;
    if (after === -1) return series.shape === "steps" ? null : points.at(-1)?.[1];
    if (after === 0) return points[0][0] === value || series.shape !== "steps" ? points[0][1] : null;
    const [[x0, y0], [x1, y1]] = [points[after - 1], points[after]];
    if (series.shape === "steps") return x1 === value ? y1 : y0;
    return x1 === x0 ? y1 : y0 + ((value - x0) / (x1 - x0)) * (y1 - y0);
  }

  const told = (value) => (chart.y.share ? `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %` : milliseconds(value));

  function show(value) {
    at = value;
    plot.querySelector(".cursor")?.remove();
    if (value === null) {
      readout.textContent = "";
      return;
    }
    const line = { class: "cursor", x1: x(value), x2: x(value), y1: PLOT.top, y2: PLOT.height - PLOT.bottom };
    plot.append(draw("line", line));
    const said = chart.series
      .map((series) => [series.name, valueAt(series, value)])
      .filter((found) => found[1] !== null && found[1] !== undefined)
      .map(([name, found]) => `${name} ${told(found)}`);
    const where = chart.x.days ? chart.x.days[value] : milliseconds(value);
    readout.textContent = `${where}: ${said.join(" · ") || "nothing"}`;
  }

  function valueUnder(clientX) {
    const box = plot.getBoundingClientRect();
    const share = (clientX - box.left - PLOT.left) / (width - PLOT.left - PLOT.right);
    return valueOf(Math.min(1, Math.max(0, share)));
  }

  function valueOf(share) {
    const [low, high] = chart.x.domain;
    if (chart.x.days) return Math.round(low + share * (high - low));
    return chart.x.log ? low * (high / low) ** share : low + share * (high - low);
  }

  plot.addEventListener("pointermove", (event) => show(valueUnder(event.clientX)));
  plot.addEventListener("pointerleave", () => show(null));
  plot.addEventListener("blur", () => show(null));
  plot.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    const steps = chart.x.days ? Math.max(1, chart.x.days.length - 1) : 50;
    show(valueOf(Math.min(1, Math.max(0, (at === null ? 0.5 : placed(chart.x, at)) + way / steps))));
  });
  const observer = new ResizeObserver(redraw);
  observer.observe(plot);
  place.stop = () => observer.disconnect();
  return place;
}

function legend(series) {
  const items = series.map((one) => {
    const line = { x1: 0, x2: 26, y1: 6, y2: 6, stroke: ink(one), "stroke-width": 3 };
    line["stroke-dasharray"] = DASHES[one.dash % DASHES.length];
    const sample =
      one.shape === "dots"
        ? draw("circle", { cx: 13, cy: 6, r: 4, fill: ink(one) })
        : draw("line", line);
    return make("li", {}, draw("svg", { width: 26, height: 12, "aria-hidden": "true" }, sample), one.name);
  });
  return make("ul", { class: "legend" }, ...items);
}

// ---- rows

function rows(chart) {
  const drawn = chart.rows.map((row) => {
    const place = make("div", { class: "row" });
    place.append(make("div", { class: "name" }, row.name));
    place.append(make("div", { class: "says" }, row.says));
    const track = make("div", { class: "track", "aria-hidden": "true" });
    for (const mark of row.marks) track.append(piece(chart.x, mark));
    place.append(track);
    if (row.about) place.append(make("div", { class: "about-row" }, row.about));
    return place;
  });
  const scale = make("div", { class: "scale", "aria-hidden": "true" });
  for (const [value, label] of chart.x.ticks)
    scale.append(make("span", { style: `left:${placed(chart.x, value) * 100}%` }, label));
  return make("div", { class: chart.beside ? "rows beside" : "rows" }, ...(chart.legend ? [legend(chart.legend)] : []), ...drawn, scale);
}

function piece(axis, mark) {
  const from = placed(axis, mark.from) * 100;
  const to = placed(axis, mark.to ?? mark.from) * 100;
  const names = { bar: "bar", line: "line", dot: "dot", end: "dot end" };
  const element = make("div", { class: names[mark.shape] + (mark.hollow ? " hollow" : "") });
  element.style.setProperty("--ink", ink(mark));
  element.style.left = `${from}%`;
  if (mark.to !== undefined) element.style.width = `${Math.max(0, to - from)}%`;
  return element;
}

// ---- figures

function figures(chart) {
  const items = chart.figures.map((figure) =>
    make(
      "div",
      {},
      make("div", {}, figure.name),
      make("div", { class: "value" }, figure.value),
      make("div", { class: "about" }, figure.about),
    ),
  );
  return make("div", { class: "figures" }, ...items);
}

// ---- below each chart: its figures as a table, and as a file

function foot(chart) {
  const place = make("div", { class: "foot" });
  if (!chart.table) return place;
  const body = make("tbody");
  for (const row of chart.table.rows) body.append(make("tr", {}, ...row.map((cell) => make("td", {}, cell))));
  const head = make("thead", {}, make("tr", {}, ...chart.table.head.map((cell) => make("th", { scope: "col" }, cell))));
  const scroll = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Figures of ${chart.title}` });
  scroll.append(make("table", {}, head, body));
  const button = make("button", { type: "button", "aria-label": `CSV of ${chart.title}` }, "CSV");
  button.addEventListener("click", () => save(`${chart.id}.csv`, chart.csv));
  place.append(make("details", {}, make("summary", {}, "Figures"), scroll), button);
  return place;
}

function save(name, text) {
  const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  const link = make("a", { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

const KINDS = { curves, rows, figures };

function card(chart) {
  const place = make("section", { class: chart.wide ? "chart wide" : "chart", id: chart.id });
  place.append(make("h3", {}, chart.title), make("p", { class: "note" }, chart.says));
  if (!chart.empty) {
    const drawn = KINDS[chart.kind](chart);
    place.stop = drawn.stop;
    place.append(drawn);
  }
  place.append(foot(chart));
  return place;
}

function isDark(root) {
  const colour = getComputedStyle(root.host ?? root).getPropertyValue("--st-background-color").trim();
  const parts = /^#(..)(..)(..)/.exec(colour);
  return Boolean(parts) && parts.slice(1).reduce((sum, part) => sum + parseInt(part, 16), 0) < 384;
}

export default function latencyCharts({ parentElement: root, data }) {
  const place = root.querySelector(".charts");
  const open = new Set(Array.from(place.querySelectorAll("details[open]"), (found) => found.closest("section").id));
  for (const old of place.children) old.stop?.();
  place.classList.toggle("dark", isDark(root));
  place.replaceChildren(...(data?.charts ?? []).map(card));
  for (const id of open) {
    const details = place.querySelector(`#${CSS.escape(id)} details`);
    if (details) details.open = true;
  }
  return () => {
    for (const old of place.children) old.stop?.();
  };
}
