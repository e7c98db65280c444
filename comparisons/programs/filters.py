"""Filters and time series: states that are overwritten, tables filled by recursions, paths traced back."""

from __future__ import annotations

import itertools

import numpy as np


class KalmanFilter:
    """A filter whose state and covariance are buffers that are overwritten."""

    def __init__(self, transition, observation, process_noise, observation_noise):
        self.F, self.H, self.Q, self.R = transition, observation, process_noise, observation_noise
        self.state = np.zeros(2)
        self.covariance = np.eye(2)
        self.log_likelihood = 0.0

    def predict(self):
        self.state = self.F @ self.state
        self.covariance = self.F @ self.covariance @ self.F.T + self.Q

    def update(self, measurement):
        innovation = measurement - self.H @ self.state
        S = self.H @ self.covariance @ self.H.T + self.R
        gain = np.linalg.solve(S, self.H @ self.covariance).T
        self.state += gain @ innovation
        self.covariance -= gain @ S @ gain.T
        _, logdet = np.linalg.slogdet(S)
        self.log_likelihood -= 0.5 * (logdet + innovation @ np.linalg.inv(S) @ innovation + np.log(2 * np.pi))


def kalman_filter(log_noise):
    """Log-likelihood of a tracked position, of the logarithms of process and observation noise."""
    measurements = np.array([0.1, 0.9, 2.2, 2.8, 4.1, 5.3, 5.9])
    dt = 1.0
    q, r = np.exp(log_noise)
    F = np.array([[1, dt], [0, 1]])
    Q = q * np.array([[dt ** 3 / 3, dt ** 2 / 2], [dt ** 2 / 2, dt]])
    tracker = KalmanFilter(F, np.array([[1.0, 0.0]]), Q, np.array([[r]]))
    for z in measurements:
        tracker.predict()
        tracker.update(np.array([z]))
    return tracker.log_likelihood


kalman_filter.point = (np.array([-1.0, -0.5]),)


def garch_likelihood(parameters):
    """Negative log-likelihood of returns whose variance is a recursion through a filled array."""
    omega, alpha, beta = parameters
    returns = 0.3 * np.sin(np.arange(12.0) ** 2)
    variance = np.empty_like(returns)
    variance[0] = omega / (1 - alpha - beta)
    for t in range(1, len(returns)):
        variance[t] = omega + alpha * returns[t - 1] ** 2 + beta * variance[t - 1]
    return 0.5 * np.sum(np.log(variance) + returns ** 2 / variance)


garch_likelihood.point = (np.array([0.2, 0.2, 0.5]),)


def hidden_markov(logits):
    """Log-probability of a sequence by the forward algorithm, in logarithms, in two alternating buffers."""
    observations = [0, 1, 1, 2, 0, 2]
    transition = logits[:3] - np.logaddexp.reduce(logits[:3], axis=1, keepdims=True)
    emission = logits[3:] - np.logaddexp.reduce(logits[3:], axis=1)[:, None]
    current, following = np.full(3, -np.log(3.0)), np.empty(3)
    current += emission[:, observations[0]]
    for symbol in observations[1:]:
        for state in range(3):
            paths = current + transition[:, state]
            top = paths.max()
            following[state] = top + np.log(np.exp(paths - top).sum()) + emission[state, symbol]
        current, following = following, current
    return np.logaddexp.reduce(current)


hidden_markov.point = (np.cos(np.arange(18.0)).reshape(6, 3),)


def viterbi(scores):
    """Score of the best path, traced back through an array of integers, and the scores along it."""
    steps, states = scores.shape[0], scores.shape[1]
    best = np.zeros((steps, states))
    back = np.zeros((steps, states), dtype=int)
    best[0] = scores[0]
    stay = np.where(np.eye(states, dtype=bool), 0.0, -0.4)
    for t in range(1, steps):
        candidates = best[t - 1][:, None] + stay
        back[t] = candidates.argmax(axis=0)
        best[t] = candidates[back[t], np.arange(states)] + scores[t] ** 2
    path = [int(best[-1].argmax())]
    for t in reversed(range(1, steps)):
        path.append(back[t, path[-1]])
    path = path[::-1]
    return best[-1].max() * np.prod(scores[np.arange(steps), path])


viterbi.point = (np.sin(1.0 + np.arange(12.0) * 1.7).reshape(4, 3) + 1.2,)


def dynamic_time_warping(series):
    """Distance of two series by a table with infinities around it."""
    other = np.array([0.2, 0.9, 0.4, -0.3])
    n, m = len(series), len(other)
    cost = np.full((n + 1, m + 1), np.inf)
    cost[0, 0] = 0
    for i, j in itertools.product(range(n), range(m)):
        distance = (series[i] - other[j]) ** 2
        cost[i + 1, j + 1] = distance + min(cost[i, j + 1], cost[i + 1, j], cost[i, j])
    return np.sqrt(cost[n, m])


dynamic_time_warping.point = (np.array([0.1, 0.5, 1.1, 0.3, -0.6]),)


def fft_convolution(signal):
    """A smoothed, shifted signal through the frequency domain, and its energy in a band."""
    n = len(signal)
    size = 1 << (2 * n - 1).bit_length()
    kernel = np.exp(-0.5 * np.linspace(-2, 2, 5) ** 2)
    kernel /= kernel.sum()
    padded = np.zeros(size)
    padded[:n] = signal
    spectrum = np.fft.rfft(padded)
    spectrum *= np.fft.rfft(kernel, size)
    spectrum[4:] *= np.exp(-0.3j * np.arange(len(spectrum) - 4))
    power = np.abs(spectrum) ** 2
    smooth = np.fft.irfft(spectrum, size)[2:n + 2]
    return np.sum(smooth ** 3) + 0.1 * power[1:6].sum()


fft_convolution.point = (np.array([0.3, -1.0, 0.8, 1.4, -0.2, 0.5]),)
