"""A course of training: by the clock, on several processes, resumable after a kill, with an average of the weights.

The learning rate warms up, stays, and falls to nothing over the last part of the minutes that the course is given.
A course that is resumed with more minutes goes on from where it was. The workers are processes of one thread each that
share weights and gradients in memory and wait for one another twice a step: threads that meet after every operation
lose most of a busy machine's time to waiting.
"""

from __future__ import annotations

import copy
import os
import random
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import multiprocessing

from training.icons.optimizer import Optimizers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor, nn

SAVE_SECONDS = 150.0
REPORT_SECONDS = 20.0
PATIENCE_SECONDS = 900.0
WARMUP_STEPS = 60
DECAY = 0.999


def save(state: dict[str, Any], path: Path) -> None:
    """Write beside, flush to disk, rename: a kill leaves the old file or the new one."""
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def shared(tensor: Tensor) -> Tensor:
    """Move a tensor to memory that worker processes share."""
    tensor.share_memory_()  # type: ignore[no-untyped-call]
    return tensor


class Course:
    """Weights, their averages, clock and checkpoint of some modules under training, in shared memory."""

    def __init__(
        self, path: Path, modules: dict[str, nn.Module], *, minutes: float, lr: float, cooldown: float, workers: int
    ) -> None:
        self.path = path
        self.modules = modules
        self.averages = {
            name: copy.deepcopy(module).requires_grad_(requires_grad=False) for name, module in modules.items()
        }
        self.seconds, self.cooldown, self.lr, self.workers = minutes * 60, cooldown * 60, lr, workers
        self.steps = 0
        self.clock = shared(torch.zeros(1, dtype=torch.float64))
        if path.exists():
            state = torch.load(path, weights_only=True)
            for name, module in modules.items():
                module.load_state_dict(state["modules"][name])
                self.averages[name].load_state_dict(state["averages"][name])
            self.steps, self.clock[0] = state["steps"], state["elapsed"]
        for module in (*self.modules.values(), *self.averages.values()):
            module.share_memory()
        self.named = [
            pair for module in modules.values() for pair in module.named_parameters() if pair[1].requires_grad
        ]
        means = [pair for module in self.averages.values() for pair in module.named_parameters()]
        self.means = [mean for (_, mean), (_, new) in zip(means, self._all(), strict=True) if new.requires_grad]
        shapes = [parameter.shape for _, parameter in self.named]
        self.gradients = [[shared(torch.zeros(shape)) for shape in shapes] for _ in range(workers)]

    def _all(self) -> list[tuple[str, Tensor]]:
        return [pair for module in self.modules.values() for pair in module.named_parameters()]

    def run(self, build: Callable[[random.Random], Callable[[], Tensor]]) -> None:
        """Train until the time is over. ``build`` makes, in each worker, the function that returns a batch's loss."""
        context = multiprocessing.get_context("fork")
        barrier = context.Barrier(self.workers)
        helpers = [
            context.Process(target=Worker(self, rank, barrier).run, args=(build,)) for rank in range(1, self.workers)
        ]
        for helper in helpers:
            helper.start()
        Worker(self, 0, barrier).run(build)
        for helper in helpers:
            helper.join()


class Worker:
    """One process's part: its batches, and the update of its share of the weights."""

    def __init__(self, course: Course, rank: int, barrier: Any) -> None:
        self.course, self.rank, self.barrier = course, rank, barrier
        self.owned = owned(course.named, rank, course.workers)
        self.losses: list[float] = []

    def run(self, build: Callable[[random.Random], Callable[[], Tensor]]) -> None:
        """Step until the time is over."""
        torch.set_num_threads(1)
        seed = int.from_bytes(os.urandom(4))
        torch.manual_seed(seed)
        course = self.course
        self.optimizers = Optimizers([course.named[i] for i in self.owned], course.lr)
        if self._state_path.exists():
            self.optimizers.load_state_dict(torch.load(self._state_path, weights_only=True))
        loss_of_batch = build(random.Random(seed))
        self.tick = self.saved = self.reported = time.monotonic()
        while course.clock.item() < course.seconds:
            self._step(loss_of_batch())

    @property
    def _state_path(self) -> Path:
        return self.course.path.with_suffix(f".worker{self.rank}of{self.course.workers}")

    def _rate(self) -> float:
        course = self.course
        left = (course.seconds - course.clock.item()) / course.cooldown if course.cooldown else 1.0
        return max(0.0, min(1.0, (course.steps + 1) / WARMUP_STEPS, left))

    def _step(self, loss: Tensor) -> None:
        course = self.course
        parameters = [parameter for _, parameter in course.named]
        own = torch.autograd.grad(loss, parameters, allow_unused=True)
        for shared, gradient in zip(course.gradients[self.rank], own, strict=True):
            if gradient is not None:
                shared.copy_(gradient)
        self.losses.append(loss.item())
        rate = self._rate()
        self.barrier.wait(PATIENCE_SECONDS)
        keep = min(DECAY, (1 + course.steps) / (10 + course.steps))
        for i in self.owned:
            parameters[i].grad = torch.stack([part[i] for part in course.gradients]).mean(0)
        self.optimizers.step(rate)
        torch._foreach_lerp_([course.means[i] for i in self.owned], [parameters[i].data for i in self.owned], 1 - keep)
        course.steps += 1
        if self.rank == 0:
            now = time.monotonic()
            course.clock += now - self.tick
            self.tick = now
        self.barrier.wait(PATIENCE_SECONDS)
        self._keep_books()

    def _keep_books(self) -> None:
        now, over = time.monotonic(), self.course.clock.item() >= self.course.seconds
        if self.rank == 0 and (over or now - self.reported > REPORT_SECONDS):
            mean, pace = sum(self.losses) / len(self.losses), (now - self.reported) / len(self.losses)
            minute = self.course.clock.item() / 60
            line = f"step {self.course.steps} minute {minute:.2f} loss {mean:.4f} seconds/step {pace:.3f}"
            print(line, flush=True)
            with self.course.path.with_suffix(".log").open("a", encoding="utf-8") as log:
                log.write(line + "\n")
            self.losses, self.reported = [], now
        if over or now - self.saved > SAVE_SECONDS:
            self._save()
            self.saved = time.monotonic()

    def _save(self) -> None:
        course = self.course
        save(self.optimizers.state_dict(), self._state_path)
        if self.rank == 0:
            state = {
                "modules": {name: module.state_dict() for name, module in course.modules.items()},
                "averages": {name: module.state_dict() for name, module in course.averages.items()},
                "steps": course.steps,
                "elapsed": course.clock.item(),
            }
            save(state, course.path)


def owned(named: Sequence[tuple[str, Tensor]], rank: int, workers: int) -> list[int]:
    """Return which parameters a worker updates: the largest go to whoever has least."""
    loads = [0] * workers
    mine = []
    for i in sorted(range(len(named)), key=lambda i: -named[i][1].numel()):
        least = loads.index(min(loads))
        loads[least] += named[i][1].numel()
        if least == rank:
            mine.append(i)
    return sorted(mine)
