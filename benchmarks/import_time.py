"""How much does `import colorworker` add to the start of Python?

python benchmarks/import_time.py

Starts Python 20 times with and 20 times without the import, in turns, and prints the medians.
"""

import statistics
import subprocess
import sys
import time

STARTS = 20


def start_seconds(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - start


def main():
    codes = {"bare": "pass", "import colorworker": "import colorworker"}
    for code in codes.values():
        start_seconds(code)
    times = {name: [] for name in codes}
    for _ in range(STARTS):
        for name, code in codes.items():
            times[name].append(start_seconds(code))
    medians = {name: 1000 * statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name}: {median:.1f} ms (median of {STARTS})")
    print(f"added: {medians['import colorworker'] - medians['bare']:.1f} ms")


if __name__ == "__main__":
    main()
