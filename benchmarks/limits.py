"""What this machine can do at best: the matrix products of the model and nothing else, and reading memory.

These are pieces of work like those in `sides.py`, done once with NumPy and once with PyTorch; the better counts.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sides import EDITED_BLOCK, NEW_TOKENS

READ_BYTES = 512 * 2**20


class Shape:
    """The sizes that decide how much work a model is."""

    def __init__(self, folder):
        config = json.loads((Path(folder) / "config.json").read_text())
        self.layers, self.width, self.vocabulary = config["n_layer"], config["n_embd"], config["vocab_size"]
        self.block_matrices = [(self.width, 3 * self.width), (self.width, self.width)]
        self.block_matrices += [(self.width, 4 * self.width), (4 * self.width, self.width)]
        self.block_weights = sum(rows * columns for rows, columns in self.block_matrices)
        self.unembedding_weights = self.width * self.vocabulary
        self.weights = self.layers * self.block_weights + self.unembedding_weights

    def attention_flops(self, first, length):
        """Scores and weighted values of rows first to length in one block: only the pairs that the causal mask keeps."""
        return 4 * self.width * (length * (length + 1) - first * (first + 1)) / 2


class NumPyLimit:
    """Matrix products and memory reading with NumPy and the BLAS it came with."""

    def __init__(self, folder):
        self.shape = Shape(folder)

    def _setup(self):
        draw = np.random.default_rng(0)
        sizes = self.shape.block_matrices * self.shape.layers
        blocks = [draw.standard_normal(size, dtype=np.float32) for size in sizes]
        unembedding = draw.standard_normal((self.shape.vocabulary, self.shape.width), dtype=np.float32)
        return [*blocks, unembedding.T]

    def _array(self, *size):
        return np.ones(size, dtype=np.float32)

    def _multiply(self, left, right, out):
        np.matmul(left, right, out=out)

    def products(self, ids):
        """Multiply len(ids) rows by every weight matrix of the model once, into places made ready beforehand."""
        if not hasattr(self, "weights"):
            self.weights = self._setup()
        lefts = {width: self._array(len(ids), width) for width in {matrix.shape[0] for matrix in self.weights}}
        outs = {width: self._array(len(ids), width) for width in {matrix.shape[1] for matrix in self.weights}}
        yield
        for matrix in self.weights:
            self._multiply(lefts[matrix.shape[0]], matrix, outs[matrix.shape[1]])
        yield
        yield {}

    def reading(self, ids):
        """Multiply one large matrix by a vector, which takes as long as reading it."""
        width = self.shape.width
        if not hasattr(self, "large"):
            self.large = self._array(READ_BYTES // (4 * width), width)
        vector, out = self._array(width), self._array(self.large.shape[0])
        yield
        self._multiply(self.large, vector, out)
        yield
        yield {}


class TorchLimit(NumPyLimit):
    """The same with PyTorch."""

    def __init__(self, folder):
        import torch

        self.torch = torch
        super().__init__(folder)

    def _setup(self):
        return [self.torch.from_numpy(matrix) for matrix in super()._setup()]

    def _array(self, *size):
        return self.torch.ones(size)

    def _multiply(self, left, right, out):
        with self.torch.inference_mode():
            self.torch.matmul(left, right, out=out)


@dataclass
class Limits:
    """What the machine did at best, by NumPy or PyTorch, whichever was faster, and the least time it would let our work take."""

    shape: Shape
    products: dict  # {rows: {library: Measured}}: all matrix products of one pass
    reading: dict  # {library: Measured}: READ_BYTES read

    def _least(self, measured):
        return min((each.smallest for each in measured.values() if each.values), default=float("nan"))

    def flops_per_second(self, rows):
        return 2 * rows * self.shape.weights / self._least(self.products[rows])

    def bytes_per_second(self):
        return READ_BYTES / self._least(self.reading)

    def seconds_of_tables(self, length):
        """Every table and all logits: the arithmetic of the matrix products, and nothing for the element-wise work."""
        flops = 2 * length * self.shape.weights + self.shape.layers * self.shape.attention_flops(0, length)
        return flops / self.flops_per_second(length)

    def seconds_of_edit(self, length):
        """The rows from the middle on, through the blocks after the edited one; in the last of them only keys and values.

        The rest of the last block, and the logits, are needed for one row, which takes as long as reading their weights.
        """
        first, shape = length // 2, self.shape
        keys_and_values = 2 * shape.width**2
        flops = 2 * (length - first) * keys_and_values
        for _ in range(EDITED_BLOCK + 1, shape.layers - 1):
            flops += 2 * (length - first) * shape.block_weights + shape.attention_flops(first, length)
        one_row = 4 * (shape.block_weights - keys_and_values + shape.unembedding_weights)
        return flops / self.flops_per_second(length - first) + one_row / self.bytes_per_second()

    def seconds_of_generating(self, _=None):
        """Every weight is read once for every token."""
        return NEW_TOKENS * 4 * self.shape.weights / self.bytes_per_second()
