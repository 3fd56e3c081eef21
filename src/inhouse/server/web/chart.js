// A small chart of one figure over time, drawn as SVG.

const SVG = "http://www.w3.org/2000/svg";
const SPAN = 120;
const HEIGHT = 40;

function svg(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

export class Chart {
  /** Keeps the figures of the last two minutes; `most` is the top of the scale, or null where it grows as needed. */
  constructor(most = null) {
    this.most = most;
    this.points = [];
    this.line = svg("polyline", { class: "inhouse-line", "vector-effect": "non-scaling-stroke" });
    this.area = svg("polygon", { class: "inhouse-area" });
    this.image = svg("svg", { viewBox: `0 0 ${SPAN} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" });
    this.image.append(this.area, this.line);
    this.name = document.createElement("dt");
    this.now = document.createElement("dd");
    const legend = document.createElement("dl");
    legend.append(this.name, this.now);
    this.element = document.createElement("div");
    this.element.className = "inhouse-chart";
    this.element.append(legend, this.image);
  }

  /** The span of the time axis, in minutes. */
  static get minutes() {
    return SPAN / 60;
  }

  /** The highest figure that is shown. */
  get highest() {
    return Math.max(...this.points.map(([, value]) => value));
  }

  /** Add a figure, at a time in seconds. */
  add(time, value) {
    this.points.push([time, value]);
    while (this.points[0][0] < time - SPAN) this.points.shift();
    this.draw(time);
  }

  /** Say what is shown, to those who see and to those who do not. */
  describe(name, now, whole) {
    this.name.textContent = name;
    this.now.textContent = now;
    this.image.setAttribute("aria-label", whole);
  }

  draw(time) {
    const top = this.most ?? Math.max(1, this.highest);
    const places = this.points.map(([when, value]) => [
      (SPAN - (time - when)).toFixed(2),
      (HEIGHT - 1 - (Math.min(value, top) / top) * (HEIGHT - 2)).toFixed(2),
    ]);
    const path = places.map((place) => place.join(",")).join(" ");
    this.line.setAttribute("points", path);
    this.area.setAttribute("points", `${places[0][0]},${HEIGHT} ${path} ${places.at(-1)[0]},${HEIGHT}`);
  }
}
