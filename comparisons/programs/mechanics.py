"""Bodies, fields, arms and rays: buffers that are reused, slices of grids, products of frames, recursion on hits."""

from __future__ import annotations

import itertools
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np


def leapfrog(state):
    """Energy drift and final positions of three bodies: velocity Verlet in buffers that are reused."""
    masses = np.array([1.0, 0.5, 0.8])
    positions, velocities = state[:6].reshape(3, 2).copy(), state[6:].reshape(3, 2).copy()
    acceleration = np.zeros_like(positions)
    difference = np.empty(2)

    def forces(out):
        out.fill(0)
        for i in range(3):
            for j in range(i):
                np.subtract(positions[j], positions[i], out=difference)
                r3 = (difference @ difference + 0.05) ** 1.5
                out[i] += masses[j] * difference / r3
                out[j] -= masses[i] * difference / r3

    dt = 0.05
    forces(acceleration)
    for _ in range(6):
        velocities += 0.5 * dt * acceleration
        positions += dt * velocities
        forces(acceleration)
        velocities += 0.5 * dt * acceleration
    kinetic = 0.5 * np.sum(masses[:, None] * velocities ** 2)
    return kinetic + np.linalg.norm(positions, axis=1).sum()


leapfrog.point = (np.array([1.0, 0.1, -0.6, 0.8, -0.3, -1.0, 0.1, 0.5, -0.6, 0.2, 0.4, -0.3]),)


def heat_equation(parameters):
    """Explicit steps of the heat equation with slices, a source and a boundary that is written each step."""
    conductivity, left, right = parameters[0], parameters[1], parameters[2]
    u = np.zeros(12)
    u[4:8] = 1.0
    for step in range(10):
        u[0], u[-1] = left * np.sin(0.3 * step), right
        u[1:-1] += 0.2 * conductivity * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.trapezoid(u ** 2, dx=0.1)


heat_equation.point = (np.array([1.3, 0.7, -0.2]),)


def wave_2d(initial):
    """A wave equation on a grid with three rotating buffers and an absorbing layer."""
    n = 5
    before, now, after = (np.zeros((n, n)) for _ in range(3))
    now[1:-1, 1:-1] = initial.reshape(3, 3)
    before[...] = now
    absorb = np.ones((n, n))
    absorb[[0, -1]] = 0.5
    absorb[:, [0, -1]] *= 0.5
    for _ in range(4):
        laplacian = -4 * now
        laplacian[1:] += now[:-1]
        laplacian[:-1] += now[1:]
        laplacian[:, 1:] += now[:, :-1]
        laplacian[:, :-1] += now[:, 1:]
        np.multiply(2 * now - before + 0.3 * laplacian, absorb, out=after)
        before, now, after = now, after, before
    return np.sum(now ** 2) + now[2, 2] * before[1, 1]


wave_2d.point = (np.cos(np.arange(9.0)),)


def robot_arm(angles):
    """Where a chain of joints ends, by 4 × 4 matrices, and how far that is from an obstacle."""
    def joint(angle, length):
        c, s = np.cos(angle), np.sin(angle)
        T = np.eye(4)
        T[:2, :2] = [[c, -s], [s, c]]
        T[:3, 3] = T[:3, :3] @ [length, 0.0, 0.1]
        return T

    frames = list(itertools.accumulate((joint(a, l) for a, l in zip(angles, (1.0, 0.8, 0.5))), np.matmul))
    tips = np.array([frame[:3, 3] for frame in frames])
    axis = np.array([0.6, 0.0, 0.8])
    theta = angles.sum()
    K = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    R = np.eye(3) + np.sin(theta) * K + (1 - np.cos(theta)) * K @ K  # Rodrigues
    return np.linalg.norm(R @ tips[-1] - [0.5, 1.0, 0.2]) + np.cross(tips[0], tips[1])[2]


robot_arm.point = (np.array([0.4, -0.7, 1.1]),)

Hit = namedtuple("Hit", "distance place normal")


@dataclass
class Sphere:
    """A sphere of a small scene."""

    center: Any
    radius: Any

    def intersect(self, origin, direction):
        to_center = self.center - origin
        along = to_center @ direction
        squared = self.radius ** 2 - (to_center @ to_center - along ** 2)
        if squared < 0:
            return None
        distance = along - np.sqrt(squared)
        if distance < 1e-6:
            return None
        place = origin + distance * direction
        return Hit(distance, place, (place - self.center) / self.radius)


def ray_tracer(scene):
    """An image of two spheres, one reflecting, by a recursive ray tracer with branches on hits."""
    spheres = [Sphere(scene[:3], scene[3]), Sphere(scene[4:7], scene[7])]
    light = np.array([1.0, 2.0, -1.5])
    light /= np.linalg.norm(light)

    def trace(origin, direction, depth):
        hits = [hit for hit in (sphere.intersect(origin, direction) for sphere in spheres) if hit]
        if not hits:
            return 0.1 + 0.2 * direction[1]
        nearest = min(hits, key=lambda hit: hit.distance)
        color = max(0.0, nearest.normal @ light)
        if depth:
            mirrored = direction - 2 * (direction @ nearest.normal) * nearest.normal
            color = 0.7 * color + 0.3 * trace(nearest.place, mirrored, depth - 1)
        return color

    image = np.zeros((4, 4))
    for row, y in enumerate(np.linspace(-0.6, 0.6, 4)):
        for column, x in enumerate(np.linspace(-0.9, 0.9, 4)):
            direction = np.array([x, y, 1.0])
            image[row, column] = trace(np.zeros(3), direction / np.linalg.norm(direction), 2)
    return image.ravel()[[1, 2, 5, 6, 9, 10]]


ray_tracer.point = (np.array([-0.6, 0.05, 3.0, 0.9, 1.0, 0.2, 3.4, 1.0]),)
