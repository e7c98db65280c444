"""Reference numbers for the training layer, made once by its peers.

Run it in an environment with torch, optax and scikit-learn; it writes
``tests/data/training_references.json``, which the tests read.  Nothing here imports diffkit,
so the numbers share no code with what they check.

    python comparisons/make_training_references.py

Optimizers run 200 steps on two numbers, with the gradient

    g_t(θ) = c·θ + 0.2·sin(3θ) + 0.3·cos(0.7·t + i),    c = (1, 3), i = (0, 1)

evaluated at their own iterate, so that a wrong step shows in all that follow.  Floats are
written with all their digits.
"""

from __future__ import annotations

import itertools
import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import optax
import torch
import torch.nn.functional as F
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

jax.config.update("jax_enable_x64", True)
torch.set_default_dtype(torch.float64)

STEPS = 200
START = np.array([1.5, -2.0])
CURVATURE, INDEX = np.array([1.0, 3.0]), np.arange(2.0)
SCHEDULE_STEPS = 130


def gradient(theta: np.ndarray, step: int) -> np.ndarray:
    return CURVATURE * theta + 0.2 * np.sin(3 * theta) + 0.3 * np.cos(0.7 * step + INDEX)


def rate(step: int) -> float:
    return 0.1 / math.sqrt(step + 1)


def torch_path(make: Callable[..., torch.optim.Optimizer], schedule: Any = None, clip: float | None = None,
               masked: bool = False, **knobs: Any) -> list[list[float]]:
    """The iterates of a torch optimizer; with ``masked`` only the first number decays."""
    first, second = (torch.nn.Parameter(torch.tensor([value])) for value in START)
    groups = [{"params": [first]}, {"params": [second]}]
    if masked:
        groups[1]["weight_decay"] = 0.0
    optimizer = make(groups, **knobs)
    path = []
    for step in range(STEPS):
        theta = np.array([first.item(), second.item()])
        slope = gradient(theta, step)
        first.grad, second.grad = torch.tensor(slope[:1]), torch.tensor(slope[1:])
        if clip is not None:
            torch.nn.utils.clip_grad_value_([first, second], clip)
        if schedule is not None:
            for group in optimizer.param_groups:
                group["lr"] = schedule(step)
        optimizer.step()
        path.append([first.item(), second.item()])
    return path


def optax_path(transform: optax.GradientTransformation) -> list[list[float]]:
    params = {"w": jax.numpy.asarray(START[:1]), "b": jax.numpy.asarray(START[1:])}
    state = transform.init(params)
    path = []
    for step in range(STEPS):
        theta = np.array([float(params["w"][0]), float(params["b"][0])])
        slope = gradient(theta, step)
        grads = {"w": jax.numpy.asarray(slope[:1]), "b": jax.numpy.asarray(slope[1:])}
        updates, state = transform.update(grads, state, params)
        params = optax.apply_updates(params, updates)
        path.append([float(params["w"][0]), float(params["b"][0])])
    return path


def sklearn_path(make: Callable[..., Any], schedule: Any = None, **knobs: Any) -> list[list[float]]:
    params = [START.copy()]
    optimizer = make(params, **knobs)
    path = []
    for step in range(STEPS):
        if schedule is not None:
            optimizer.learning_rate = schedule(step)
        optimizer.update_params(params, [gradient(params[0], step)])
        path.append(params[0].tolist())
    return path


def averages() -> dict[str, Any]:
    """torch's averaged models over plain SGD."""
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    model = torch.nn.Linear(1, 2, bias=False)
    model.weight.data = torch.tensor(START).reshape(2, 1)
    kinds = {"polyak": AveragedModel(model),
             "ema": AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))}
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    paths: dict[str, Any] = {kind: [] for kind in kinds}
    for step in range(STEPS):
        slope = gradient(model.weight.detach().numpy().reshape(-1), step)
        model.weight.grad = torch.tensor(slope).reshape(2, 1)
        optimizer.step()
        for kind, averaged in kinds.items():
            averaged.update_parameters(model)
            paths[kind].append(averaged.module.weight.detach().reshape(-1).tolist())
    return paths


def trajectories() -> dict[str, Any]:
    o = torch.optim
    return {
        "torch": {
            "sgd": torch_path(o.SGD, lr=0.1),
            "sgd_l2": torch_path(o.SGD, lr=0.1, weight_decay=0.05),
            "momentum": torch_path(o.SGD, lr=0.05, momentum=0.9),
            "momentum_scheduled": torch_path(o.SGD, rate, lr=0.1, momentum=0.9),
            "nesterov": torch_path(o.SGD, lr=0.05, momentum=0.9, nesterov=True),
            "adagrad": torch_path(o.Adagrad, lr=0.5),
            "rmsprop": torch_path(o.RMSprop, lr=0.02),
            "adam": torch_path(o.Adam, lr=0.05),
            "adam_l2": torch_path(o.Adam, lr=0.05, weight_decay=0.1),
            "adam_scheduled": torch_path(o.Adam, rate, lr=0.1),
            "adamw": torch_path(o.AdamW, lr=0.05),
            "adamw_masked": torch_path(o.AdamW, lr=0.05, weight_decay=0.2, masked=True),
            "sgd_clip_value": torch_path(o.SGD, clip=0.25, lr=0.1),
        },
        "optax": {
            "sgd": optax_path(optax.sgd(0.1)),
            "momentum": optax_path(optax.sgd(0.05, momentum=0.9)),
            "momentum_scheduled": optax_path(optax.sgd(optax.cosine_decay_schedule(0.1, 150, 0.1), momentum=0.9)),
            "nesterov": optax_path(optax.sgd(0.05, momentum=0.9, nesterov=True)),
            "adagrad": optax_path(optax.adagrad(0.5)),
            "rmsprop": optax_path(optax.rmsprop(0.02)),
            "adam": optax_path(optax.adam(0.05)),
            "adam_seed": optax_path(optax.adam(0.05, eps=0.0, eps_root=1e-7)),
            "adamw": optax_path(optax.adamw(0.05)),
            "adamw_masked": optax_path(optax.adamw(0.05, weight_decay=0.2, mask={"w": True, "b": False})),
            "clip_adam": optax_path(optax.chain(optax.clip_by_global_norm(0.5), optax.adam(0.05))),
        },
        "sklearn": {
            "momentum_scheduled": sklearn_path(SGDOptimizer, rate, learning_rate_init=0.1, nesterov=False),
            "nesterov": sklearn_path(SGDOptimizer, learning_rate_init=0.05, nesterov=True),
            "nesterov_scheduled": sklearn_path(SGDOptimizer, rate, learning_rate_init=0.1, nesterov=True),
            "adam": sklearn_path(AdamOptimizer, learning_rate_init=0.05),
        },
        "average": averages(),
    }


def torch_rates(make: Callable[..., Any], lr: float, **knobs: Any) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.5)
    schedule = make(optimizer, **knobs)
    rates = []
    for _ in range(knobs.get("total_steps", SCHEDULE_STEPS)):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if len(rates) < knobs.get("total_steps", SCHEDULE_STEPS):
            schedule.step()
    return rates


def plateau_rates(metrics: list[float], **knobs: Any) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **knobs)
    rates = []
    for metric in metrics:
        schedule.step(metric)
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


def schedules() -> dict[str, Any]:
    t = torch.optim.lr_scheduler
    from_optax = {
        "linear": optax.linear_schedule(0.1, 0.01, 100),
        "polynomial": optax.polynomial_schedule(0.1, 0.01, 2.5, 100),
        "exponential": optax.exponential_decay(0.1, 30, 0.5),
        "exponential_staircase": optax.exponential_decay(0.1, 30, 0.5, staircase=True),
        "cosine": optax.cosine_decay_schedule(0.1, 100, 0.1),
        "warmup_cosine": optax.warmup_cosine_decay_schedule(0.01, 0.1, 20, 120, 0.001),
        "piecewise": optax.piecewise_constant_schedule(0.1, {30: 0.5, 90: 0.1}),
        "join": optax.join_schedules([optax.constant_schedule(0.2), optax.linear_schedule(0.1, 0.0, 50)], [40]),
    }
    rates = {"optax": {name: [float(schedule(step)) for step in range(SCHEDULE_STEPS)]
                       for name, schedule in from_optax.items()}}
    cyclic = {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 7, "step_size_down": 11}
    rates["torch"] = {
        "polynomial": torch_rates(t.PolynomialLR, 0.1, total_iters=100, power=2.0),
        "exponential": torch_rates(t.ExponentialLR, 0.1, gamma=0.97),
        "cosine": torch_rates(t.CosineAnnealingLR, 0.1, T_max=100, eta_min=0.01)[:101],
        "cosine_restarts": torch_rates(t.CosineAnnealingWarmRestarts, 0.1, T_0=13, eta_min=0.01),
        "cosine_restarts_mult": torch_rates(t.CosineAnnealingWarmRestarts, 0.1, T_0=13, T_mult=2),
        "cyclic": torch_rates(t.CyclicLR, 0.01, **cyclic),
        "cyclic_triangular2": torch_rates(t.CyclicLR, 0.01, mode="triangular2", **cyclic),
        "cyclic_exp_range": torch_rates(t.CyclicLR, 0.01, mode="exp_range", gamma=0.98, **cyclic),
        "one_cycle": torch_rates(t.OneCycleLR, 0.1, max_lr=0.1, total_steps=100),
        "one_cycle_linear": torch_rates(t.OneCycleLR, 0.1, max_lr=0.1, total_steps=90, pct_start=0.25,
                                        anneal_strategy="linear", div_factor=10.0, final_div_factor=100.0),
        "step_decay": torch_rates(t.StepLR, 0.1, step_size=30),
        "piecewise": torch_rates(t.MultiStepLR, 0.1, milestones=[30, 90], gamma=0.5),
    }
    metrics = [1 + 1 / (1 + k) + (0.05 * ((7 * k) % 5) if k > 10 else 0.0) for k in range(60)]
    settings = [{"patience": 2}, {"patience": 3, "threshold": 0.01, "threshold_mode": "abs", "cooldown": 4},
                {"factor": 0.5, "patience": 0, "min_lr": 0.01}, {"mode": "max", "patience": 5, "factor": 0.3}]
    plateau = [{"knobs": knobs, "rates": plateau_rates(metrics, **knobs)} for knobs in settings]
    return {**rates, "plateau": {"metrics": metrics, "runs": plateau}}


POINTS = [-1e4, -700.0, -40.0, -5.0, -1.0, -1e-8, 0.0, 1e-8, 0.5, 2.0, 20.0, 40.0, 700.0, 1e4]


def value_and_slope(function: Callable[..., torch.Tensor], *inputs: Any) -> dict[str, Any]:
    """A function's value, and the gradient of its sum by its first argument."""
    first = torch.tensor(inputs[0], requires_grad=True)
    value = function(first, *inputs[1:])
    value.sum().backward()
    return {"value": value.tolist(), "gradient": first.grad.tolist()}


def activations() -> dict[str, Any]:
    functions = {
        "relu": F.relu, "leaky_relu": F.leaky_relu, "elu": F.elu, "selu": F.selu, "gelu": F.gelu,
        "gelu_approximate": lambda x: F.gelu(x, approximate="tanh"), "sigmoid": torch.sigmoid, "silu": F.silu,
        "tanh": torch.tanh, "softplus": lambda x: F.softplus(x, threshold=50), "log_sigmoid": F.logsigmoid,
    }
    table = {name: value_and_slope(function, POINTS) for name, function in functions.items()}
    rows = [[1e4, -1e4, 3.0], [0.1, -0.2, 0.3], [1e4, 1e4, 1e4 - 1]]
    weights = torch.tensor([[1.0, 2.0, -1.0]])
    table["softmax"] = value_and_slope(lambda x: weights * F.softmax(x, -1), rows)
    table["log_softmax"] = value_and_slope(lambda x: weights * F.log_softmax(x, -1), rows)
    return {"points": POINTS, "rows": rows, "table": table}


def losses() -> dict[str, Any]:
    pred = [[0.3, -1.2], [2.5, 0.0], [-0.4, 1e4], [-1e4, 0.7]]
    target = [[0.1, -1.0], [0.0, 0.0], [1.3, 0.0], [0.5, 0.7]]
    probability = [[0.3, 0.9], [0.0, 1.0], [1e-12, 0.5], [1.0, 0.2]]
    binary = [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 0.25]]
    logits = [[0.3, -1.2, 0.5], [1e4, 0.0, -1e4], [-3.0, 2.0, 1.0], [50.0, -50.0, 0.0]]
    labels = [2, 1, 1, 0]
    soft = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.1, 0.6, 0.3], [0.0, 0.5, 0.5]]
    class_weight = [1.0, 2.5, 0.5]
    variance = [[0.5, 1e-9], [2.0, 1.0], [3.0, 0.1], [1.0, 4.0]]
    rates = [[0.3, -1.2], [2.5, 0.0], [-0.4, 3.0], [-1e4, 0.7]]
    signs = [[1.0, -1.0], [1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]]
    T = torch.tensor
    cases: dict[str, tuple[Callable[..., torch.Tensor], Any, Any]] = {
        "mse": (lambda p, r: F.mse_loss(p, T(target), reduction=r), pred, target),
        "mae": (lambda p, r: F.l1_loss(p, T(target), reduction=r), pred, target),
        "huber": (lambda p, r: F.huber_loss(p, T(target), reduction=r, delta=0.5), pred, target),
        "bce": (lambda p, r: F.binary_cross_entropy(p, T(binary), reduction=r), probability, binary),
        "bce_with_logits": (lambda p, r: F.binary_cross_entropy_with_logits(p, T(binary), reduction=r), pred, binary),
        "nll": (lambda p, r: F.nll_loss(p, T(labels), reduction=r), logits, labels),
        "cross_entropy": (lambda p, r: F.cross_entropy(p, T(labels), reduction=r), logits, labels),
        "cross_entropy_soft": (lambda p, r: F.cross_entropy(p, T(soft), reduction=r), logits, soft),
        "cross_entropy_smooth": (
            lambda p, r: F.cross_entropy(p, T(labels), reduction=r, label_smoothing=0.1), logits, labels),
        "cross_entropy_weighted": (
            lambda p, r: F.cross_entropy(p, T(labels), T(class_weight), reduction=r), logits, labels),
        "cross_entropy_weighted_smooth": (
            lambda p, r: F.cross_entropy(p, T(labels), T(class_weight), reduction=r, label_smoothing=0.2),
            logits, labels),
        "cross_entropy_weighted_soft": (
            lambda p, r: F.cross_entropy(p, T(soft), T(class_weight), reduction=r), logits, soft),
        "kl_div": (
            lambda p, r: F.kl_div(p, T(soft), reduction={"mean": "batchmean"}.get(r, r)), logits, soft),
        "gaussian_nll": (lambda p, r: F.gaussian_nll_loss(p, T(target), T(variance), reduction=r), pred, target),
        "poisson_nll": (lambda p, r: F.poisson_nll_loss(p, T(target), reduction=r), rates, target),
        "hinge": (lambda p, r: {"none": lambda x: x, "mean": torch.mean, "sum": torch.sum}[r](
            F.relu(1 - T(signs) * p)), pred, signs),
    }
    table = {}
    for name, (function, prediction, truth) in cases.items():
        table[name] = {"pred": prediction, "target": truth,
                       **{reduction: value_and_slope(lambda p, f=function, r=reduction: f(p, r), prediction)
                          for reduction in ("none", "mean", "sum")}}
    return {"class_weight": class_weight, "variance": variance, "table": table}


def network() -> dict[str, Any]:
    """A 3-4-4-2 network with formula weights: output, loss and gradients."""
    sizes = (3, 4, 4, 2)
    x = np.sin(np.arange(15.0)).reshape(5, 3)
    labels = [0, 1, 1, 0, 1]
    result: dict[str, Any] = {"sizes": sizes, "labels": labels}
    for name, layer in (("relu", torch.nn.ReLU), ("tanh", torch.nn.Tanh), ("sigmoid", torch.nn.Sigmoid)):
        parts: list[torch.nn.Module] = []
        for index, (a, b) in enumerate(itertools.pairwise(sizes)):
            linear = torch.nn.Linear(a, b)
            linear.weight.data = torch.tensor(np.cos(np.arange(a * b) + index).reshape(a, b).T.copy())
            linear.bias.data = torch.tensor(0.1 * np.sin(np.arange(b) + index))
            parts += [linear, layer()]
        model = torch.nn.Sequential(*parts[:-1])
        output = model(torch.tensor(x))
        loss = F.cross_entropy(output, torch.tensor(labels))
        loss.backward()
        gradients = [{"W": part.weight.grad.T.tolist(), "b": part.bias.grad.tolist()}
                     for part in model if isinstance(part, torch.nn.Linear)]
        result[name] = {"output": output.tolist(), "loss": loss.item(), "gradients": gradients}
    return result


def main() -> None:
    references = {
        "versions": {"torch": torch.__version__.split("+")[0], "optax": optax.__version__},
        "steps": STEPS,
        "trajectories": trajectories(),
        "schedules": schedules(),
        "activations": activations(),
        "losses": losses(),
        "network": network(),
    }
    target = pathlib.Path(__file__).parents[1] / "tests" / "data" / "training_references.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(references, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
