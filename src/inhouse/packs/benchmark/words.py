"""The words of a report, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inhouse.packs.benchmark.comparing import Verdict
    from inhouse.packs.benchmark.model import Load

CHINESE: Mapping[str, str] = MappingProxyType(
    {
        "Benchmark": "性能评测",
        "Figures": "指标",
        "Variants": "被测对象",
        "Comparison": "对比",
        "What to know": "说明",
        "Problems": "问题",
        "node": "节点",
        "share": "占比",
        "Machine": "机器",
        "Latency of a call": "单次调用延迟",
        "Throughput": "吞吐量",
        "Memory and size": "内存与体积",
        "Where the time goes": "时间分布",
        "Roofline": "屋顶线",
        "milliseconds": "毫秒",
        "rows a call": "每次调用的行数",
        "calls at once": "并发调用数",
        "rows a second": "每秒行数",
        "grown": "内存增长",
        "peak": "内存峰值",
        "on disk": "磁盘占用",
        "percent of the nodes time": "占节点总时间的百分比",
        "operations a byte": "每字节运算量",
        "variant": "对象",
        "load": "负载",
        "p50 ms": "p50 毫秒",
        "p95 ms": "p95 毫秒",
        "p99 ms": "p99 毫秒",
        "rows/s": "行/秒",
        "CPU ms/row": "CPU 毫秒/行",
        "J/row": "焦耳/行",
        "calls": "调用次数",
        "notes": "备注",
        "ready s": "就绪 秒",
        "memory": "内存增长",
        "cosine": "余弦 均值 / 最小",
        "top-1": "top-1 一致率",
        "greatest error": "最大相对误差",
        "receipt": "凭证",
        "few": "样本少",
        "unsteady": "未稳定",
        "drift": "漂移",
        "errors": "错误",
        "latency": "延迟",
        "cpu": "CPU 时间",
        "throughput": "吞吐量",
    }
)
PHRASES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "slower": (
            "{where}: the last third of the rounds was {share:.0%} slower than the first; the machine was not steady.",
            "{where}：后三分之一轮次比前三分之一慢 {share:.0%}，机器状态不稳定。",  # noqa: RUF001 - Chinese punctuation
        ),
        "faster": (
            "{where}: the last third of the rounds was {share:.0%} faster than the first; the machine was not steady.",
            "{where}：后三分之一轮次比前三分之一快 {share:.0%}，机器状态不稳定。",  # noqa: RUF001 - as above
        ),
        "unsteady": (
            "{where}: there was too little time to be sure that warming up was over.",
            "{where}：时间太短，无法确定预热已经结束。",  # noqa: RUF001 - as above
        ),
        "failed": (
            "{where}: {share:.1%} of the calls failed: {kinds}.",
            "{where}：{share:.1%} 的调用失败：{kinds}。",  # noqa: RUF001 - as above
        ),
        "all failed": (
            "{where}: every call failed: {kinds}.",
            "{where}：所有调用均失败：{kinds}。",  # noqa: RUF001 - as above
        ),
        "few": (
            "With fewer than {count} calls, p99 is but the slowest of them.",
            "调用少于 {count} 次时，p99 只是其中最慢的一次。",  # noqa: RUF001 - as above
        ),
        "energy": ("Energy: {source}.", "能耗：{source}。"),  # noqa: RUF001 - as above
    }
)
_INTERVALS = {
    "en": "Behind each figure stands its 95 % confidence interval, by the bootstrap over rounds.",
    "zh": "每个数值后为按轮次自助法得到的 95% 置信区间。",
}


class Words:
    """Says things in one language.

    Args:
        language: ``en`` or ``zh``.

    """

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, text: str) -> str:
        """Return a text of the page in its language; what is not known, such as a name, as it is."""
        return CHINESE.get(text, text) if self.language == "zh" else text

    def phrase(self, name: str, **values: object) -> str:
        """Return a row of `PHRASES`, filled in."""
        return PHRASES[name][self.language == "zh"].format(**values)

    def load(self, load: Load) -> str:
        """Return what was asked."""
        if self.language != "zh":
            return str(load)
        return f"{self.batch(load.batch)}，" + (  # noqa: RUF001 - as above
            f"每秒 {load.rate:g} 次" if load.rate else self.callers(load.concurrency)
        )

    def batch(self, rows: int) -> str:
        """Return a batch size in words."""
        return f"批 {rows}" if self.language == "zh" else f"batch {rows}"

    def callers(self, count: int) -> str:
        """Return a number of calls at once in words."""
        return f"并发 {count}" if self.language == "zh" else f"{count} at once"

    @property
    def intervals(self) -> str:
        """What stands in brackets behind figures."""
        return _INTERVALS[self.language]

    def verdict(self, one: Verdict) -> str:
        """Return a comparison as a sentence."""
        if self.language != "zh":
            return str(one)
        ratio, where = one.ratio, f"{one.load}，{self(one.metric)}"  # noqa: RUF001 - as above
        bounds = f"95%：{ratio.low:.2f} 至 {ratio.high:.2f}"  # noqa: RUF001 - as above
        if one.real:
            return f"{one.after} 的速度是 {one.before} 的 {ratio.value:.2f} 倍（{where}；{bounds}）。"  # noqa: RUF001
        return f"{one.after} 与 {one.before} 之间，这些样本看不出差异（{where}；{ratio.value:.2f} 倍，{bounds}）。"  # noqa: RUF001
