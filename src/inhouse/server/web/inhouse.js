// Adds the Inhouse tab to the canvas's sidebar.
import { app } from "/scripts/app.js";
import { api } from "/scripts/api.js";
import { Panel } from "./panel.js";
import { wordsFor } from "./words.js";

const language = () => app.extensionManager.setting.get("Comfy.Locale") ?? "en";

// A canvas that has nothing to show would show its vendor's example, whose models nobody here has, and ask for them
// on the internet. It shows one that can run.
const EXAMPLE = "/templates/text-to-image.json";

app.registerExtension({
  name: "Inhouse.Example",
  init() {
    const load = app.loadGraphData.bind(app);
    app.loadGraphData = async (graph, ...rest) => load(graph ?? (await example()), ...rest);
  },
});

async function example() {
  const response = await fetch(api.fileURL(EXAMPLE));
  return response.ok ? response.json() : undefined;
}

app.registerExtension({
  name: "Inhouse.Overview",
  setup() {
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = new URL("./inhouse.css", import.meta.url).href;
    document.head.append(style);

    const panel = new Panel({
      language,
      load: (signal) => api.fetchApi("/inhouse/overview", { signal }),
      cancel: (id) => api.fetchApi(`/jobs/${encodeURIComponent(id)}/cancel`, { method: "POST" }),
    });
    app.extensionManager.registerSidebarTab({
      id: "inhouse",
      icon: "pi pi-server",
      title: "Inhouse",
      tooltip: wordsFor(language()).tooltip,
      type: "custom",
      render: (element) => panel.open(element),
      destroy: () => panel.close(),
    });
  },
});
