// The Inhouse tab: asks the server how things are while it is open, and shows it.
import { Chart } from "./chart.js";
import { List, make, say } from "./lists.js";
import { endedRow, runningRow, waitingRow, workerRow } from "./rows.js";
import { serviceRow } from "./services.js";
import { fill, formats, wordsFor } from "./words.js";

const PERIOD = 1000;

const total = (workers, part, figure) => workers.reduce((sum, worker) => sum + (worker[part]?.[figure] ?? 0), 0);

/** Return the used part of the memory that is fullest, of all devices. */
const fullest = (workers) =>
  Math.max(0, ...workers.flatMap(({ devices }) => devices.map((each) => 1 - each.vram_free / (each.vram_total || 1))));

export class Panel {
  /** `language()` is the canvas's; `load(signal)` and `cancel(id)` ask the server and return its response. */
  constructor({ language, load, cancel }) {
    this.language = language;
    this.load = load;
    this.ask = cancel;
    this.charts = { queue: new Chart(), memory: new Chart(1), hits: new Chart(1) };
    this.lists = {
      running: new List((run) => runningRow(this, run)),
      waiting: new List((run) => waitingRow(this, run)),
      ended: new List(() => endedRow(this)),
      services: new List(() => serviceRow(this)),
      workers: new List(() => workerRow(this)),
    };
    this.summary = make("p", "inhouse-summary");
    this.summary.setAttribute("role", "status");
    this.problem = make("p", "inhouse-problem");
    this.problem.setAttribute("role", "alert");
    const charts = make("div", "inhouse-charts", ...Object.values(this.charts).map((chart) => chart.element));
    const lists = Object.values(this.lists).map((list) => list.element);
    this.element = make("div", "inhouse", make("h2", "", "Inhouse"), this.summary, this.problem, charts, ...lists);
    this.stopped = null;
  }

  /** Show the tab in an element, and begin to ask. */
  open(element) {
    this.close();
    element.append(this.element);
    this.stopped = new AbortController();
    this.poll(this.stopped.signal);
  }

  /** Ask no more; the canvas calls this more than once. */
  close() {
    this.stopped?.abort();
    this.stopped = null;
    this.element.remove();
  }

  async cancel(id) {
    await this.ask(id).catch(() => {});
    if (this.stopped) await this.refresh(this.stopped.signal);
  }

  async poll(signal) {
    while (!signal.aborted) {
      if (!document.hidden) await this.refresh(signal);
      await new Promise((resolve) => setTimeout(resolve, PERIOD));
    }
  }

  async refresh(signal) {
    this.words = wordsFor(this.language());
    this.format = formats(this.language());
    try {
      const response = await this.load(signal);
      if (!response.ok) throw new Error(response.statusText);
      const overview = await response.json();
      if (signal.aborted) return;
      say(this.problem, "");
      this.show(overview);
    } catch {
      if (!signal.aborted) say(this.problem, this.words.unreachable);
    }
  }

  show(overview) {
    const { words, format } = this;
    const { running, waiting, waiting_count: count, ended, workers, restarts, services } = overview;
    this.user = overview.user;
    this.time = overview.time;
    say(this.summary, fill(words.summary, { running: format.number(running.length), waiting: format.number(count) }));
    this.plot(overview);
    const more = count - waiting.length;
    const { lists } = this;
    lists.running.show(words.running, running, "id", running.length ? "" : words.nothingRuns);
    const rest = more > 0 ? fill(words.more, { n: format.number(more) }) : "";
    lists.waiting.show(words.waiting, waiting, "id", count ? rest : words.nothingWaits);
    lists.ended.show(words.ended, ended, "id", ended.length ? "" : words.nothingEnded);
    lists.services.show(words.services, services, "name", services.length ? "" : words.nothingPublished);
    const again = restarts ? `${words.restarts}: ${format.number(restarts)}` : "";
    lists.workers.show(words.workers, workers, "name", again);
  }

  plot({ time, running, waiting_count: count, workers }) {
    const { words, format } = this;
    const hits = total(workers, "cache", "hits");
    const asked = hits + total(workers, "cache", "misses");
    const figures = {
      queue: [running.length + count, format.number],
      memory: [fullest(workers), format.percent],
      hits: [asked ? hits / asked : 0, format.percent],
    };
    for (const [name, [value, write]] of Object.entries(figures)) {
      const chart = this.charts[name];
      chart.add(time, value);
      const said = { name: words[name], now: write(value), most: write(chart.highest), minutes: Chart.minutes };
      chart.describe(words[name], write(value), fill(words.chart, said));
    }
  }
}
