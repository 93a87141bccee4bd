"""One process for each library, in turn: while one works, the others are stopped and can take nothing from it.

NumPy's BLAS and PyTorch each keep threads that go on spinning for a while after their work; in one process, or side by
side, they slow each other. So a worker that is not at its turn is suspended (SIGSTOP), which is stronger than idle.
"""

import gc
import multiprocessing
import os
import signal
import time
import traceback
from contextlib import contextmanager


class Unavailable(Exception):
    """A library could not be loaded, or could not do a piece of work."""


def perform(work, ids):
    """Do one piece of work once: the seconds between its first two yields, and its answer, which is the third."""
    running = work(ids)
    next(running)
    start = time.perf_counter()
    next(running)
    seconds = time.perf_counter() - start
    return seconds, next(running)


def _serve(pipe, side_class, folder):
    """Load a library and the model, then do what is asked until there is nothing more to do."""
    try:
        side = side_class(folder)
        pipe.send(None)
    except BaseException:
        return pipe.send(Unavailable(traceback.format_exc(limit=-3)))
    while (request := pipe.recv()) is not None:
        work, ids = request
        try:
            perform(getattr(side, work), ids[::-1])  # wakes threads and caches, with another prompt, and is not counted
            gc.collect()
            pipe.send(perform(getattr(side, work), ids))
        except Exception:
            pipe.send(Unavailable(traceback.format_exc(limit=-3)))


class Worker:
    """A library in a process of its own."""

    def __init__(self, side_class, folder):
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, side_class, folder), daemon=True)
        self.process.start()
        theirs.close()
        self.problem = self._receive()
        self._suspend()

    def _receive(self):
        try:
            return self.pipe.recv()
        except EOFError:
            return Unavailable("its process ended; perhaps there was not enough memory")

    def _suspend(self):
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGSTOP)

    def turn(self, work, ids):
        """One measurement: (seconds, answer)."""
        if self.problem:
            raise self.problem
        os.kill(self.process.pid, signal.SIGCONT)
        self.pipe.send((work, ids))
        result = self._receive()
        self._suspend()
        if isinstance(result, Unavailable):
            raise result
        return result

    def close(self):
        if self.process.is_alive():
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
        self.process.join()


@contextmanager
def workers(side_classes, folder):
    """Start one worker for each class; yields {class: worker}."""
    started = {}
    try:
        for side_class in side_classes:
            started[side_class] = Worker(side_class, folder)
        yield started
    finally:
        for worker in started.values():
            worker.close()
