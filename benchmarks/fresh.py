"""Run in a fresh process by `run.py`: `fresh.py LIBRARY WORK FOLDER LENGTH`.

Load the model, do one piece of work, and print as JSON the answer, if it is a token id, and the peak of memory in bytes.
"""

import json
import resource
import sys


def peak_memory():
    """The most memory this process has held, in bytes.

    Linux's ru_maxrss also counts what the parent held before this process was started from it, so ask /proc where there is one.
    """
    try:
        with open("/proc/self/status") as status:
            return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak


if __name__ == "__main__":
    library, work, folder, length = sys.argv[1:]
    import sides

    side = getattr(sides, library)(folder)
    ids = [(97 * i + 11) % 50257 for i in range(int(length))]
    answer = getattr(side, work)(ids)
    print(json.dumps({"answer": int(answer) if work == "next_token" else None, "peak": peak_memory()}))
