// What the tab says, by language; `n` in a text stands for a number, other names for what they say.

const WORDS = {
  en: {
    tooltip: "Inhouse: runs, workers and memory",
    summary: "{running} running, {waiting} waiting",
    queue: "Queue",
    memory: "Memory",
    hits: "Cache hits",
    chart: "{name}: {now} now, at most {most} in the last {minutes} min",
    running: "Running",
    waiting: "Waiting",
    ended: "Ended",
    workers: "Workers",
    services: "Services",
    nothingPublished: "Nothing is published.",
    version: "Version {n}",
    parts: { live: "live", canary: "canary", shadow: "shadow" },
    calls: "{n} calls, {time} each",
    callsFailed: "{failed} failed, {refused} refused",
    nothingRuns: "Nothing runs.",
    nothingWaits: "Nothing waits.",
    nothingEnded: "Nothing has ended yet.",
    more: "and {n} more",
    nodes: "{done} of {nodes} nodes",
    cancel: "Cancel",
    cancelRun: "Cancel run {id}",
    cancelling: "Stopping ...",
    progress: "Progress of run {id}",
    place: "No. {n}",
    files: "files: {n}",
    models: "Models in memory",
    cache: "Cache",
    cached: "{entries} results, {size}",
    asked: "{hits} hits, {misses} misses",
    loras: "LoRA pool",
    restarts: "Workers restarted",
    of: "{used} of {total}",
    unreachable: "The server does not answer. Trying again ...",
    states: {
      running: "runs",
      ready: "ready",
      starting: "is starting",
      failed: "cannot start",
      success: "done",
      error: "failed",
      cancelled: "cancelled",
      loading: "is loading",
      unloaded: "at rest",
    },
  },
  zh: {
    tooltip: "Inhouse：运行、工作进程与内存",
    summary: "{running} 个运行中，{waiting} 个等待中",
    queue: "队列",
    memory: "内存",
    hits: "缓存命中",
    chart: "{name}：当前 {now}，最近 {minutes} 分钟最高 {most}",
    running: "运行中",
    waiting: "等待中",
    ended: "已结束",
    workers: "工作进程",
    services: "服务",
    nothingPublished: "尚未发布任何服务。",
    version: "版本 {n}",
    parts: { live: "线上", canary: "金丝雀", shadow: "影子" },
    calls: "{n} 次调用，平均 {time}",
    callsFailed: "失败 {failed} 次，拒绝 {refused} 次",
    nothingRuns: "没有正在运行的任务。",
    nothingWaits: "没有等待中的任务。",
    nothingEnded: "还没有已结束的任务。",
    more: "以及另外 {n} 个",
    nodes: "{nodes} 个节点中的 {done} 个",
    cancel: "取消",
    cancelRun: "取消任务 {id}",
    cancelling: "正在停止……",
    progress: "任务 {id} 的进度",
    place: "第 {n} 位",
    files: "{n} 个文件",
    models: "内存中的模型",
    cache: "缓存",
    cached: "{entries} 个结果，{size}",
    asked: "命中 {hits} 次，未命中 {misses} 次",
    loras: "LoRA 池",
    restarts: "工作进程重启次数",
    of: "{used} / {total}",
    unreachable: "服务器没有响应，正在重试……",
    states: {
      running: "运行中",
      ready: "就绪",
      starting: "正在启动",
      failed: "无法启动",
      success: "完成",
      error: "失败",
      cancelled: "已取消",
      loading: "加载中",
      unloaded: "未加载",
    },
  },
};

/** Return the texts for a language such as "zh-TW": its own, or those of the language it is a kind of, or English. */
export function wordsFor(language) {
  return WORDS[language] ?? WORDS[language.split("-")[0]] ?? WORDS.en;
}

/** Put values into a text. */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** Return how numbers are written in a language. */
export function formats(language) {
  const plain = new Intl.NumberFormat(language);
  const short = new Intl.NumberFormat(language, { maximumSignificantDigits: 3 });
  const brief = new Intl.NumberFormat(language, { maximumFractionDigits: 1 });
  return {
    number: (value) => plain.format(value),
    percent: (value) => `${Math.round(value * 100)} %`,
    size(bytes) {
      const power = bytes >= 1 ? Math.min(4, Math.floor(Math.log2(bytes) / 10)) : 0;
      return `${short.format(bytes / 1024 ** power)} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
    },
    duration(seconds) {
      const whole = Math.max(0, Math.round(seconds));
      if (whole < 60) return `${brief.format(whole < 10 ? Math.max(0, seconds) : whole)} s`;
      return `${Math.floor(whole / 60)} min ${whole % 60} s`;
    },
  };
}
