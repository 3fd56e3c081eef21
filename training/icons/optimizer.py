"""Optimisation: Muon for matrices and kernels, AdamW for the rest, one learning rate for both.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks" (2024), with the update's size matched to
AdamW's as in Liu et al., "Muon is scalable for LLM training" (2025).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ROUNDS = 4
MATCH = 0.2
MIN_SIDE = 16


def orthogonalise(matrix: Tensor) -> Tensor:
    """Return about the nearest orthogonal matrix, by Newton-Schulz rounds in bfloat16."""
    a, b, c = COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).bfloat16().contiguous()
    x = x / (x.norm() + 1e-7)
    for _ in range(ROUNDS):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum whose updates are made orthogonal; for weights of two dimensions or more."""

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95, decay: float = 0.01) -> None:
        super().__init__(list(params), {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update the weights from their gradients."""
        del closure
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                average = state.setdefault("average", torch.zeros_like(weight))
                average.lerp_(weight.grad, 1 - group["momentum"])
                direction = weight.grad.lerp(average, group["momentum"])
                update = orthogonalise(direction.reshape(len(weight), -1)).view_as(weight)
                size = MATCH * max(len(weight), weight[0].numel()) ** 0.5
                weight.mul_(1 - group["lr"] * group["decay"]).add_(update, alpha=-group["lr"] * size)


class Optimizers:
    """Both optimisers as one, for the named parameters that a worker owns."""

    def __init__(self, named: list[tuple[str, Tensor]], lr: float) -> None:
        square = [p for name, p in named if is_matrix(name, p)]
        other = [p for name, p in named if not is_matrix(name, p)]
        self.lr = lr
        self.parts = [Muon(square, lr), torch.optim.AdamW(other, lr, betas=(0.9, 0.98), weight_decay=0.0)]

    def step(self, share: float) -> None:
        """Update at ``share`` (0..1) of the learning rate."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = self.lr * share
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return both states."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore both states."""
        for part, saved in zip(self.parts, state["parts"], strict=True):
            part.load_state_dict(saved)


def is_matrix(name: str, parameter: Tensor) -> bool:
    """Say whether Muon should have the parameter: hidden matrices and kernels, no tables, no ends."""
    ends = ("embedding.weight", "input_blocks.0.0.weight", "out.2.weight", "conv_in.weight", "conv_out.weight")
    return parameter.dim() > 1 and not name.endswith(ends) and min(len(parameter), parameter[0].numel()) >= MIN_SIDE
