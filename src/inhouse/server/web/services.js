// The row of a published service: its versions, what each does now, and how it fares.
import { make, say } from "./lists.js";
import { fill } from "./words.js";

/** Return what is said of a version: what it is, and its calls. */
function versionFacts({ words, format }, { share }, version) {
  const part = version.part ? words.parts[version.part] : "";
  const percent = version.part === "canary" ? ` ${format.percent(share)}` : "";
  const calls = fill(words.calls, { n: format.number(version.calls), time: format.duration(version.seconds) });
  const bad = version.failed + version.refused;
  const failed = fill(words.callsFailed, { failed: format.number(version.failed), refused: format.number(version.refused) });
  return [`${fill(words.version, { n: version.number })} ${part}${percent}`.trim(), calls, bad ? failed : ""];
}

function versionRow(panel) {
  const name = make("dt");
  const state = make("dd", "inhouse-state");
  const calls = make("dd");
  const failed = make("dd", "inhouse-quiet");
  return {
    element: make("div", "", name, state, calls, failed),
    update(service, version) {
      const said = versionFacts(panel, service, version);
      [name, calls, failed].forEach((element, place) => say(element, said[place]));
      say(state, panel.words.states[version.state]);
      state.className = `inhouse-state inhouse-${version.state}`;
    },
  };
}

export function serviceRow(panel) {
  const name = make("strong", "inhouse-grow");
  const problem = make("p", "inhouse-note");
  const said = make("dl", "inhouse-facts");
  const rows = [];
  return {
    element: make("li", "", make("div", "inhouse-row", name), problem, said),
    update(service) {
      const { versions } = service;
      say(name, service.name);
      say(problem, service.problem);
      problem.hidden = !service.problem;
      while (rows.length > versions.length) rows.pop().element.remove();
      while (rows.length < versions.length) said.append((rows[rows.length] = versionRow(panel)).element);
      versions.forEach((version, place) => rows[place].update(service, version));
    },
  };
}
