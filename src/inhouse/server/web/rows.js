// One row of each list: a run that runs, waits or has ended, and a worker.
import { make, say } from "./lists.js";
import { fill } from "./words.js";

const short = (id) => id.slice(0, 8);

function canceller(panel, id) {
  const button = make("button", "inhouse-cancel");
  button.type = "button";
  button.addEventListener("click", () => {
    button.disabled = true;
    panel.cancel(id);
  });
  return {
    button,
    update(stopping) {
      button.disabled ||= stopping;
      say(button, stopping ? panel.words.cancelling : panel.words.cancel);
      button.setAttribute("aria-label", fill(panel.words.cancelRun, { id: short(id) }));
    },
  };
}

/** Return a run's id, and whose it is if that is somebody else. */
const named = (panel, run) => (run.user === panel.user ? short(run.id) : `${short(run.id)} · ${run.user}`);

export function runningRow(panel, first) {
  const name = make("code");
  const node = make("span", "inhouse-grow");
  const time = make("span", "inhouse-quiet");
  const bar = make("progress");
  const cancel = canceller(panel, first.id);
  const element = make("li", "", make("div", "inhouse-row", name, node, time, cancel.button), bar);
  return {
    element,
    update(run) {
      const { words, format } = panel;
      const current = run.at.at(-1);
      const steps = current && current.max > 1 ? ` ${current.value}/${current.max}` : "";
      say(name, named(panel, run));
      say(node, current ? `${current.type || current.id}${steps}` : fill(words.nodes, run));
      say(time, format.duration(panel.time - run.started));
      const within = current && current.max > 0 ? current.value / current.max : 0;
      bar.max = 1;
      bar.value = run.nodes ? Math.min(1, (run.done + within) / run.nodes) : 0;
      bar.setAttribute("aria-label", fill(words.progress, { id: short(run.id) }));
      cancel.update(run.cancelled);
    },
  };
}

export function waitingRow(panel, first) {
  const place = make("span", "inhouse-quiet");
  const name = make("code", "inhouse-grow");
  const cancel = canceller(panel, first.id);
  return {
    element: make("li", "inhouse-row", place, name, cancel.button),
    update(run) {
      say(place, fill(panel.words.place, { n: panel.format.number(run.place) }));
      say(name, named(panel, run));
      cancel.update(false);
    },
  };
}

export function endedRow(panel) {
  const name = make("code", "inhouse-grow");
  const state = make("span");
  const files = make("span", "inhouse-quiet");
  const time = make("span", "inhouse-quiet");
  return {
    element: make("li", "inhouse-row", name, state, files, time),
    update(run) {
      say(name, named(panel, run));
      say(state, panel.words.states[run.state]);
      state.className = `inhouse-state inhouse-${run.state}`;
      say(files, run.files ? fill(panel.words.files, { n: panel.format.number(run.files) }) : "");
      say(time, run.started ? panel.format.duration(run.finished - run.started) : "");
    },
  };
}

/** Return what is said of a worker: name, text, and for memory which part of it is used. */
function facts({ words, format }, worker) {
  const said = worker.devices.map((device) => {
    const used = device.vram_total - device.vram_free;
    const text = fill(words.of, { used: format.size(used), total: format.size(device.vram_total) });
    return [`${words.memory} (${device.name})`, text, device.vram_total ? used / device.vram_total : 0];
  });
  const { models, cache, loras } = worker;
  if (models) said.push([words.models, `${format.number(models.loaded)} · ${format.size(models.bytes)}`]);
  if (cache) {
    const { entries, bytes, max_bytes: most, hits, misses } = cache;
    const size = most ? fill(words.of, { used: format.size(bytes), total: format.size(most) }) : format.size(bytes);
    said.push([words.cache, fill(words.cached, { entries: format.number(entries), size }), most ? bytes / most : 0]);
    said.push(["", fill(words.asked, { hits: format.number(hits), misses: format.number(misses) })]);
  }
  if (loras) said.push([words.loras, `${format.number(loras.entries)} · ${format.size(loras.bytes)}`]);
  return said;
}

function factRow() {
  const name = make("dt");
  const text = make("dd");
  const meter = make("meter");
  return {
    element: make("div", "", name, text, make("dd", "inhouse-meter", meter)),
    update([label, value, part]) {
      say(name, label);
      say(text, value);
      meter.hidden = part === undefined;
      meter.value = part ?? 0;
      meter.setAttribute("aria-label", label);
    },
  };
}

export function workerRow(panel) {
  const name = make("strong", "inhouse-grow");
  const state = make("span");
  const problem = make("p", "inhouse-note");
  const said = make("dl", "inhouse-facts");
  const rows = [];
  return {
    element: make("li", "", make("div", "inhouse-row", name, state), problem, said),
    update(worker) {
      say(name, worker.name);
      say(state, panel.words.states[worker.state]);
      state.className = `inhouse-state inhouse-${worker.state}`;
      say(problem, worker.problem);
      problem.hidden = !worker.problem;
      const now = facts(panel, worker);
      while (rows.length > now.length) rows.pop().element.remove();
      while (rows.length < now.length) said.append((rows[rows.length] = factRow()).element);
      now.forEach((fact, place) => rows[place].update(fact));
    },
  };
}
